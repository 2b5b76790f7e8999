// Package local runs a plan on this machine: every shard is a child process of
// the same binary, with the same arguments and environment as in a pod. It
// respects the plan's arrows, runs a bounded number of children at once,
// retries temporary failures with backoff, and stops at the first permanent one.
package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/gymline/gymline/internal/engine"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
)

// A Config says how to run children.
type Config struct {
	Binary string
	// Env returns the whole environment of a step's children.
	Env func(*plan.Step) []string
	// Stderr receives the children's logs, line by line.
	Stderr io.Writer
	// Parallel is how many children run at once, at least 1.
	Parallel int
	// Retries is how often a shard is tried again after a temporary failure; the
	// waits double from Backoff up to MaxBackoff.
	Retries    int
	Backoff    time.Duration
	MaxBackoff time.Duration
	// Grace is how long a child may take to leave after SIGTERM before it is killed.
	Grace time.Duration
}

// Run runs every shard of the plan and returns what failed. When a shard fails
// for good, the children under way are asked to leave, nothing new starts, and
// what is done stays. The error is ctx.Err() when ctx ended first.
func Run(ctx context.Context, cfg Config, p *plan.Plan, run store.RunID, sink progress.Sink) ([]store.Failure, error) {
	work, stop := context.WithCancel(ctx)
	defer stop()
	s := newSchedule(p)
	done := make(chan result)
	running := 0
	var failures []store.Failure
	for {
		for running < max(cfg.Parallel, 1) && work.Err() == nil {
			step, shard, ok := s.next()
			if !ok {
				break
			}
			running++
			go func() { done <- cfg.shard(work, run, step, shard, sink) }()
		}
		if running == 0 {
			break
		}
		r := <-done
		running--
		switch {
		case r.err == nil:
			s.finish(r.step.Name)
		case work.Err() != nil && errors.Is(r.err, context.Canceled):
			sink.Emit(progress.Event{Type: progress.StepState, Step: string(r.step.Name), Shard: r.shard, State: progress.Cancelled})
		default:
			failures = append(failures, r.failure())
			stop()
		}
	}
	if len(failures) > 0 || s.done() {
		return failures, nil
	}
	return nil, ctx.Err()
}

type result struct {
	step  *plan.Step
	shard int
	err   error // *failed, or context.Canceled
}

func (r result) failure() store.Failure {
	f := store.Failure{Step: r.step.Name, Shard: r.shard, ExitCode: fault.Internal, Cause: r.err.Error()}
	if e, ok := errors.AsType[*failed](r.err); ok {
		f.ExitCode, f.Cause, f.Hint = e.code, e.cause, e.hint
	}
	return f
}

// shard runs one shard until it succeeds, fails for good or ctx ends.
func (cfg Config) shard(ctx context.Context, run store.RunID, step *plan.Step, shard int, sink progress.Sink) result {
	wait := cfg.Backoff
	for attempt := 1; ; attempt++ {
		sink.Emit(progress.Event{Type: progress.StepState, Step: string(step.Name), Shard: shard, State: progress.Running, Attempt: attempt})
		err := cfg.child(ctx, step, engine.Args(string(run), step, strconv.Itoa(shard), step.Shards), sink)
		f, ok := errors.AsType[*failed](err)
		if err == nil || ctx.Err() != nil && ok && f.code == fault.Interrupted {
			if err != nil {
				err = context.Canceled
			}
			return result{step, shard, err}
		}
		event := progress.Event{Type: progress.StepState, Step: string(step.Name), Shard: shard, Attempt: attempt, Cause: err.Error()}
		if ok {
			event.ExitCode, event.Cause, event.Hint = f.code, f.cause, f.hint
		}
		if !ok || f.code != fault.Temporary || attempt > cfg.Retries {
			event.State = progress.Failed
			sink.Emit(event)
			return result{step, shard, err}
		}
		event.State = progress.Retrying
		sink.Emit(event)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return result{step, shard, context.Canceled}
		}
		wait = min(2*wait, cfg.MaxBackoff)
	}
}

// A failed is how a child ended when it did not succeed.
type failed struct {
	code  int
	cause string
	hint  string
}

func (e *failed) Error() string { return fmt.Sprintf("exit code %d: %s", e.code, e.cause) }
