package trace

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/gymline/gymline/internal/fault"
)

// A SeedDomain is what scenes of one domain are written from.
type SeedDomain struct {
	Domain string   // "coding", "writing", …
	Tasks  []string // what a user may want to do, one sentence each
	Events []string // sample events, which show the wording of real ones
}

// ReadSeeds reads a YAML file of seed tasks:
//
//	DOMAIN: {tasks: [TEXT, …], sample_events: [TEXT, …]}
//
// Domains keep the file's order. The ending "assistant", which ProactiveBench
// gives its domains, is taken off. name stands for the file in errors, each of
// which is permanent and says file:line:column.
func ReadSeeds(name string, data []byte) ([]SeedDomain, error) {
	var file seedFile
	if err := readYAML(name, data, &file); err != nil {
		return nil, err
	}
	var out []SeedDomain
	seen := map[string]bool{}
	for _, d := range file {
		domain := SeedDomain{
			Domain: domainName(d.name.Text),
			Tasks:  texts(d.value.Tasks), Events: texts(d.value.Events),
		}
		switch {
		case domain.Domain == "":
			return nil, d.name.errorf(name, "a domain has no name")
		case seen[domain.Domain]:
			return nil, d.name.errorf(name, "the domain %q stands here a second time", domain.Domain)
		case len(domain.Tasks) == 0:
			return nil, d.name.errorf(name, "the domain %q has no tasks", domain.Domain)
		case len(domain.Events) == 0:
			return nil, d.name.errorf(name, "the domain %q has no sample_events", domain.Domain)
		}
		if err := noneBlank(name, d.value.Tasks, d.value.Events); err != nil {
			return nil, err
		}
		seen[domain.Domain] = true
		out = append(out, domain)
	}
	if len(out) == 0 {
		return nil, fault.New(fault.Permanent, fmt.Errorf("%s:1:1: it holds no domain", name), "give at least one domain with tasks and sample_events")
	}
	return out, nil
}

// domainName is the short name of a domain: "codingassistant" is "coding".
func domainName(s string) string {
	s = OneLine(s)
	if short := strings.TrimRight(strings.TrimSuffix(s, "assistant"), " -_"); short != "" {
		return short
	}
	return s
}

// seedFile is the file's mapping in its own order.
type seedFile []seedEntry

type seedEntry struct {
	name  text
	value struct {
		Tasks  []text `yaml:"tasks"`
		Events []text `yaml:"sample_events"`
	}
}

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (f *seedFile) UnmarshalYAML(node ast.Node) error {
	m, ok := node.(ast.MapNode)
	if !ok {
		return &yaml.SyntaxError{Message: "want a mapping of domains", Token: node.GetToken()}
	}
	for it := m.MapRange(); it.Next(); {
		var e seedEntry
		if err := e.name.UnmarshalYAML(it.Key()); err != nil {
			return err
		}
		if err := yaml.NodeToValue(it.Value(), &e.value, yaml.Strict()); err != nil {
			return err
		}
		*f = append(*f, e)
	}
	return nil
}

// A text is a YAML string that knows where it stood.
type text struct {
	Text string
	pos  *token.Position
}

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (t *text) UnmarshalYAML(node ast.Node) error {
	if err := yaml.NodeToValue(node, &t.Text); err != nil {
		return err
	}
	t.pos = node.GetToken().Position
	return nil
}

// errorf says what is wrong with the text; one that was absent stands at 1:1.
func (t text) errorf(file, format string, args ...any) error {
	return complain(file, t.pos, fmt.Sprintf(format, args...))
}

// readYAML decodes the one document of a file, strictly.
func readYAML(name string, data []byte, into any) error {
	file, err := parser.ParseBytes(plainText(data), 0)
	if err != nil {
		return located(name, err)
	}
	if len(file.Docs) > 1 {
		return complain(name, file.Docs[1].Start.Position, "the file holds a second document")
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return complain(name, nil, "the file is empty")
	}
	var only plain
	ast.Walk(&only, file.Docs[0].Body)
	if only.odd != nil {
		return complain(name, only.odd.Position, fmt.Sprintf("%q: tags, anchors, aliases and merges have no use here", only.odd.Value))
	}
	if err := yaml.NodeToValue(file.Docs[0].Body, into, yaml.Strict()); err != nil {
		return located(name, err)
	}
	return nil
}

// plain finds the first node that is no plain data. The YAML package panics on
// some of them, and aliases can blow a small file up.
type plain struct{ odd *token.Token }

// Visit implements ast.Visitor.
func (p *plain) Visit(node ast.Node) ast.Visitor {
	switch node.(type) {
	case *ast.TagNode, *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		p.odd = node.GetToken()
	}
	if p.odd != nil {
		return nil
	}
	return p
}

// located turns an error of the YAML package into file:line:column.
func located(name string, err error) error {
	var at yaml.Error
	if errors.As(err, &at) && at.GetToken() != nil {
		return complain(name, at.GetToken().Position, at.GetMessage())
	}
	return complain(name, nil, err.Error())
}

func complain(file string, pos *token.Position, message string) error {
	line, column := 1, 1
	if pos != nil {
		line, column = pos.Line, pos.Column
	}
	return fault.New(fault.Permanent, fmt.Errorf("%s:%d:%d: %s", file, line, column, message), "mend that line of the file")
}

func texts(in []text) []string {
	var out []string
	for _, t := range in {
		out = append(out, OneLine(t.Text))
	}
	return out
}

func noneBlank(file string, lists ...[]text) error {
	for _, list := range lists {
		for _, t := range list {
			if strings.TrimSpace(t.Text) == "" {
				return t.errorf(file, "this text is empty")
			}
		}
	}
	return nil
}
