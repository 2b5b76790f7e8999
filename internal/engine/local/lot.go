package local

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/gymline/gymline/internal/engine"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
)

// lotsPerSlot bounds the lots of a step for each child that runs at once. A step
// with more shards has them share children: so many that the last ones to end
// leave a slot idle for about 1/16 of the step at most, and so few that starting
// them costs little.
const lotsPerSlot = 16

// A lot is shards of a step that one child does, one after another.
type lot struct {
	step   *plan.Step
	stride int   // of the child, which passes over what is done
	left   []int // shards that are not done, ascending; the first is under way
	of     *stepState
}

// cut divides the shards that are not done into lots, as even as strides make
// them: each gets its own where there are at most that many.
func cut(step *plan.Step, done []bool, most int) []*lot {
	var left []int
	for shard := range step.Shards {
		if done == nil || !done[shard] {
			left = append(left, shard)
		}
	}
	stride := most
	if len(left) <= most {
		stride = step.Shards
	}
	for {
		stride = min(stride, step.Shards)
		at := map[int]*lot{}
		var lots []*lot
		for _, shard := range left {
			l := at[shard%stride]
			if l == nil {
				l = &lot{step: step, stride: stride}
				at[shard%stride], lots = l, append(lots, l)
			}
			l.left = append(l.left, shard)
		}
		// What is left may be crowded on a few strides.
		if len(lots) >= min(most, len(left)) {
			return lots
		}
		stride *= 2
	}
}

// event tells of the shard under way.
func (l *lot) event(state string) progress.Event {
	return progress.Event{Type: progress.StepState, Step: string(l.step.Name), Shard: l.left[0], State: state}
}

func (l *lot) failure(err error) store.Failure {
	return store.Failure{Step: l.step.Name, Shard: l.left[0], ExitCode: fault.Code(err), Cause: err.Error(), Hint: fault.Hint(err)}
}

// ended takes the end of a shard, and reports whether it was still to come. The
// last one stays: it has ended once its child has.
func (l *lot) ended(shard int) bool {
	i := slices.Index(l.left, shard)
	if i >= 0 && len(l.left) > 1 {
		l.left = slices.Delete(l.left, i, i+1)
	}
	return i >= 0
}

// do runs the shards of a lot until all are done, one fails for good or ctx ends.
// A child that is tried again begins with the shard that failed, whose tries are
// its own.
func (cfg Config) do(ctx context.Context, run store.RunID, l *lot, sink progress.Sink) error {
	wait := cfg.Backoff
	for attempt := 1; ; attempt++ {
		first := l.left[0]
		running := l.event(progress.Running)
		running.Attempt = attempt
		sink.Emit(running)
		err := cfg.child(ctx, run, l, sink)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil && fault.Code(err) == fault.Interrupted:
			return context.Canceled
		case l.left[0] != first:
			attempt, wait = 1, cfg.Backoff
		}
		event := l.event(progress.Retrying).Because(err)
		event.Attempt = attempt
		if event.ExitCode != fault.Temporary || attempt > cfg.Retries {
			event.State = progress.Failed
			sink.Emit(event)
			return err
		}
		sink.Emit(event)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return context.Canceled
		}
		wait = min(2*wait, cfg.MaxBackoff)
	}
}

// args are the child's arguments for what is left of the lot.
func (l *lot) args(run store.RunID) []string {
	return engine.Args(string(run), l.step, strconv.Itoa(l.left[0]), l.stride)
}
