package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
)

// A Shard is what an engine asks for: one shard of one step of an open run.
type Shard struct {
	Run   store.RunID
	Step  store.StepName
	Shard int
}

// An Env is what the process edge gives to a job.
type Env struct {
	Store  *store.Store
	Models Models
	Log    *slog.Logger
	Events progress.Sink
	// Now is the clock of records and progress; nothing digested sees it.
	Now func() time.Time
	// Every is how often progress is reported; 0 reports only at the end.
	Every    time.Duration
	InFlight int
}

// Run does one shard, unless its record exists (an earlier attempt was first)
// or its work key is in the memo index (another run did the same work). Either
// way the record exists when Run returns nil.
func Run(ctx context.Context, env Env, jobs map[string]Func, which Shard) (store.Step, error) {
	if rec, err := env.Store.ReadStep(ctx, which.Run, which.Step, which.Shard); !errors.Is(err, store.ErrNotFound) {
		return rec, err
	}
	run, err := env.Store.ReadRun(ctx, which.Run)
	if err != nil {
		return store.Step{}, fmt.Errorf("run %s: %w", which.Run, err)
	}
	raw, err := env.Store.ReadPlan(ctx, which.Run)
	if err != nil {
		return store.Step{}, fmt.Errorf("plan of run %s: %w", which.Run, err)
	}
	p, err := plan.Decode(raw)
	if err != nil {
		return store.Step{}, err
	}
	step := p.Step(which.Step)
	if step == nil || which.Shard < 0 || which.Shard >= step.Shards {
		return store.Step{}, fmt.Errorf("run %s has no shard %d of a step %q", which.Run, which.Shard, which.Step)
	}
	fn, ok := jobs[step.Job]
	if !ok {
		return store.Step{}, fmt.Errorf("step %s: this gymline has no job %q", step.Name, step.Job)
	}
	t := &Task{
		Step: step, Shard: which.Shard, Seed: p.Seed, InFlight: env.InFlight,
		Log:   env.Log.With("run", which.Run, "step", which.Step, "shard", which.Shard),
		store: env.Store, models: env.Models, meter: &meter{},
	}
	rec := store.Step{Run: which.Run, Step: which.Step, Shard: which.Shard, Started: stamp(env.Now())}
	inputs, err := Resolve(p, step, func(name store.StepName, shard int) (store.Step, error) {
		return env.Store.ReadStep(ctx, which.Run, name, shard)
	})
	if err != nil {
		return store.Step{}, err
	}
	t.sources, t.trees, rec.Inputs = inputs.Artifacts, inputs.Trees, inputs.List
	if rec.WorkKey, err = step.WorkKey(p.Seed, which.Shard, inputs.Resolved); err != nil {
		return store.Step{}, err
	}
	if !run.Fresh {
		memo, err := Memo(ctx, env.Store, rec.WorkKey)
		if err != nil {
			return store.Step{}, err
		}
		if memo != nil {
			rec.Reused, rec.Outputs, rec.Usage, rec.Finished = true, memo.Outputs, memo.Usage, stamp(env.Now())
			return commit(ctx, env.Store, rec)
		}
	}
	defer t.discard()
	if err := work(ctx, env, t, fn); err != nil {
		return store.Step{}, err
	}
	if rec.Outputs, err = t.commit(ctx); err != nil {
		return store.Step{}, err
	}
	if t.publish != "" {
		if err := env.Store.Publish(ctx, t.publish, rec.Outputs); err != nil {
			return store.Step{}, err
		}
	}
	if rec.Usage, err = json.Marshal(t.meter.usage); err != nil {
		return store.Step{}, err
	}
	rec.Finished = stamp(env.Now())
	if err := env.Store.PutMemo(ctx, rec); err != nil {
		return store.Step{}, err
	}
	return commit(ctx, env.Store, rec)
}

// commit records a finished shard. When another attempt was first, its record
// holds: both did the same work.
func commit(ctx context.Context, s *store.Store, rec store.Step) (store.Step, error) {
	err := s.CommitStep(ctx, rec)
	if errors.Is(err, store.ErrExists) {
		return s.ReadStep(ctx, rec.Run, rec.Step, rec.Shard)
	}
	return rec, err
}

// work runs the job and reports progress beside it.
func work(ctx context.Context, env Env, t *Task, fn Func) error {
	report := func() { env.Events.Emit(t.meter.event(string(t.Step.Name), t.Shard)) }
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		if env.Every <= 0 {
			<-stop
			return
		}
		tick := time.NewTicker(env.Every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				report()
			case <-stop:
				return
			}
		}
	}()
	err := fn(ctx, t)
	close(stop)
	<-stopped
	report()
	return err
}

// Inputs is what a shard reads, with its content pinned.
type Inputs struct {
	Artifacts map[string][]store.Artifact
	Trees     map[string]store.Digest
	List      []store.Artifact // for the record
	Resolved  []plan.Resolved  // for the work key
}

// Resolve pins the inputs of a step through the records of the steps before it.
func Resolve(p *plan.Plan, step *plan.Step, record func(store.StepName, int) (store.Step, error)) (*Inputs, error) {
	in := &Inputs{Artifacts: map[string][]store.Artifact{}, Trees: map[string]store.Digest{}}
	for _, want := range step.Inputs {
		if want.Source != "" {
			d, ok := p.Inputs[want.Source]
			if !ok {
				return nil, fmt.Errorf("step %s: the plan has no input %q", step.Name, want.Source)
			}
			in.Trees[want.Name] = d
			in.List = append(in.List, store.Artifact{Name: want.Source, Digest: d, MediaType: JSON})
			in.Resolved = append(in.Resolved, plan.Resolved{Name: want.Name, Digests: []store.Digest{d}})
			continue
		}
		up := p.Step(want.Step)
		if up == nil {
			return nil, fmt.Errorf("step %s: the plan has no step %q", step.Name, want.Step)
		}
		resolved := plan.Resolved{Name: want.Name}
		for shard := range up.Shards {
			rec, err := record(want.Step, shard)
			if err != nil {
				return nil, fmt.Errorf("step %s needs %s/%d: %w", step.Name, want.Step, shard, err)
			}
			a, err := rec.Output(want.Output)
			if err != nil {
				return nil, fmt.Errorf("step %s: %w", step.Name, err)
			}
			in.Artifacts[want.Name] = append(in.Artifacts[want.Name], a)
			resolved.Digests = append(resolved.Digests, a.Digest)
			a.Name = fmt.Sprintf("%s/%d/%s", want.Step, shard, want.Output)
			in.List = append(in.List, a)
		}
		in.Resolved = append(in.Resolved, resolved)
	}
	return in, nil
}

// Memo returns the record of finished work with that key whose outputs are all
// still stored, or nil.
func Memo(ctx context.Context, s *store.Store, key store.WorkKey) (*store.Step, error) {
	memo, err := s.ReadMemo(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, a := range memo.Outputs {
		ok, err := s.HasBlob(ctx, a.Digest)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, nil
		}
	}
	return &memo, nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
