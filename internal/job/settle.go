package job

import (
	"context"
	"time"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
)

// Settle records the shards of a step whose work is known, many at once, and tells
// of each, as Do would one by one; all that the step reads must be finished. It
// reports the shards that are done, also when it fails: the others are left to Do,
// which meets the same failure if it lasts.
func (o *Opened) Settle(ctx context.Context, step *plan.Step, now func() time.Time, sink progress.Sink) ([]bool, error) {
	if o.Record.Fresh {
		return nil, nil
	}
	o.keep(step.Name, nil) // what Ahead found is of other runs
	records := make([]store.Step, step.Shards)
	var keys []store.WorkKey
	for shard := range records {
		rec, _, err := o.pin(ctx, step, shard, now())
		if err != nil {
			return nil, err
		}
		records[shard], keys = rec, append(keys, rec.WorkKey)
	}
	memos, err := o.find(ctx, keys)
	if err != nil {
		return nil, err
	}
	var due []int
	for shard, rec := range records {
		if o.usable(step.Name, memos[rec.WorkKey]) != nil {
			due = append(due, shard)
		}
	}
	done := make([]bool, step.Shards)
	err = store.SideBySide(ctx, len(due), func(i int) error {
		rec := records[due[i]]
		var err error
		if records[rec.Shard], err = o.reuse(ctx, rec, memos[rec.WorkKey], now()); err != nil {
			return err
		}
		done[rec.Shard] = true
		sink.Emit(progress.Event{Type: progress.StepState, Step: string(step.Name), Shard: rec.Shard, State: progress.Reused})
		return nil
	})
	if err == nil && len(due) == len(records) {
		o.keep(step.Name, records)
	}
	return done, err
}
