package run

import (
	"context"
	"errors"
	"fmt"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// Pending is the state of a shard that is neither done nor failed.
const Pending = "Pending"

// A Run is how a run stands.
type Run struct {
	Head
	// Failed says why shards failed, and how far each came: the seal's failures or,
	// while there is no seal, what the jobs left.
	Failed []store.Failure
	// Plan is nil of a run that was cut off as it opened; Steps are in its order.
	Plan  *plan.Plan
	Steps []Step
}

// A Step is a step's shards.
type Step struct {
	*plan.Step
	Shards []Shard
}

// A Shard has a record once it is done; until then it may have a failure.
type Shard struct {
	Record  *store.Step
	Failure *store.Failure
}

// StateOf is store.Succeeded, store.Failed or Pending: what failed for a while is
// tried again as long as the run goes on.
func (r *Run) StateOf(s Shard) string {
	switch {
	case s.Record != nil:
		return store.Succeeded
	case s.Failure != nil && (r.State != Unsealed || Lasting(*s.Failure)):
		return store.Failed
	}
	return Pending
}

// Read returns how a run stands, from all its records.
func Read(ctx context.Context, st *store.Store, id store.RunID) (*Run, error) {
	head, err := ReadHead(ctx, st, id)
	if err != nil {
		return nil, err
	}
	r := &Run{Head: head}
	if r.Failed, err = failed(ctx, st, head); err != nil {
		return nil, err
	}
	r.Plan, err = ReadPlan(ctx, st, id)
	if errors.Is(err, store.ErrNotFound) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	for i := range r.Plan.Steps {
		step, err := r.read(ctx, st, &r.Plan.Steps[i])
		if err != nil {
			return nil, fmt.Errorf("run %s: step %s: %w", id, r.Plan.Steps[i].Name, err)
		}
		r.Steps = append(r.Steps, step)
	}
	return r, nil
}

func (r *Run) read(ctx context.Context, st *store.Store, p *plan.Step) (Step, error) {
	step := Step{p, make([]Shard, p.Shards)}
	err := store.SideBySide(ctx, p.Shards, func(shard int) (err error) {
		step.Shards[shard].Record, err = Record(ctx, st, r.ID, p.Name, shard)
		return err
	})
	for i := range r.Failed {
		if f := &r.Failed[i]; f.Step == p.Name && f.Shard >= 0 && f.Shard < p.Shards && step.Shards[f.Shard].Record == nil {
			step.Shards[f.Shard].Failure = f
		}
	}
	return step, err
}

// failed are the failures of a run with how far the attempts came, which a seal
// of this machine's engine does not say.
func failed(ctx context.Context, st *store.Store, head Head) ([]store.Failure, error) {
	kept, err := st.Failures(ctx, head.ID)
	if err != nil {
		return nil, fmt.Errorf("failures of run %s: %w", head.ID, err)
	}
	if head.State == Unsealed {
		return kept, nil
	}
	list := append([]store.Failure(nil), head.Failures...)
	for i := range list {
		for _, k := range kept {
			if k.Step == list[i].Step && k.Shard == list[i].Shard && len(k.Progress) > 0 {
				list[i].Progress = k.Progress
			}
		}
	}
	return list, nil
}
