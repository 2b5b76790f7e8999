package run

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// agree holds what the shards of a step read against what the records of the steps
// before say that they made: a record that was altered does not agree with those of
// later steps.
func agree(step Step, record func(store.StepName, int) *store.Step) error {
	for _, shard := range step.Shards {
		if shard.Record == nil {
			continue
		}
		if err := reads(step.Step, shard.Record, record); err != nil {
			return err
		}
	}
	return nil
}

func reads(step *plan.Step, rec *store.Step, record func(store.StepName, int) *store.Step) error {
	for _, a := range rec.Inputs {
		ref, err := plan.ParseRef(a.Name)
		if err != nil || !slices.ContainsFunc(step.Reads(rec.Shard), func(in plan.Input) bool { return in.Step == ref.Step && in.Output == ref.Output }) {
			continue // of the experiment's inputs
		}
		from := record(ref.Step, max(ref.Shard, 0))
		if from == nil {
			continue
		}
		if made, err := from.Output(ref.Output); err != nil || made.Digest != a.Digest {
			return fault.New(fault.Permanent, fmt.Errorf("the records of run %s do not agree: %s/%d read %s as %s, and %s/%d says that it made %s: one of them was altered",
				rec.Run, rec.Step, rec.Shard, a.Name, a.Digest, from.Step, from.Shard, orNone(made.Digest)),
				"run the experiment again: a new run has records of its own and reuses what is stored")
		}
	}
	return nil
}

func orNone(d store.Digest) string {
	if d == "" {
		return "no such output"
	}
	return string(d)
}

// agreed holds the records of a step against one shard's of each step that reads
// them; every shard reads the outputs of all.
func agreed(ctx context.Context, st *store.Store, p *plan.Plan, id store.RunID, name store.StepName, records map[int]*store.Step) error {
	return store.SideBySide(ctx, len(p.Steps), func(i int) error {
		step := &p.Steps[i]
		shard := readerOf(step, name)
		if shard < 0 {
			return nil
		}
		rec, err := Record(ctx, st, id, step.Name, shard)
		if errors.Is(err, store.ErrUnreadable) || errors.Is(err, store.ErrDenied) || err == nil && rec == nil {
			return nil // it says nothing of what it read, or not to a trainer's keys
		}
		if err != nil {
			return err
		}
		return reads(step, rec, func(of store.StepName, shard int) *store.Step {
			if of != name {
				return nil
			}
			return records[shard]
		})
	})
}

// readerOf returns the first shard of a step that reads another one, or -1.
func readerOf(step *plan.Step, name store.StepName) int {
	for shard := range step.Shards {
		if slices.ContainsFunc(step.Reads(shard), func(in plan.Input) bool { return in.Step == name }) {
			return shard
		}
	}
	return -1
}
