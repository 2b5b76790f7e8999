package diff

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/text"
	"github.com/gymline/gymline/internal/why"
)

// An Artifact is an output of a step: of all its shards, or of the candidate that Name
// is, and the rows in it.
type Artifact struct {
	Step   store.StepName `json:"step"`
	Name   string         `json:"name,omitempty"`
	Output string         `json:"output"`
	Same   bool           `json:"equal,omitempty"`
	Was    []Blob         `json:"was"` // by shard; none: only B has it
	Is     []Blob         `json:"is"`
	// Rows are counted of what has rows. A row that has no name of its own is known by all
	// of it, so that it is added or removed and never changed.
	Rows *Rows `json:"rows,omitempty"`
	// Fields are those of a JSON document that are others: all are counted, the first shown.
	Fields     []why.Change `json:"fields,omitempty"`
	FieldCount int          `json:"fieldCount,omitempty"`
	Turns      *Turns       `json:"turns,omitempty"` // of rows that are sessions
}

// A Blob is what one shard made.
type Blob struct {
	Digest store.Digest `json:"digest"`
	Bytes  int64        `json:"bytes"`
	Rows   int64        `json:"rows,omitempty"`
}

// Rows are what became of an artifact's rows. Those in shards that are the same blob in
// both runs are not read: how many they are is what the records say.
type Rows struct {
	Same    int64 `json:"equal"`
	Added   int64 `json:"added"`
	Removed int64 `json:"removed"`
	Changed int64 `json:"changed"`
	// Shown are the first of each kind: changed, then removed, then added.
	Shown []Row `json:"shown"`
}

// The kinds of rows that are shown.
const (
	Changed = "changed"
	Removed = "removed"
	Added   = "added"
)

// A Row is one that is not the same in both runs.
type Row struct {
	Kind string `json:"kind"`
	Name string `json:"name,omitempty"` // its own; "" of one that has none
	// WasAt and IsAt are its places among the rows that were read, from 1; 0 is none.
	WasAt int64 `json:"wasAt,omitempty"`
	IsAt  int64 `json:"isAt,omitempty"`
	// Fields are those of a row that changed, the first of them; Text is another row.
	Fields     []why.Change `json:"fields,omitempty"`
	FieldCount int          `json:"fieldCount,omitempty"`
	Text       string       `json:"text,omitempty"`
}

// Bounds of what is shown: of fields, and of a row's text in bytes.
const (
	mostFields = 20
	mostBytes  = 4 << 10
)

// artifacts compares what all steps made.
func (p *pair) artifacts(ctx context.Context) error {
	for _, name := range p.steps() {
		a, b := p.a.step(name), p.b.step(name)
		for _, g := range p.groups(name, a, b) {
			if err := p.group(ctx, name, g, a, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// A group are the shards whose outputs are compared together.
type group struct {
	name string
	a, b []int
}

// groups are all shards of a step, or one each where shards differ in kind.
func (p *pair) groups(name store.StepName, a, b *run.Step) (list []group) {
	if (a == nil || a.Each == nil) && (b == nil || b.Each == nil) {
		return []group{{a: all(a), b: all(b)}}
	}
	for _, c := range p.couples(name) {
		list = append(list, group{c.name, []int{c.a}, []int{c.b}})
	}
	return list
}

func all(s *run.Step) (shards []int) {
	if s != nil {
		for shard := range s.Step.Shards {
			shards = append(shards, shard)
		}
	}
	return shards
}

func (p *pair) group(ctx context.Context, step store.StepName, g group, a, b *run.Step) error {
	names, was := outputsOf(a, g.a)
	more, is := outputsOf(b, g.b)
	for _, name := range more {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, output := range names {
		found := Artifact{Step: step, Name: g.name, Output: output, Was: blobs(was[output]), Is: blobs(is[output])}
		if found.Same = slices.Equal(found.Was, found.Is); found.Same {
			p.result.Same["artifacts"]++
			if p.All {
				p.result.Artifacts = append(p.result.Artifacts, found)
			}
			continue
		}
		if err := p.inside(ctx, &found, was[output], is[output]); err != nil {
			return err
		}
		p.result.Artifacts = append(p.result.Artifacts, found)
	}
	return nil
}

func blobs(list []store.Artifact) []Blob {
	of := []Blob{}
	for _, a := range list {
		of = append(of, Blob{a.Digest, a.Bytes, a.Rows})
	}
	return of
}

// inside looks into an artifact that is another.
func (p *pair) inside(ctx context.Context, found *Artifact, was, is []store.Artifact) error {
	step := found.Step
	switch {
	case strings.HasSuffix(found.Output, ".jsonl"):
		same, was, is := apart(was, is)
		found.Rows = &Rows{Shown: []Row{}}
		for _, a := range same {
			found.Rows.Same += a.Rows
		}
		err := p.rows(found, p.open(ctx, p.a, was), p.open(ctx, p.b, is))
		if err != nil {
			err = run.Damaged(p.b.ID, step, err)
		}
		return err
	case strings.HasSuffix(found.Output, ".json") && len(was) == 1 && len(is) == 1:
		return p.document(ctx, found, was[0], is[0])
	}
	return nil
}

// apart takes out what both lists have by the same digest.
func apart(was, is []store.Artifact) (same, a, b []store.Artifact) {
	left := map[store.Digest]int{}
	for _, one := range is {
		left[one.Digest]++
	}
	for _, one := range was {
		if left[one.Digest] > 0 {
			left[one.Digest]--
			same = append(same, one)
		} else {
			a = append(a, one)
		}
	}
	taken := map[store.Digest]int{}
	for _, one := range same {
		taken[one.Digest]++
	}
	for _, one := range is {
		if taken[one.Digest] > 0 {
			taken[one.Digest]--
		} else {
			b = append(b, one)
		}
	}
	return same, a, b
}

func (p *pair) open(ctx context.Context, s *side, list []store.Artifact) func() io.ReadCloser {
	return func() io.ReadCloser { return s.Concat(ctx, list) }
}

// rows compares two streams of rows, and reads the first ones of each kind.
func (p *pair) rows(found *Artifact, a, b func() io.ReadCloser) error {
	m := &matcher{a: a, b: b, rows: p.Rows}
	if found.Output == plan.EpisodesOutput || found.Output == plan.JudgedOutput {
		t := &turns{most: p.Rows}
		m.again = func() { *t = turns{most: p.Rows} }
		m.compared = t.compare
		defer func() { found.Turns = t.result() }()
	}
	if err := m.match(); err != nil {
		return err
	}
	r := found.Rows
	r.Same, r.Added, r.Removed, r.Changed = r.Same+m.same, m.added, m.removed, m.changed
	return p.show(r, m)
}

// show reads the rows that are shown.
func (p *pair) show(r *Rows, m *matcher) error {
	was, is := map[int64][]byte{}, map[int64][]byte{} // what is read of each stream
	for _, at := range m.firstChanged {
		was[at.a], is[at.b] = nil, nil
	}
	for _, at := range m.firstRemoved {
		was[at] = nil
	}
	for _, at := range m.firstAdded {
		is[at] = nil
	}
	for _, of := range []struct {
		open  func() io.ReadCloser
		texts map[int64][]byte
	}{{m.a, was}, {m.b, is}} {
		err := eachAt(of.open(), of.texts, func(at int64, text, _ []byte) error { of.texts[at] = slices.Clone(text); return nil })
		if err != nil {
			return err
		}
	}
	for _, at := range m.firstChanged {
		row := Row{Kind: Changed, Name: nameOfRow(is[at.b]), WasAt: at.a + 1, IsAt: at.b + 1}
		row.Fields, row.FieldCount = firstOf(why.Changes("", was[at.a], is[at.b]))
		r.Shown = append(r.Shown, row)
	}
	for _, at := range m.firstRemoved {
		r.Shown = append(r.Shown, Row{Kind: Removed, Name: nameOfRow(was[at]), WasAt: at + 1, Text: text.ClipBytes(string(was[at]), mostBytes)})
	}
	for _, at := range m.firstAdded {
		r.Shown = append(r.Shown, Row{Kind: Added, Name: nameOfRow(is[at]), IsAt: at + 1, Text: text.ClipBytes(string(is[at]), mostBytes)})
	}
	return nil
}

// firstOf bounds changes, and the texts in them.
func firstOf(list []why.Change) ([]why.Change, int) {
	n := len(list)
	list = list[:min(n, mostFields)]
	for i := range list {
		list[i].Was, list[i].Is = bounded(list[i].Was), bounded(list[i].Is)
	}
	return list, n
}

// bounded is a value, as a clipped text where it is long.
func bounded(v any) any {
	if s, ok := v.(string); ok {
		return text.ClipBytes(s, mostBytes)
	}
	if data, err := json.Marshal(v); err == nil && len(data) > mostBytes {
		return text.ClipBytes(string(data), mostBytes)
	}
	return v
}

// document compares two JSON documents by field. What is not JSON has no fields.
func (p *pair) document(ctx context.Context, found *Artifact, was, is store.Artifact) error {
	a, err := p.a.ReadBlob(ctx, was.Digest)
	if err != nil {
		return run.Damaged(p.a.ID, found.Step, err)
	}
	b, err := p.b.ReadBlob(ctx, is.Digest)
	if err != nil {
		return run.Damaged(p.b.ID, found.Step, err)
	}
	if json.Valid(a) && json.Valid(b) {
		found.Fields, found.FieldCount = firstOf(why.Changes("", a, b))
	}
	return nil
}
