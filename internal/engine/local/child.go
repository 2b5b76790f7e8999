package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"syscall"

	"github.com/gymline/gymline/internal/child"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/secrets"
	"github.com/gymline/gymline/internal/store"
)

// child runs one process to its end and passes its events on, but for failures:
// they are the engine's to tell, since only it knows whether it retries.
func (cfg Config) child(ctx context.Context, run store.RunID, l *lot, sink progress.Sink) error {
	var last progress.Event // about a shard's state
	env, stdin := cfg.env(l.step)
	end, err := child.Run(ctx, child.Command{
		Path: cfg.Binary, Args: append([]string{"gymline"}, l.args(run)...), // what a process list shows
		Env: env, Stdin: stdin, Grace: cfg.Grace,
		Stdout: func(line []byte) {
			var e progress.Event
			if json.Unmarshal(line, &e) != nil {
				return
			}
			if e.Type == progress.StepState {
				last = e
			}
			l.pass(e, sink)
		},
		Stderr: func(line []byte) {
			if cfg.Stderr != nil {
				_, _ = cfg.Stderr.Write(line)
			}
		},
	})
	if err != nil {
		return startFailure(ctx, cfg.Binary, err)
	}
	if end.OK() {
		return nil
	}
	err = ended(ctx, end)
	if code := fault.Code(err); last.State == progress.Failed && code != fault.Interrupted {
		return fault.New(code, errors.New(last.Cause), last.Hint)
	}
	return err
}

// env is what a step's child is started with: its environment, and what it reads.
func (cfg Config) env(step *plan.Step) (vars []string, stdin []byte) {
	vars = cfg.Env(step)
	if cfg.Secrets == nil {
		return vars, nil
	}
	if keys := cfg.Secrets(step); len(keys) > 0 {
		return append(vars, secrets.Variable+"="+secrets.Stdin), secrets.Pack(keys)
	}
	return vars, nil
}

// pass passes an event of the lot's child on. With the end of a shard the next one
// begins; one that was done before the child came by is not told of again.
func (l *lot) pass(e progress.Event, sink progress.Sink) {
	switch {
	case e.Type != progress.StepState:
		sink.Emit(e)
	case (e.State == progress.Succeeded || e.State == progress.Reused) && l.ended(e.Shard):
		sink.Emit(e)
		if l.left[0] != e.Shard {
			next := l.event(progress.Running)
			next.Attempt = 1
			sink.Emit(next)
		}
	}
}

func startFailure(ctx context.Context, binary string, err error) error {
	err = fmt.Errorf("start %s: %w", binary, err)
	switch {
	case ctx.Err() != nil:
		return fault.New(fault.Interrupted, err, "")
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.ENOMEM):
		return fault.New(fault.Temporary, err, "the machine has no room for another process: lower parallelism.shards")
	}
	return fault.New(fault.Config, err, "is gymline's binary still there?")
}

// ended says what it means how a child that did not succeed came to its end.
func ended(ctx context.Context, end child.End) error {
	said := errors.New(end.Words())
	switch {
	case ctx.Err() != nil && (end.Signal != "" || end.Code == fault.Interrupted):
		return context.Canceled // it was asked to leave
	case end.Signal == "SIGKILL":
		return fault.New(fault.Temporary, errors.New("killed by SIGKILL"), "if memory ran out, lower parallelism.inFlight or parallelism.shards in the profile")
	case end.Signal != "":
		return fault.New(fault.Temporary, errors.New("killed by "+end.Signal), "")
	case end.Code == fault.Interrupted:
		return fault.New(fault.Temporary, errors.New("ended by a signal from outside"), "")
	case end.Code == fault.Internal || !fault.Known(end.Code):
		return fault.New(fault.Internal, said, "this is a defect: please report it with the log above")
	}
	return fault.New(end.Code, said, "")
}
