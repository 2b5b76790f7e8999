// Package local runs a plan on this machine: its shards are done by child processes
// of the same binary, with the same arguments and environment as in a pod, but
// that keys come over a pipe (package secrets). It respects the plan's arrows, runs
// a bounded number of children at once, retries temporary failures with backoff, and
// stops at the first permanent one.
package local

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
)

// A Config says how to run children.
type Config struct {
	Binary string
	// Env returns the whole environment of a step's children.
	Env func(*plan.Step) []string
	// Secrets returns variables that reach them over a pipe; nil: none.
	Secrets func(*plan.Step) []string
	// Settle is called once all that a step reads is done, and reports which of its
	// shards need no child. It tells of those itself. nil: all need one.
	Settle func(context.Context, *plan.Step) []bool
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
	s := newSchedule(p, max(cfg.Parallel, 1))
	settled, ended := make(chan settlement), make(chan outcome)
	settling, children := 0, 0
	var failures []store.Failure
	for {
		for work.Err() == nil {
			step := s.settle()
			if step == nil {
				break
			}
			if cfg.Settle == nil {
				s.settled(step, nil)
				continue
			}
			settling++
			go func() { settled <- settlement{step, cfg.Settle(work, step.step)} }()
		}
		for work.Err() == nil && children < s.parallel {
			l := s.next()
			if l == nil {
				break
			}
			children++
			go func() { ended <- outcome{l, cfg.do(work, run, l, sink)} }()
		}
		if settling+children == 0 {
			break
		}
		select {
		case r := <-settled:
			settling--
			s.settled(r.step, r.done)
		case r := <-ended:
			children--
			switch {
			case r.err == nil:
				s.finish(r.lot)
			case work.Err() != nil && errors.Is(r.err, context.Canceled):
				sink.Emit(r.lot.event(progress.Cancelled))
			default:
				failures = append(failures, r.lot.failure(r.err))
				stop()
			}
		}
	}
	if len(failures) > 0 || s.done() {
		return failures, nil
	}
	return nil, ctx.Err()
}

// A settlement says which shards of a step need no child.
type settlement struct {
	step *stepState
	done []bool // by shard; nil: none
}

// An outcome is how a lot ended.
type outcome struct {
	lot *lot
	err error // of the shard under way; context.Canceled when it was asked to leave
}
