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
	// Damage is what could not be read of it, or does not agree; nil: nothing. All
	// else is as it should be.
	Damage error
	// Altered is what is not as the seal binds it; nil: nothing that was read.
	Altered error
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
	unread  bool // it has a record that cannot be read
}

// StateOf is store.Succeeded, store.Failed, Unreadable or Pending: what failed for
// a while is tried again as long as the run goes on.
func (r *Run) StateOf(s Shard) string {
	switch {
	case s.unread:
		return Unreadable
	case s.Record != nil:
		return store.Succeeded
	case s.Failure != nil && (r.State != Unsealed || Lasting(*s.Failure)):
		return store.Failed
	}
	return Pending
}

// Read returns how a run stands, from all its records.
func Read(ctx context.Context, from *store.Store, id store.RunID) (*Run, error) {
	seen := newNoting(from.Bucket())
	st := store.New(seen)
	head, err := ReadHead(ctx, st, id)
	if err != nil {
		return nil, err
	}
	r := &Run{Head: head, Damage: head.Unread}
	if r.Failed, err = failed(ctx, st, head); errors.Is(err, store.ErrUnreadable) {
		r.Damage, err = errors.Join(r.Damage, err), nil
	}
	if err != nil {
		return nil, err
	}
	_, r.Plan, err = DraftOf(ctx, st, head.Run)
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
	for _, step := range r.Steps {
		r.Damage = errors.Join(r.Damage, agree(step, func(name store.StepName, shard int) *store.Step {
			return r.record(name, shard)
		}))
	}
	r.Altered, err = seen.altered(ctx, id, true)
	return r, err
}

// record returns the record of a shard, nil where it has none.
func (r *Run) record(name store.StepName, shard int) *store.Step {
	for _, step := range r.Steps {
		if step.Name == name && shard < len(step.Shards) {
			return step.Shards[shard].Record
		}
	}
	return nil
}

func (r *Run) read(ctx context.Context, st *store.Store, p *plan.Step) (Step, error) {
	step := Step{p, make([]Shard, p.Shards)}
	unread := make([]error, p.Shards)
	err := store.SideBySide(ctx, p.Shards, func(shard int) (err error) {
		s := &step.Shards[shard]
		s.Record, err = Record(ctx, st, r.ID, p.Name, shard)
		if errors.Is(err, store.ErrUnreadable) {
			s.Record, s.unread, unread[shard], err = nil, true, err, nil
		}
		return err
	})
	r.Damage = errors.Join(r.Damage, errors.Join(unread...))
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
		err = fmt.Errorf("failures of run %s: %w", head.ID, err)
	}
	if head.State == Unsealed || head.State == Unreadable || err != nil && !errors.Is(err, store.ErrUnreadable) {
		return kept, err
	}
	list := append([]store.Failure(nil), head.Failures...)
	for i := range list {
		for _, k := range kept {
			if k.Step == list[i].Step && k.Shard == list[i].Shard && len(k.Progress) > 0 {
				list[i].Progress = k.Progress
			}
		}
	}
	return list, err
}
