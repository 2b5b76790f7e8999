package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
)

// progressEvery is how often a job reports.
const progressEvery = 200 * time.Millisecond

// leaveWithin is how long a process may take to flush its ledger after an
// interrupt, once its calls in flight had their time to end: it leaves within 10 s.
const leaveWithin = 4 * time.Second

// A Worker does shards of open runs.
type Worker struct {
	Store *store.Store
	Jobs  map[string]job.Func
	// Models opens the models of a run for the shards that begin with which.
	Models func(r store.Run, how Execution, which job.Shard) Models
	Exec   func(Execution) job.Runner // nil where no programs can be run
	Log    *slog.Logger
	Now    func() time.Time
}

// Models are a run's models in one process.
type Models interface {
	job.Models
	Traffic() llm.Traffic
	// Close waits for what is in flight and flushes what was paid for.
	Close(ctx context.Context) error
}

// A ShardError is why a shard failed.
type ShardError struct {
	Shard int
	Err   error
}

func (e *ShardError) Error() string { return e.Err.Error() }
func (e *ShardError) Unwrap() error { return e.Err }

// Shards does one shard of a step, and with a stride every stride-th after it, one
// after another, and tells sink of each. Its error is a *ShardError; why the shard
// failed, and how far it came, is in the store as well.
func (w Worker) Shards(ctx context.Context, which job.Shard, stride int, sink progress.Sink) error {
	far := &latest{Sink: sink}
	at, err := w.work(ctx, which, stride, far)
	if err == nil {
		return nil
	}
	failure := FailureOf(which.Step, at, err)
	failure.Progress = far.of(at)
	keepFailure(ctx, w.Store, failure, which.Run, err)
	return &ShardError{at, err}
}

// work returns the shard that it came to.
func (w Worker) work(ctx context.Context, which job.Shard, stride int, sink progress.Sink) (at int, err error) {
	o, err := job.Open(ctx, w.Store, which.Run)
	if err != nil {
		return which.Shard, err
	}
	how, err := ExecutionOf(o.Record)
	if err != nil {
		return which.Shard, err
	}
	step := o.Plan.Step(which.Step)
	if step == nil {
		return which.Shard, fmt.Errorf("run %s has no step %q", which.Run, which.Step)
	}
	models := w.Models(o.Record, how, which)
	defer func() {
		// An interrupted job still flushes what was paid for.
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveWithin)
		defer cancel()
		err = errors.Join(err, models.Close(last))
	}()
	working, stop := givingUp(ctx, w.Store, which.Run, func(f store.Failure) bool {
		past := f.Shard - which.Shard
		return f.Step == which.Step && (past == 0 || stride > 0 && past > 0 && past%stride == 0)
	})
	defer stop()
	env := job.Env{
		Store: w.Store, Models: models, Traffic: models.Traffic, Log: w.Log, Events: sink, Now: w.Now, Every: progressEvery,
		InFlight: max(how.InFlight, 1), Tolerance: how.Tolerance, Exec: w.Exec(how),
	}
	for at = which.Shard; ; at += stride {
		rec, err := o.Do(working, env, w.Jobs, job.Shard{Run: which.Run, Step: which.Step, Shard: at, Job: which.Job})
		if given := context.Cause(working); errors.Is(err, context.Canceled) && errors.Is(given, errGivenUp) {
			err = fault.New(fault.Permanent, given, "")
		}
		if err != nil {
			return at, err
		}
		done := progress.Event{Type: progress.StepState, Step: string(which.Step), Shard: at, State: progress.Succeeded}
		if rec.Reused {
			done.State = progress.Reused
		}
		sink.Emit(done)
		if stride == 0 || at+stride >= step.Shards {
			return at, nil
		}
	}
}

// FinishTraining does the step that waits for a checkpoint, so that it is done
// whether or not its run still is: the next run of the same experiment finds it by
// its work key.
func (w Worker) FinishTraining(ctx context.Context, id store.RunID, name string) error {
	_, err := job.Run(ctx, job.Env{
		Store: w.Store, Models: noModels{}, Log: w.Log, Events: progress.NewJSON(io.Discard), Now: w.Now, InFlight: 1,
	}, w.Jobs, job.Shard{Run: id, Step: plan.TrainStep(name)})
	if errors.Is(err, store.ErrNotFound) {
		return nil // the export is not there yet: the step will find the checkpoint
	}
	return err
}

// noModels are the models of a step that asks none.
type noModels struct{}

func (noModels) Flush(context.Context) error { return nil }

func (noModels) Open(_ context.Context, m llm.Model) (llm.Chatter, error) {
	return nil, fmt.Errorf("the model %s is not called here", m.Name)
}
