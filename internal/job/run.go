package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
)

// A Shard is what an engine asks for: one shard of one step of an open run.
type Shard struct {
	Run   store.RunID
	Step  store.StepName
	Shard int
	// Job is what the caller takes the step for; "" takes what the plan says.
	Job string
}

// An Env is what the process edge gives to a job.
type Env struct {
	Store  *store.Store
	Models Models
	// Traffic is what the models do below their retries; nil where nobody counts.
	Traffic func() llm.Traffic
	Log     *slog.Logger
	Events  progress.Sink
	// Now is the clock of records and progress; nothing digested sees it.
	Now func() time.Time
	// Every is how often progress is reported; 0 reports only at the end.
	Every    time.Duration
	InFlight int
	// Tolerance of rows that fail; the zero one is the default, of half the last 50.
	Tolerance Tolerance
	// Exec runs programs of this machine; nil where there are none to run.
	Exec Runner
}

// Run does one shard of a run that it opens.
func Run(ctx context.Context, env Env, jobs map[string]Func, which Shard) (store.Step, error) {
	o, err := Open(ctx, env.Store, which.Run)
	if err != nil {
		return store.Step{}, err
	}
	return o.Do(ctx, env, jobs, which)
}

// Do does one shard of the run, unless its record exists (an earlier attempt was
// first) or its work key is in the memo index (another run did the same work).
// Either way the record exists when Do returns nil.
func (o *Opened) Do(ctx context.Context, env Env, jobs map[string]Func, which Shard) (store.Step, error) {
	step, err := o.step(which.Step, which.Shard)
	if err != nil {
		return store.Step{}, err
	}
	if which.Job != "" && which.Job != step.Job {
		return store.Step{}, fault.New(fault.Usage, fmt.Errorf("step %s of run %s is a job %q, not %q", which.Step, o.Record.ID, step.Job, which.Job), "")
	}
	fn, ok := jobs[step.Job]
	if !ok {
		return store.Step{}, fmt.Errorf("step %s: this gymline has no job %q", step.Name, step.Job)
	}
	rec, reads, err := o.pin(ctx, step, which.Shard, env.Now())
	if err != nil {
		return rec, corrupt(err)
	}
	there, memo, distrusted, err := o.look(ctx, rec)
	switch {
	case err != nil:
		return rec, err
	case there != nil:
		return *there, nil
	case memo != nil:
		return o.reuse(ctx, rec, memo, env.Now())
	case distrusted != "" && distrusted != unfinished:
		env.Log.Warn("work is done again: its memo is not what a run recorded", "memo", "memo/"+rec.WorkKey+".json", "because", distrusted)
	}
	t := &Task{
		Step: step, Shard: which.Shard, Seed: o.Plan.Seed, InFlight: env.InFlight,
		Log: env.Log.With("run", o.Record.ID, "step", which.Step, "shard", which.Shard),
		env: env, opened: o, reads: reads, meter: newMeter(env.Traffic),
	}
	defer t.discard()
	if err := t.work(ctx, fn); err != nil {
		return rec, damaged(err)
	}
	if err := t.verdict(); err != nil {
		return rec, err
	}
	// Once the step counts as done nobody asks again: what was paid for comes first.
	if err := env.Models.Flush(ctx); err != nil {
		return rec, err
	}
	if rec.Outputs, rec.Stored, err = t.commit(ctx); err != nil {
		return rec, err
	}
	if t.publish != "" {
		if err := o.store.Publish(ctx, t.publish, t.published(rec.Outputs)); err != nil {
			return rec, err
		}
		rec.Published = t.publish
	}
	if rec.Usage, err = json.Marshal(t.meter.usage); err != nil {
		return rec, err
	}
	rec.Finished = store.Stamp(env.Now())
	if err := o.store.PutMemo(ctx, rec); err != nil {
		return rec, err
	}
	return o.commit(ctx, rec)
}

// damaged says what helps against stored bytes that changed or are gone.
func damaged(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return fault.New(fault.Permanent, err, anew)
	}
	return corrupt(err)
}

// corrupt says what helps against stored bytes that changed, where what is absent
// may be what was not made yet.
func corrupt(err error) error {
	switch {
	case errors.Is(err, store.ErrCorrupt) && fault.Hint(err) == "":
		return fault.New(fault.Permanent, err, anew)
	case errors.Is(err, store.ErrUnreadable):
		return fault.New(fault.Permanent, err, "run the experiment again: a new run has records of its own and reuses what is stored")
	}
	return err
}

const anew = "run again with --fresh, which writes those bytes anew"

// work runs the job and reports progress beside it.
func (t *Task) work(ctx context.Context, fn Func) error {
	report := func() { t.env.Events.Emit(t.meter.event(string(t.Step.Name), t.Shard)) }
	stop := make(chan struct{})
	var reporting sync.WaitGroup
	if t.env.Every > 0 {
		reporting.Go(func() {
			tick := time.NewTicker(t.env.Every)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					report()
				case <-stop:
					return
				}
			}
		})
	}
	err := fn(ctx, t)
	close(stop)
	reporting.Wait()
	report()
	return err
}
