// Package why says of a plan that was laid over a store why each shard would be done
// anew: what its work key depends on that is another than it was in the last run of the
// experiment. It compares plans and digests, and runs nothing.
package why

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
	was, now *Side // was is nil where there is no such run
	ahead    map[store.StepName][]job.Planned
	records  map[store.StepName][]*store.Step // of then, by shard; nil: none that can be read
}

// Of says why, of a plan whose shards were looked for in the store.
func Of(ctx context.Context, st *store.Store, p *plan.Plan, trees map[string]*store.TreeFS, ahead []job.Planned) (*Reasons, error) {
	a := &asker{Store: st, now: &Side{Plan: p, trees: trees}, ahead: map[store.StepName][]job.Planned{}, records: map[store.StepName][]*store.Step{}}
	for _, s := range ahead {
		a.ahead[s.Step] = append(a.ahead[s.Step], s)
	}
	if err := a.last(ctx); err != nil {
		return nil, err
	}
	r := &Reasons{}
	if a.was != nil {
		r.Against = a.was.Run
	}
	for _, s := range ahead {
		step := p.Step(s.Step)
		reason := Reason{Step: s.Step, Shard: s.Shard, Name: NameOf(step.Of(s.Shard)), Reused: s.Reused, By: s.By}
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
			a.was = SideOf(a.Store, head.ID, p)
			return nil
		}
	}
	return nil
}

func (a *asker) because(ctx context.Context, step *plan.Step, s job.Planned) ([]string, error) {
	if a.was == nil {
		return []string{"the experiment has no run in this store"}, nil
	}
	against := a.was.Run
	was := a.was.Step(step.Name)
	if was == nil {
		return []string{fmt.Sprintf("%s had no such step", against)}, nil
	}
	at := Counterpart(was, step, s.Shard)
	if at < 0 {
		return []string{fmt.Sprintf("%s had no such shard", against)}, nil
	}
	list, err := Differences(ctx, a.was, a.now, step.Name, at, s.Shard)
	if err != nil {
		return nil, err
	}
	outputs, err := a.outputs(ctx, step.Reads(s.Shard))
	if err != nil {
		return nil, err
	}
	if list = append(list, outputs...); len(list) > 0 {
		return list, nil
	}
	rec, err := run.Record(ctx, a.Store, against, step.Name, at)
	switch {
	case errors.Is(err, store.ErrUnreadable):
		return []string{fmt.Sprintf("its record in %s cannot be read", against)}, nil
	case err != nil:
		return nil, err
	case rec == nil:
		return []string{fmt.Sprintf("nothing changed, and %s did not finish it", against)}, nil
	}
	return []string{"nothing changed, and what it made is no longer whole in the store"}, nil
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
		list = append(list, "done anew before it: "+some(anew, " "))
	}
	if moved != nil {
		list = append(list, "another digest: "+some(moved, " "))
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
		list[i], err = run.Record(ctx, a.Store, a.was.Run, step, i)
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
