package job

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// An Opened is an open run as the shards of one process see it: its record and
// plan, the trees of its inputs and the records of finished steps, each read once.
// It is safe for concurrent use.
type Opened struct {
	Record store.Run
	Plan   *plan.Plan

	store  *store.Store
	inputs *Inputs
	mu     sync.Mutex // held while a step is read
	steps  map[store.StepName][]store.Step
	memos  Memos // all that was looked for
	trust  *Trust
}

// NewOpened is a run whose record, plan and inputs are at hand. The record may be
// set later, once there is one.
func NewOpened(s *store.Store, record store.Run, p *plan.Plan, inputs *Inputs) *Opened {
	return &Opened{Record: record, Plan: p, store: s, inputs: inputs, steps: map[store.StepName][]store.Step{}, memos: Memos{}, trust: NewTrust(s)}
}

// Open reads a run's record and plan.
func Open(ctx context.Context, s *store.Store, id store.RunID) (*Opened, error) {
	var record store.Run
	var raw []byte
	err := store.SideBySide(ctx, 2, func(i int) (err error) {
		if i == 0 {
			if record, err = s.ReadRun(ctx, id); err != nil {
				err = fmt.Errorf("run %s: %w", id, err)
			}
		} else if raw, err = s.ReadPlan(ctx, id); err != nil {
			err = fmt.Errorf("plan of run %s: %w", id, err)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	p, err := PlanOf(record, raw)
	if err != nil {
		return nil, err
	}
	return NewOpened(s, record, p, StoredInputs(s, p)), nil
}

// PlanOf decodes the plan that a run's record names, and refuses another one.
func PlanOf(record store.Run, raw []byte) (*plan.Plan, error) {
	if got := store.DigestOf(raw); record.Plan != "" && got != record.Plan {
		return nil, fault.New(fault.Permanent, fmt.Errorf("plan of run %s: it was altered or damaged: its digest is %s, and the run's record names %s", record.ID, got, record.Plan),
			"run the experiment again: a new run has a plan of its own and reuses what is stored")
	}
	return plan.Decode(raw)
}

// step returns the step that has the shard.
func (o *Opened) step(name store.StepName, shard int) (*plan.Step, error) {
	step := o.Plan.Step(name)
	if step == nil || shard < 0 || shard >= step.Shards {
		return nil, fmt.Errorf("run %s has no shard %d of a step %q", o.Record.ID, shard, name)
	}
	return step, nil
}

// Steps returns the records of all shards of a finished step.
func (o *Opened) Steps(ctx context.Context, name store.StepName) ([]store.Step, error) {
	step := o.Plan.Step(name)
	if step == nil {
		return nil, errors.New("the plan has no such step")
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if records := o.steps[name]; records != nil {
		return records, nil
	}
	if o.Record.ID == "" {
		return nil, store.ErrNotFound
	}
	records := make([]store.Step, step.Shards)
	err := store.SideBySide(ctx, step.Shards, func(shard int) (err error) {
		if records[shard], err = o.store.ReadStep(ctx, o.Record.ID, name, shard); err != nil {
			err = fmt.Errorf("shard %d: %w", shard, err)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	o.steps[name] = records
	return records, nil
}

// keep spares reading the records of a step that are at hand; nil forgets them.
func (o *Opened) keep(name store.StepName, records []store.Step) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.steps[name] = records
}

// pin starts the record of a shard with what it reads and its work key.
func (o *Opened) pin(ctx context.Context, step *plan.Step, shard int, now time.Time) (store.Step, *Reads, error) {
	rec := store.Step{Run: o.Record.ID, Step: step.Name, Shard: shard, Started: store.Stamp(now)}
	reads, err := Resolve(ctx, step, shard, o.Steps, o.inputs)
	if err != nil {
		return rec, nil, err
	}
	rec.Inputs = reads.List
	rec.WorkKey, err = step.WorkKey(o.Plan.Seed, shard, reads.Resolved)
	return rec, reads, err
}

// find looks for work by its keys, and for none of them twice.
func (o *Opened) find(ctx context.Context, keys []store.WorkKey) (Memos, error) {
	o.mu.Lock()
	memos := maps.Clone(o.memos)
	o.mu.Unlock()
	unasked := slices.DeleteFunc(keys, func(key store.WorkKey) bool { _, asked := memos[key]; return asked })
	found, _, err := o.trust.find(ctx, unasked)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	maps.Copy(o.memos, found)
	maps.Copy(memos, found)
	return memos, nil
}

// look finds the record of a shard or, unless the run is fresh, that of its work in
// another run; nil where there is none. distrusted says why a memo is none.
func (o *Opened) look(ctx context.Context, rec store.Step) (there, memo *store.Step, distrusted doubt, err error) {
	err = store.SideBySide(ctx, 2, func(i int) error {
		if i == 0 {
			found, err := o.store.ReadStep(ctx, rec.Run, rec.Step, rec.Shard)
			if errors.Is(err, store.ErrNotFound) {
				return nil
			}
			there = &found
			return err
		}
		if o.Record.Fresh {
			return nil
		}
		memos, why, err := o.trust.find(ctx, []store.WorkKey{rec.WorkKey})
		memo, distrusted = o.usable(rec.Step, memos[rec.WorkKey]), why[rec.WorkKey]
		return err
	})
	return there, memo, distrusted, err
}

// reuse records a shard whose work is known.
func (o *Opened) reuse(ctx context.Context, rec store.Step, memo *store.Step, now time.Time) (store.Step, error) {
	rec.Reused, rec.Outputs, rec.Usage, rec.Finished = true, memo.Outputs, memo.Usage, store.Stamp(now)
	rec.Stored, rec.Published, rec.MadeBy = memo.Stored, memo.Published, memo.MadeBy
	return o.commit(ctx, rec)
}

// commit records a finished shard. When another attempt was first, its record
// holds: both did the same work. The memo of work done here is made a copy of it.
func (o *Opened) commit(ctx context.Context, rec store.Step) (store.Step, error) {
	err := o.store.CommitStep(ctx, rec)
	if !errors.Is(err, store.ErrExists) {
		return rec, err
	}
	first, err := o.store.ReadStep(ctx, rec.Run, rec.Step, rec.Shard)
	if err == nil && !rec.Reused && !first.Reused && first.WorkKey == rec.WorkKey {
		err = o.store.PutMemo(ctx, first)
	}
	return first, err
}

// Known reports whether a shard's work is done: in its own run, or in another
// whose work it would reuse.
func Known(ctx context.Context, s *store.Store, which Shard) (bool, error) {
	o, err := Open(ctx, s, which.Run)
	if err != nil {
		return false, err
	}
	step, err := o.step(which.Step, which.Shard)
	if err != nil {
		return false, err
	}
	rec, _, err := o.pin(ctx, step, which.Shard, time.Time{})
	if err != nil {
		return false, err
	}
	there, memo, _, err := o.look(ctx, rec)
	return there != nil || memo != nil, err
}
