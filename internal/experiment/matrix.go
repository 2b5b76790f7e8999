package experiment

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// A Matrix stands for a candidate for each combination of its values.
type Matrix struct {
	_           struct{}  `doc:"A candidate for each combination of values, in place of the keys of that name, in the order of the file: the first key changes last. The candidate's name has {KEY} where a value goes, as it is written."`
	Model       []string  `json:"model" required:"true" ref:"model" doc:"Models of this experiment, by name."`
	Prompt      []string  `json:"prompt,omitempty" ref:"prompt" doc:"Prompts of the role agent."`
	Temperature []float64 `json:"temperature,omitempty" min:"0" max:"2" doc:"Sampling temperatures."`
	TopP        []float64 `json:"topP,omitempty" above:"0" max:"1" doc:"Shares of nucleus sampling."`
	MaxTokens   []int     `json:"maxTokens,omitempty" min:"1" max:"1000000" doc:"Bounds of an answer, in tokens."`
	Skill       []float64 `json:"skill,omitempty" min:"0" max:"1" doc:"Skills of stand-ins."`
}

// mostOfMatrix bounds the candidates of one matrix: each pair of them is compared.
const mostOfMatrix = 100

// matrices puts the candidates that matrices stand for in their place, each value where
// the file or an override has it. Nothing after it knows of matrices.
func (l *loader) matrices(root *node) {
	list := root
	for _, key := range []string{"spec", "evaluate", "candidates"} {
		if list = list.get(key); list == nil {
			return
		}
	}
	var all []*node
	for i, item := range list.items {
		if item.find("matrix") == nil {
			all = append(all, item)
			continue
		}
		if l.told == nil {
			l.told = map[place]bool{}
		}
		all = append(all, l.matrix(item, fmt.Sprintf("spec.evaluate.candidates[%d]", i))...)
	}
	list.items = all
}

// matrix returns the candidates that one stands for.
func (l *loader) matrix(item *node, path string) []*node {
	e, name := item.find("matrix"), item.get("name")
	if e.value.kind == mapNode {
		l.where[path+".matrix"] = e.at
	}
	l.decode(e.value, reflect.New(reflect.TypeFor[Matrix]()).Elem(), path+".matrix", &field{})
	for _, key := range []string{"model", "recorded"} {
		if given := item.find(key); given != nil {
			l.add(given.at, path+"."+key, "stands beside matrix, which says whom to ask", "remove it, and name models in matrix: {model: […]}")
		}
	}
	var axes []entry
	n := 1
	for _, axis := range e.value.entries {
		if given := item.find(axis.key); given != nil && axis.key != "model" {
			l.add(given.at, path+"."+axis.key, "is given in matrix, too", "remove one of them")
		}
		if describe(reflect.TypeFor[Matrix]()).field(axis.key) == nil || axis.value.kind != listNode {
			continue // that is told
		}
		axes, n = append(axes, axis), min(n*len(axis.value.items), mostOfMatrix+1)
	}
	if n > mostOfMatrix {
		l.add(e.at, path+".matrix", fmt.Sprintf("stands for more than %d candidates", mostOfMatrix), "leave out values, or compare in several experiments")
	}
	if n > mostOfMatrix || !slices.ContainsFunc(axes, func(e entry) bool { return e.key == "model" }) {
		if name != nil {
			l.told[name.at] = true // its keys stay in it
		}
		return []*node{item}
	}
	if name != nil && name.kind == stringNode && !l.tells(name, path+".name", axes) {
		l.told[name.at] = true
	}
	base := *item
	base.entries = slices.DeleteFunc(slices.Clone(item.entries), func(e entry) bool { return e.key == "matrix" })
	all := []*node{&base}
	for _, axis := range axes {
		var next []*node
		for _, one := range all {
			for _, value := range axis.value.items {
				next = append(next, one.with(axis.key, value))
			}
		}
		all = next
	}
	return all
}

// with is a candidate with a value in its place, and in its name.
func (n *node) with(key string, value *node) *node {
	out := *n
	out.entries = slices.Clone(n.entries)
	if name := out.find("name"); name != nil && name.value.kind == stringNode {
		named := *name.value
		named.text = strings.ReplaceAll(named.text, "{"+key+"}", value.text)
		named.value = named.text
		name.value = &named
	}
	out.put(entry{key, value.at, value})
	return &out
}

var braces = regexp.MustCompile(`\{[^{}]*\}`)

// tells holds that a name tells a matrix's candidates apart.
func (l *loader) tells(name *node, path string, axes []entry) bool {
	var keys []string
	before := len(l.problems)
	for _, axis := range axes {
		keys = append(keys, axis.key)
		if len(axis.value.items) > 1 && !strings.Contains(name.text, "{"+axis.key+"}") {
			l.add(name.at, path, "is the same for every "+axis.key, fmt.Sprintf("write {%s} into it, such as %q", axis.key, clip(name.text)+"-{"+axis.key+"}"))
		}
	}
	for _, in := range braces.FindAllString(name.text, -1) {
		if key := in[1 : len(in)-1]; !slices.Contains(keys, key) {
			l.add(name.at, path, in+" is no key of matrix", "use {"+strings.Join(keys, "} or {")+"}")
		}
	}
	return len(l.problems) == before
}

// settings are what a candidate has of its own in place of its model's.
func (c Candidate) settings(m Model) Model {
	if c.Temperature != nil {
		m.Temperature = c.Temperature
	}
	if c.TopP != nil {
		m.TopP = c.TopP
	}
	if c.MaxTokens != 0 {
		m.MaxTokens = c.MaxTokens
	}
	if c.Skill != nil {
		m.Skill = c.Skill
	}
	return m
}

// Asked is a candidate's model as it is asked.
func (s *Spec) Asked(c Candidate) Model { return c.settings(s.Models[c.Model]) }

// checkSettings holds that a candidate's settings are its model's provider's.
func (l *loader) checkSettings(s *Spec, c Candidate, path string) {
	m, there := s.Models[c.Model]
	for _, key := range []string{"temperature", "topP", "maxTokens", "skill"} {
		at := path + "." + key
		of := describe(reflect.TypeFor[Model]()).field(key)
		if !l.ok(at) || l.bad[path+".model"] {
			continue
		}
		_, provider, _ := of.when()
		switch {
		case !l.given(path + ".model"):
			l.wrong(at, "is how a model is asked, and there is none", "remove it, or give model instead of recorded")
		case there && m.Provider != provider:
			l.wrong(at, fmt.Sprintf("belongs to provider %s alone, and %s is of %s", provider, clip(c.Model), clip(m.Provider)), "remove it, or use another model")
		}
	}
}
