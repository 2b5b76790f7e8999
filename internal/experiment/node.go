package experiment

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Files are small and shallow; these bounds keep a hostile one cheap.
const (
	maxBytes = 64 << 10
	maxDepth = 32
)

// A place is where a node or key stands.
type place struct {
	file         string // or the override that it came from
	line, column int    // 0 in an override
}

type nodeKind int

const (
	nullNode nodeKind = iota
	boolNode
	intNode
	floatNode
	stringNode
	listNode
	mapNode
)

// A node is a YAML value with its place. Anchors, aliases, tags and merge keys
// are refused before there are nodes, so that each value stands where it reads.
type node struct {
	kind    nodeKind
	at      place
	text    string // of a scalar
	value   any    // of a scalar: bool, int64, uint64, float64 or string
	items   []*node
	entries []entry
}

type entry struct {
	key   string
	at    place
	value *node
}

// find returns the entry of a key, or nil.
func (n *node) find(key string) *entry {
	for i := range n.entries {
		if n.entries[i].key == key {
			return &n.entries[i]
		}
	}
	return nil
}

func (n *node) get(key string) *node {
	if e := n.find(key); e != nil {
		return e.value
	}
	return nil
}

// number is a scalar's value, when that is a number.
func (n *node) number() (x float64, ok bool) {
	switch value := n.value.(type) {
	case int64:
		return float64(value), true
	case uint64:
		return float64(value), true
	case float64:
		return value, true
	}
	return 0, false
}

// put sets a key, or adds it at the end.
func (n *node) put(e entry) {
	if old := n.find(e.key); old != nil {
		*old = e
		return
	}
	n.entries = append(n.entries, e)
}

func (n *node) remove(key string) {
	n.entries = slices.DeleteFunc(n.entries, func(e entry) bool { return e.key == key })
}

// parse reads one YAML document. It returns nil after problems that leave
// nothing to look at further. top is where the text starts; an override's is
// place{file: …}, and then everything stands there. path is the field that it fills.
func (l *loader) parse(top place, path string, data []byte) *node {
	if len(data) > maxBytes {
		l.add(top, path, fmt.Sprintf("has %d bytes, and %d is the most", len(data), maxBytes), "move data into inputs")
		return nil
	}
	text := strings.ReplaceAll(strings.TrimPrefix(string(data), "\ufeff"), "\r\n", "\n")
	p := treeParser{loader: l, top: top, path: path}
	if line, column, ok := unprintable(text); ok {
		l.add(p.place(line, column), path, "holds a character that is not text in UTF-8", "save it as UTF-8 without control characters")
		return nil
	}
	return p.document(text)
}

// unprintable finds the first character that no config has a use for.
func unprintable(text string) (line, column int, found bool) {
	line, column = 1, 1
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == '\n':
			line, column = line+1, 0
		case r == utf8.RuneError && size == 1, r < ' ' && r != '\t', r == 0x7f:
			return line, column, true
		}
		text, column = text[size:], column+1
	}
	return 0, 0, false
}

// A treeParser turns one text into nodes.
type treeParser struct {
	*loader
	top  place
	path string
}

func (p *treeParser) place(line, column int) place {
	if p.top.line == 0 {
		return p.top
	}
	return place{p.top.file, max(line, 1), max(column, 1)}
}

func (p *treeParser) token(t *token.Token) place {
	if t == nil || t.Position == nil {
		return p.top
	}
	return p.place(t.Position.Line, t.Position.Column)
}

func (p *treeParser) document(text string) (root *node) {
	// The parser below is not ours: what it cannot bear is a bad file, not a crash.
	defer func() {
		if recover() != nil {
			p.add(p.top, p.path, "is not YAML that can be read", "simplify it")
			root = nil
		}
	}()
	tokens := lexer.Tokenize(text)
	if !p.plain(tokens) {
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		at := p.top
		message := "not valid YAML"
		var detailed yaml.Error
		if errors.As(err, &detailed) {
			at = p.token(detailed.GetToken())
			message += ": " + strings.ReplaceAll(detailed.GetMessage(), "\t", `\t`)
		}
		p.add(at, p.path, message, "correct the YAML here or just before")
		return nil
	}
	var docs []*ast.DocumentNode
	for _, d := range file.Docs {
		if d.Body != nil && d.Body.Type() != ast.CommentType {
			docs = append(docs, d)
		}
	}
	switch len(docs) {
	case 0:
		return &node{kind: nullNode, at: p.top}
	case 1:
		return p.node(docs[0].Body, p.path)
	}
	p.add(p.token(docs[1].Body.GetToken()), p.path, "a second YAML document starts here", "write one document to a file")
	return nil
}

// plain refuses YAML that a config has no use for, and looks for secrets in
// comments, which no node shows.
func (p *treeParser) plain(tokens token.Tokens) bool {
	ok := true
	refuse := func(t *token.Token, message, fix string) {
		p.add(p.token(t), p.path, message, fix)
		ok = false
	}
	flow, run := 0, 0
	for _, t := range tokens {
		block := false
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			refuse(t, "YAML anchors, aliases and merge keys are not supported", "write the value out where it is used, or in quotes if it is text")
		case token.TagType:
			refuse(t, "YAML tags are not supported", "remove the tag, or put the value in quotes if it is text")
		case token.DirectiveType:
			refuse(t, "YAML directives are not supported", "remove the line, or put the value in quotes if it is text")
		case token.CommentType:
			if holdsSecret(t.Value) {
				p.add(p.token(t), p.path, "the comment holds what looks like a secret", secretFixOf(t.Value))
			}
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType:
			block = true
			run++
		}
		if !block {
			run = 0
		}
		if flow > maxDepth || run > maxDepth {
			refuse(t, fmt.Sprintf("nested more than %d deep", maxDepth), "remove levels")
			return false
		}
	}
	return ok
}

var plainNumber = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)

// node converts a value; path is for messages.
func (p *treeParser) node(n ast.Node, path string) *node {
	if n == nil {
		return &node{kind: nullNode, at: p.top}
	}
	out := &node{at: p.token(n.GetToken())}
	switch n := n.(type) {
	case *ast.NullNode:
		out.kind = nullNode
	case *ast.BoolNode:
		out.kind, out.value, out.text = boolNode, n.Value, n.Token.Value
	case *ast.IntegerNode:
		out.kind, out.value, out.text = intNode, n.Value, n.Token.Value
	case *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		out.kind, out.value, out.text = floatNode, n.(ast.ScalarNode).GetValue(), n.GetToken().Value
	case *ast.StringNode:
		out.kind, out.value, out.text = stringNode, n.Value, n.Value
		// The parser takes 1e3, and whole numbers beyond 64 bits, for text.
		if n.Token.Type == token.StringType && plainNumber.MatchString(n.Value) {
			x, _ := strconv.ParseFloat(n.Value, 64) // beyond range it is infinite, which no field allows
			out.kind, out.value = floatNode, x
		}
	case *ast.LiteralNode:
		out.kind, out.value, out.text = stringNode, n.Value.Value, n.Value.Value
	case *ast.SequenceNode:
		out.kind = listNode
		for i, item := range n.Values {
			out.items = append(out.items, p.node(item, fmt.Sprintf("%s[%d]", path, i)))
		}
	case *ast.MappingNode:
		out.kind = mapNode
		p.entries(out, n.Values, path)
	case *ast.MappingValueNode:
		out.kind = mapNode
		p.entries(out, []*ast.MappingValueNode{n}, path)
	default:
		p.add(out.at, path, "is YAML of an unusual kind", "write a plain value")
	}
	return out
}

func (p *treeParser) entries(out *node, values []*ast.MappingValueNode, path string) {
	seen := make(map[string]int, len(values))
	for i, v := range values {
		at := p.token(v.Key.GetToken())
		if i == 0 && !v.IsFlowStyle {
			out.at = at
		}
		key, ok := p.key(v.Key)
		if !ok {
			p.add(at, path, "a key is not a plain word", "write it as KEY: VALUE")
			continue
		}
		if line, twice := seen[key]; twice {
			p.add(at, join(path, key), fmt.Sprintf("is given twice, first on line %d", line), "keep one of them")
			continue
		}
		seen[key] = v.Key.GetToken().Position.Line
		out.entries = append(out.entries, entry{key, at, p.node(v.Value, join(path, key))})
	}
}

func (p *treeParser) key(n ast.MapKeyNode) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	}
	return "", false
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
