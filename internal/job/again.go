package job

import (
	"context"
	"io"
	"time"

	"github.com/gymline/gymline/internal/progress"
)

// Again does a finished shard of a run once more and keeps nothing of it: what it asks
// models is what it is done for.
func Again(ctx context.Context, env Env, jobs map[string]Func, which Shard) error {
	o, err := Open(ctx, env.Store, which.Run)
	if err != nil {
		return err
	}
	step, err := o.step(which.Step, which.Shard)
	if err != nil {
		return err
	}
	_, reads, err := o.pin(ctx, step, which.Shard, time.Time{})
	if err != nil {
		return corrupt(err)
	}
	env.Events = progress.NewJSON(io.Discard)
	t := &Task{
		Step: step, Shard: which.Shard, Seed: o.Plan.Seed, InFlight: env.InFlight, Log: env.Log,
		env: env, opened: o, reads: reads, meter: newMeter(env.Traffic),
	}
	defer t.discard()
	return damaged(t.work(ctx, jobs[step.Job]))
}
