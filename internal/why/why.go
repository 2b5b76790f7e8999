// Package why says of a plan that was laid over a store why each shard would be done
// anew: what its work key depends on that is another than it was in the last run of the
// experiment. It compares plans and digests, and runs nothing.
package why

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// A Reason is of one shard.
type Reason struct {
	Step   store.StepName `json:"step"`
	Shard  int            `json:"shard"`
	Name   string         `json:"name,omitempty"` // of what it does, such as a candidate
	Reused bool           `json:"reused"`
	By     store.RunID    `json:"by,omitempty"` // the run that made what is reused
	// Because is what differs from Against; none of a shard that is reused.
	Because []string `json:"because,omitempty"`
}

// Reasons are those of a plan.
type Reasons struct {
	// Against is the last run of the experiment that has a plan, "" where there is none.
	Against store.RunID `json:"against,omitempty"`
	Shards  []Reason    `json:"shards"`
}

// An asker compares a plan with that of a run.
type asker struct {
	*store.Store
	now     *plan.Plan
	trees   map[string]*store.TreeFS // the inputs as they are now
	ahead   map[store.StepName][]job.Planned
	against store.RunID
	was     *plan.Plan
	wasIn   map[string]*store.TreeFS         // the inputs of then; nil: not to be read
	records map[store.StepName][]*store.Step // of then, by shard; nil: none that can be read
}

// Of says why, of a plan whose shards were looked for in the store.
func Of(ctx context.Context, st *store.Store, p *plan.Plan, trees map[string]*store.TreeFS, ahead []job.Planned) (*Reasons, error) {
	a := &asker{Store: st, now: p, trees: trees, ahead: map[store.StepName][]job.Planned{}, wasIn: map[string]*store.TreeFS{}, records: map[store.StepName][]*store.Step{}}
	for _, s := range ahead {
		a.ahead[s.Step] = append(a.ahead[s.Step], s)
	}
	if err := a.last(ctx); err != nil {
		return nil, err
	}
	r := &Reasons{Against: a.against}
	for _, s := range ahead {
		step := p.Step(s.Step)
		reason := Reason{Step: s.Step, Shard: s.Shard, Name: nameOf(step.Of(s.Shard)), Reused: s.Reused, By: s.By}
		if !s.Reused {
			var err error
			if reason.Because, err = a.because(ctx, step, s); err != nil {
				return nil, err
			}
		}
		r.Shards = append(r.Shards, reason)
	}
	return r, nil
}

// last finds the last run of the experiment whose plan can be read.
func (a *asker) last(ctx context.Context) error {
	heads, err := run.HeadsOf(ctx, a.Store, a.now.Experiment)
	if err != nil {
		return err
	}
	for _, head := range slices.Backward(heads) {
		p, err := run.ReadPlan(ctx, a.Store, head.ID)
		if e, ok := errors.AsType[*store.Error](err); ctx.Err() != nil || ok && e.Kind == store.Transient {
			return err
		}
		if err == nil {
			a.against, a.was = head.ID, p
			return nil
		}
	}
	return nil
}

// nameOf is what a share is about, "" where only its position tells.
func nameOf(share plan.Share) string {
	var p struct {
		Candidate struct {
			Name string `json:"name"`
		} `json:"candidate"`
		Repeat int `json:"repeat"`
	}
	_ = json.Unmarshal(share.Params, &p) // of another form: no name
	if p.Repeat > 0 {
		return fmt.Sprintf("%s#%d", p.Candidate.Name, p.Repeat)
	}
	return p.Candidate.Name
}

func (a *asker) because(ctx context.Context, step *plan.Step, s job.Planned) ([]string, error) {
	if a.was == nil {
		return []string{"the experiment has no run in this store"}, nil
	}
	was := a.was.Step(step.Name)
	if was == nil {
		return []string{fmt.Sprintf("%s had no such step", a.against)}, nil
	}
	at := counterpart(was, step, s.Shard)
	if at < 0 {
		return []string{fmt.Sprintf("%s had no such shard", a.against)}, nil
	}
	list := a.differences(step, was, s.Shard, at)
	sources, err := a.sources(ctx, step.Of(s.Shard), was.Of(at))
	if err != nil {
		return nil, err
	}
	outputs, err := a.outputs(ctx, step.Reads(s.Shard))
	if err != nil {
		return nil, err
	}
	if list = slices.Concat(list, sources, outputs); len(list) > 0 {
		return list, nil
	}
	rec, err := run.Record(ctx, a.Store, a.against, step.Name, at)
	switch {
	case errors.Is(err, store.ErrUnreadable):
		return []string{fmt.Sprintf("its record in %s cannot be read", a.against)}, nil
	case err != nil:
		return nil, err
	case rec == nil:
		return []string{fmt.Sprintf("nothing changed, and %s did not finish it", a.against)}, nil
	}
	return []string{"nothing changed, and what it made is no longer whole in the store"}, nil
}

// counterpart is the shard of a step that did then what a shard does now, or -1.
func counterpart(was, now *plan.Step, shard int) int {
	if name := nameOf(now.Of(shard)); now.Each != nil && was.Each != nil && name != "" {
		return slices.IndexFunc(was.Each, func(share plan.Share) bool { return nameOf(share) == name })
	}
	if shard < was.Shards {
		return shard
	}
	return min(0, was.Shards-1)
}

// differences are those of the plans alone.
func (a *asker) differences(step, was *plan.Step, shard, at int) (list []string) {
	differ := func(what string, was, now any) {
		if was != now {
			list = append(list, fmt.Sprintf("%s %v → %v", what, was, now))
		}
	}
	differ("job", was.Job, step.Job)
	differ("format", was.Format, step.Format)
	differ("seed", a.was.Seed, a.now.Seed)
	if step.Each == nil {
		differ("shards", was.Shards, step.Shards)
	}
	return append(list, changes("params", was.Of(at).Params, step.Of(shard).Params)...)
}

// sources say which files of the experiment's inputs are others.
func (a *asker) sources(ctx context.Context, now, was plan.Share) (list []string, err error) {
	for _, f := range now.Sources {
		if !slices.Contains(was.Sources, f) {
			list = append(list, fmt.Sprintf("input %s: %s was not read", f.Input, f.Path))
			continue
		}
		old, err := a.input(ctx, f.Input)
		if err != nil {
			return nil, err
		}
		if old == nil {
			if a.was.Inputs[f.Input] != a.now.Inputs[f.Input] {
				list = append(list, fmt.Sprintf("input %s: some file changed; the list of those of %s cannot be read", f.Input, a.against))
			}
			continue
		}
		if files := changed(old.Files(f.Path), a.trees[f.Input].Files(f.Path)); files != "" {
			list = append(list, fmt.Sprintf("input %s: %s", f.Input, files))
		}
	}
	return list, nil
}

// input is a named input as it was, nil where its list cannot be read.
func (a *asker) input(ctx context.Context, name string) (*store.TreeFS, error) {
	if tree, ok := a.wasIn[name]; ok {
		return tree, nil
	}
	tree, err := a.OpenTree(ctx, a.was.Inputs[name])
	if e, ok := errors.AsType[*store.Error](err); ctx.Err() != nil || ok && e.Kind == store.Transient {
		return nil, err
	}
	if err != nil {
		tree = nil
	}
	a.wasIn[name] = tree
	return tree, nil
}

// mostFiles are named, of those that changed.
const mostFiles = 3

// changed says which files are not what they were; "": none.
func changed(was, now []store.TreeFile) string {
	old := map[string]store.Digest{}
	for _, f := range was {
		old[f.Path] = f.Digest
	}
	var list []string
	for _, f := range now {
		switch d, there := old[f.Path]; {
		case !there:
			list = append(list, f.Path+" is new")
		case d != f.Digest:
			list = append(list, f.Path+" changed")
		}
		delete(old, f.Path)
	}
	for _, f := range was {
		if _, left := old[f.Path]; left {
			list = append(list, f.Path+" is gone")
		}
	}
	if more := len(list) - mostFiles; more > 0 {
		list = append(list[:mostFiles], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(list, ", ")
}

// outputs say which shards of steps before are done anew, and which outputs moved.
func (a *asker) outputs(ctx context.Context, reads []plan.Input) (list []string, err error) {
	var anew, moved []string
	for _, in := range reads {
		was, err := a.recordsOf(ctx, in.Step)
		if err != nil {
			return nil, err
		}
		var ahead []string
		for _, s := range a.ahead[in.Step] {
			at := fmt.Sprintf("%s/%d", in.Step, s.Shard)
			if !s.Reused {
				ahead = append(ahead, at)
				continue
			}
			if s.Shard >= len(was) || was[s.Shard] == nil {
				continue
			}
			now, _ := outputOf(s.Outputs, in.Output)
			if then, ok := outputOf(was[s.Shard].Outputs, in.Output); ok && then != now {
				moved = append(moved, at+" "+in.Output)
			}
		}
		if len(ahead) > 1 && len(ahead) == len(a.ahead[in.Step]) {
			ahead = []string{string(in.Step)}
		}
		for _, at := range ahead {
			if !slices.Contains(anew, at) { // one step's outputs may be read apart
				anew = append(anew, at)
			}
		}
	}
	if anew != nil {
		list = append(list, "done anew before it: "+some(anew))
	}
	if moved != nil {
		list = append(list, "another digest: "+some(moved))
	}
	return list, nil
}

// recordsOf are a step's records as they were, read once.
func (a *asker) recordsOf(ctx context.Context, step store.StepName) ([]*store.Step, error) {
	if list, ok := a.records[step]; ok || a.was.Step(step) == nil {
		return list, nil
	}
	list := make([]*store.Step, a.was.Step(step).Shards)
	err := store.SideBySide(ctx, len(list), func(i int) (err error) {
		list[i], err = run.Record(ctx, a.Store, a.against, step, i)
		if errors.Is(err, store.ErrUnreadable) {
			list[i], err = nil, nil
		}
		return err
	})
	a.records[step] = list
	return list, err
}

func outputOf(list []store.Artifact, name string) (store.Digest, bool) {
	for _, a := range list {
		if a.Name == name {
			return a.Digest, true
		}
	}
	return "", false
}

func some(list []string) string {
	if more := len(list) - mostFiles; more > 0 {
		return strings.Join(list[:mostFiles], ", ") + fmt.Sprintf(" and %d more", more)
	}
	return strings.Join(list, ", ")
}
