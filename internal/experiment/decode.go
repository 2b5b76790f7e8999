package experiment

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxProblems bounds what is worth reading, and the cost of a hostile file.
const maxProblems = 100

// A loader turns one file into a typed value and gathers all that is wrong with it.
type loader struct {
	file     string
	problems Problems
	more     int // problems beyond maxProblems
	// Where each field that the file or an override gives stands, by path:
	// scalars and lists of scalars at their value, the rest at their key.
	where map[string]place
	// Paths with a problem: what depends on them is not looked at further.
	bad map[string]bool
	// Paths that hold a secret: nothing else is said of them.
	secret map[string]bool
	refs   []reference
	files  []fileRef
	// Set once a matrix was written out: what is wrong with it is wrong with each of its
	// candidates, and told once, and of the places in it nothing more.
	told map[place]bool
}

type reference struct{ kind, name, path string }

type fileRef struct {
	file File
	path string
	is   string // "file" or "folder"
}

func newLoader(file string) *loader {
	return &loader{file: file, where: map[string]place{}, bad: map[string]bool{}, secret: map[string]bool{}}
}

// add reports a problem. It is the one way out for text that came from a file,
// so here it is cleared of secrets.
func (l *loader) add(at place, path, message, fix string) {
	if l.secret[path] {
		return
	}
	l.bad[path] = true
	if l.told != nil && (l.told[at] || slices.ContainsFunc(l.problems, func(p Problem) bool {
		return place{p.File, p.Line, p.Column} == at && p.Message == elide(message)
	})) {
		return
	}
	if len(l.problems) == maxProblems {
		l.more++
		return
	}
	l.problems = append(l.problems, Problem{
		File: at.file, Line: at.line, Column: at.column,
		Path: elide(path), Message: elide(message), Fix: elide(fix),
	})
}

// wrong reports a problem of what stands at path.
func (l *loader) wrong(path, message, fix string) { l.add(l.at(path), path, message, fix) }

// at returns where path stands, or else the nearest that encloses it.
func (l *loader) at(path string) place {
	for {
		if p, ok := l.where[path]; ok {
			return p
		}
		if path == "" {
			return place{l.file, 1, 1}
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
}

// ok reports whether the file gives path and nothing is wrong there.
func (l *loader) ok(path string) bool {
	return l.given(path) && !l.bad[path]
}

// given reports whether the file gives path, well or badly.
func (l *loader) given(path string) bool {
	_, ok := l.where[path]
	return ok
}

func (l *loader) err() error {
	if len(l.problems) == 0 {
		return nil
	}
	l.problems.sort(l.file)
	if l.more > 0 {
		return append(l.problems, Problem{File: l.file, Message: fmt.Sprintf("%d more problems", l.more), Fix: "correct these first"})
	}
	return l.problems
}

// decode reads n into v, which is of f's type or points to it.
func (l *loader) decode(n *node, v reflect.Value, path string, f *field) {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		v = v.Elem()
	}
	if !l.given(path) {
		l.where[path] = n.at
	}
	if n.kind == nullNode {
		l.wrong(path, "is empty", "give it a value, or remove the key")
		return
	}
	switch {
	case v.Type() == durationType:
		l.duration(n, v, path, f)
	case v.Type() == bodyType:
		l.body(n, v, path)
	case v.Kind() == reflect.Struct:
		l.object(n, v, path, f)
	case v.Kind() == reflect.Map:
		l.mapping(n, v, path, f)
	case v.Kind() == reflect.Slice:
		l.list(n, v, path, f)
	case v.Kind() == reflect.String:
		l.text(n, v, path, f)
	case v.Kind() == reflect.Bool:
		l.boolean(n, v, path, f)
	default:
		l.number(n, v, path, f)
	}
}

func (l *loader) wrongType(n *node, path, want, fix string) {
	l.wrong(path, "want "+want+", found "+describeNode(n), fix)
}

func (l *loader) object(n *node, v reflect.Value, path string, f *field) {
	if v.Type() == reflect.TypeFor[SecretRef]() && n.kind != mapNode {
		// Whatever stands here may be the secret itself: it is not shown.
		l.wrong(path, "want a reference, found a value", "write {env: NAME}, and put the secret into that environment variable")
		return
	}
	o := describe(v.Type())
	if o.short != "" && n.kind != mapNode && n.kind != listNode {
		if n.kind != stringNode { // it may be a secret: it is not shown
			l.wrong(path, "want text, found something else", "put it in quotes")
			return
		}
		n = &node{kind: mapNode, at: n.at, entries: []entry{{o.short, n.at, n}}}
	}
	if n.kind != mapNode {
		l.wrongType(n, path, "a mapping", "give its keys: "+enumerate(o.keys(), "and"))
		return
	}
	for _, e := range n.entries {
		if o.field(e.key) == nil {
			at := join(path, e.key)
			l.add(e.at, at, "unknown key", suggest(e.key, o.keys(), "use "+enumerate(o.keys(), "or")))
		}
	}
	for i := range o.fields {
		l.field(n, v, path, &o.fields[i])
	}
	l.counts(n, path, o)
	if file, ok := v.Interface().(File); ok && file.Input != "" && file.Path != "" {
		l.files = append(l.files, fileRef{file, path, f.tag.Get("is")})
	}
}

// field reads one field of the mapping n into the struct v.
func (l *loader) field(n *node, v reflect.Value, parent string, f *field) {
	e, path := n.find(f.name), join(parent, f.name)
	applies := true
	if key, value, conditional := f.when(); conditional {
		actual := describe(v.Type()).field(key).tag.Get("default")
		if sibling := n.get(key); sibling != nil {
			actual = sibling.text
		}
		if actual == "" || l.bad[join(parent, key)] {
			applies = false // and e cannot be judged either
		} else if actual != value {
			if e != nil {
				l.add(e.at, path, fmt.Sprintf("belongs to %s %s alone", key, value), fmt.Sprintf("remove it, or set %s: %s", key, value))
			}
			return
		}
	}
	switch {
	case e != nil:
		if e.value.kind == mapNode || e.value.kind == nullNode {
			l.where[path] = e.at
		}
		l.decode(e.value, v.Field(f.index), path, f)
	case !applies:
	case f.required():
		l.wrong(path, "is missing", "add it: "+firstSentence(f.tag.Get("doc")))
	case f.tag.Get("when") != "":
		f.assignDefault(v.Field(f.index))
	default:
		f.setDefault(v.Field(f.index))
	}
}

// counts holds the rules on how many of some keys a mapping has.
func (l *loader) counts(n *node, path string, o object) {
	given := func(keys []string) (count int) {
		for _, key := range keys {
			if n.find(key) != nil {
				count++
			}
		}
		return count
	}
	if count := given(o.exactly); o.exactly != nil && count != 1 {
		l.wrong(path, fmt.Sprintf("has %d of the keys %s, and needs exactly one", count, enumerate(o.exactly, "and")), "give one of them")
	}
	if o.atLeast != nil && given(o.atLeast) == 0 {
		l.wrong(path, "has none of the keys "+enumerate(o.atLeast, "and"), "give at least one of them")
	}
}

func (l *loader) mapping(n *node, v reflect.Value, path string, f *field) {
	if n.kind != mapNode {
		l.wrongType(n, path, "a mapping of names", "write NAME: {…} below it")
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	element := f.element()
	for _, e := range n.entries {
		at := join(path, e.key)
		l.where[at] = e.at
		if r := rules[f.tag.Get("keys")]; !r.holds(e.key) {
			l.add(e.at, at, strconv.Quote(clip(e.key))+" cannot be a name", "use "+r.want)
		}
		value := reflect.New(v.Type().Elem()).Elem()
		l.decode(e.value, value, at, &element)
		v.SetMapIndex(reflect.ValueOf(e.key), value)
	}
}

func (l *loader) list(n *node, v reflect.Value, path string, f *field) {
	if n.kind != listNode {
		l.wrongType(n, path, "a list", "write its elements as [a, b]")
		return
	}
	if len(n.items) == 0 {
		l.add(n.at, path, "is an empty list", "give at least one element, or remove the key")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.items), len(n.items)))
	element := field{name: f.name, typ: v.Type().Elem(), tag: f.tag}
	first := map[string]int{}
	for i, item := range n.items {
		at := fmt.Sprintf("%s[%d]", path, i)
		l.decode(item, v.Index(i), at, &element)
		if item.kind != stringNode || f.tag.Get("repeats") == "true" {
			continue
		}
		if before, twice := first[item.text]; twice {
			l.add(item.at, at, fmt.Sprintf("repeats element %d", before), "remove it")
		} else {
			first[item.text] = i
		}
	}
}

func (l *loader) text(n *node, v reflect.Value, path string, f *field) {
	switch n.kind {
	case stringNode:
	case boolNode, intNode, floatNode:
		l.wrongType(n, path, "text", fmt.Sprintf("put it in quotes: %q", clip(n.text)))
		return
	default:
		l.wrongType(n, path, "text", "write one text")
		return
	}
	v.SetString(n.text)
	if !l.allowed(n, path, f) {
		return
	}
	if name := f.tag.Get("rule"); name != "" && !rules[name].holds(n.text) {
		message := strconv.Quote(clip(n.text)) + " is not valid here"
		if name == "url" || name == "endpoint" || name == "env" || name == "headerValue" { // may hold credentials of any form
			message = "is not valid here"
		}
		fix := "use " + rules[name].want
		if fault := faults[name]; fault != nil {
			if what, how := fault(n.text); what != "" {
				message, fix = strconv.Quote(clip(n.text))+": "+what, how
			}
		}
		l.add(n.at, path, message, fix)
		return
	}
	if kind := f.tag.Get("ref"); kind != "" {
		l.refs = append(l.refs, reference{kind, n.text, path})
	}
}

// allowed holds a text to the field's enum.
func (l *loader) allowed(n *node, path string, f *field) bool {
	enum := f.enum()
	if enum == nil || slices.Contains(enum, n.text) {
		return true
	}
	l.add(n.at, path, strconv.Quote(clip(n.text))+" is not allowed", suggest(n.text, enum, "give "+enumerate(enum, "or")))
	return false
}

func (l *loader) boolean(n *node, v reflect.Value, path string, f *field) {
	b, ok := n.value.(bool)
	if !ok {
		l.wrongType(n, path, "true or false", "write true or false, without quotes")
		return
	}
	if enum := f.enum(); enum != nil && !slices.Contains(enum, strconv.FormatBool(b)) {
		l.add(n.at, path, fmt.Sprintf("%t says nothing", b), "write true, or remove the key")
		return
	}
	v.SetBool(b)
}

func (l *loader) duration(n *node, v reflect.Value, path string, f *field) {
	d, err := time.ParseDuration(n.text)
	switch {
	case n.kind != stringNode || err != nil:
		l.wrongType(n, path, "a duration", "write a number and a unit, such as 500ms, 30s or 1m30s")
	case !f.contains(float64(d)) || math.Abs(float64(d)) > math.MaxInt64/2:
		l.add(n.at, path, clip(n.text)+" is out of range", "give "+f.interval())
	default:
		v.SetInt(int64(d))
	}
}
