// Package diff tells two runs apart: the earliest step at which they part and why, then
// experiment, prompts, models, inputs and code, then every artifact, row by row, and what
// that did to proposals, verdicts and scores. docs/audit.md says what it promises.
//
// It reads both stores and nothing else. Its memory is bounded: rows are compared as they
// stream by, and an artifact that both runs have by the same digest is never read.
package diff

import (
	"context"
	"fmt"
	"slices"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/why"
)

// A Side is one of the two runs: what the comparison begins with is the earlier, or A.
type Side struct {
	Store *store.Store
	Run   store.RunID
}

// Options say what is compared and shown.
type Options struct {
	Step store.StepName // of this one alone; "": of all
	Rows int            // how many rows of an artifact are shown, of each kind
	All  bool           // what is equal is listed, too
}

// A Diff is what two runs differ in.
type Diff struct {
	A Run `json:"a"`
	B Run `json:"b"`
	// Equal says that both runs were to do the same and made the same. What did it, Code,
	// and how a command line said so, Set, do not count.
	Equal  bool    `json:"equal"`
	Parted *Parted `json:"parted,omitempty"`
	// Experiment has fields of the steps' parameters; models and texts stand apart.
	Experiment []Field        `json:"experiment"`
	Set        []Field        `json:"set"` // of command lines
	Prompts    []Prompt       `json:"prompts"`
	Models     []Field        `json:"models"`   // their settings
	Versions   []Field        `json:"versions"` // as providers reported them beside answers
	Inputs     []Input        `json:"inputs"`
	Code       []Field        `json:"code"`
	Artifacts  []Artifact     `json:"artifacts"`
	Scores     []Score        `json:"scores"`
	Unfinished []string       `json:"unfinished,omitempty"` // shards that one run has not done
	Same       map[string]int `json:"same"`                 // how many of each are equal
}

// A Run is one of the two.
type Run struct {
	Run        store.RunID  `json:"run"`
	Experiment string       `json:"experiment"`
	Digest     store.Digest `json:"experimentDigest"`
	State      string       `json:"state"`
	Created    string       `json:"created"`
}

// A Field is a value that both runs have, each its own.
type Field struct {
	Of string `json:"of,omitempty"` // the steps, roles or models that have it, by commas
	why.Change
	Same bool `json:"equal,omitempty"`
}

// pair are both runs while they are compared.
type pair struct {
	Options
	a, b   *side
	result *Diff
}

type side struct {
	*store.Store
	*run.Run
	plan *why.Side
	how  run.Execution
}

// Of compares two runs. A run that is damaged is an error.
func Of(ctx context.Context, a, b Side, o Options) (*Diff, error) {
	p := &pair{Options: o}
	sides := make([]*side, 2)
	err := store.SideBySide(ctx, 2, func(i int) (err error) {
		sides[i], err = read(ctx, []Side{a, b}[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	p.a, p.b = sides[0], sides[1]
	if o.Step != "" && p.a.Plan.Step(o.Step) == nil && p.b.Plan.Step(o.Step) == nil {
		return nil, fault.New(fault.Usage, fmt.Errorf("neither run %s nor %s has a step %q", a.Run, b.Run, o.Step), fmt.Sprintf("'gymline show %s' lists them", a.Run))
	}
	p.result = &Diff{
		A: runOf(p.a), B: runOf(p.b), Experiment: []Field{}, Set: []Field{}, Prompts: []Prompt{}, Models: []Field{}, Versions: []Field{},
		Inputs: []Input{}, Code: []Field{}, Artifacts: []Artifact{}, Scores: []Score{}, Same: map[string]int{},
	}
	p.experiment()
	p.set()
	p.prompts()
	p.code()
	if err := p.models(); err != nil {
		return nil, err
	}
	for _, of := range []func(context.Context) error{p.parted, p.inputs, p.versions, p.artifacts, p.scores} {
		if err := of(ctx); err != nil {
			return nil, err
		}
	}
	d := p.result
	d.Equal = d.Parted == nil && d.Unfinished == nil && !anyOther(d)
	return d, nil
}

// anyOther reports whether anything that counts is another.
func anyOther(d *Diff) bool {
	field := func(f Field) bool { return !f.Same }
	return slices.ContainsFunc(d.Experiment, field) || slices.ContainsFunc(d.Models, field) || slices.ContainsFunc(d.Versions, field) ||
		slices.ContainsFunc(d.Prompts, func(p Prompt) bool { return !p.Same }) ||
		slices.ContainsFunc(d.Inputs, func(in Input) bool { return !in.Same }) ||
		slices.ContainsFunc(d.Artifacts, func(a Artifact) bool { return !a.Same })
}

func read(ctx context.Context, s Side) (*side, error) {
	r, err := run.Read(ctx, s.Store, s.Run)
	if err == nil {
		err = r.Damage
	}
	if err == nil && r.Plan == nil {
		err = fault.New(fault.Usage, fmt.Errorf("run %s was cut off as it opened: it has no plan", s.Run), "compare another; see 'gymline list'")
	}
	if err != nil {
		return nil, err
	}
	how, err := run.ExecutionOf(r.Run)
	return &side{s.Store, r, why.SideOf(s.Store, s.Run, r.Plan), how}, err
}

func runOf(s *side) Run {
	return Run{s.ID, s.Experiment, s.Digest, s.State, s.Created}
}

// step is a side's step, nil where it has none.
func (s *side) step(name store.StepName) *run.Step {
	for i := range s.Steps {
		if s.Steps[i].Name == name {
			return &s.Steps[i]
		}
	}
	return nil
}

// steps are the names of the steps of both, each before those that follow it in either.
func (p *pair) steps() (names []store.StepName) {
	a, b := p.a.Steps, p.b.Steps
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(a) > 0 && (p.b.step(a[0].Name) == nil || slices.Contains(names, a[0].Name)):
			names, a = append(names, a[0].Name), a[1:]
		case len(b) > 0:
			names, b = append(names, b[0].Name), b[1:]
		default:
			names, a = append(names, a[0].Name), a[1:]
		}
	}
	seen := map[store.StepName]bool{}
	return slices.DeleteFunc(names, func(name store.StepName) bool {
		again := seen[name]
		seen[name] = true
		return again || p.Step != "" && name != p.Step
	})
}

// add keeps a field that is another or, of all, one that is not.
func (p *pair) add(list *[]Field, f Field, what string) {
	if f.Same = f.Equal(); f.Same {
		p.result.Same[what]++
	}
	if !f.Same || p.All {
		*list = append(*list, f)
	}
}
