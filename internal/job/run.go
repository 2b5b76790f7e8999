package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
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
	if which.Job != "" && which.Job != step.Job {
		return store.Step{}, fault.New(fault.Usage, fmt.Errorf("step %s of run %s is a job %q, not %q", which.Step, which.Run, step.Job, which.Job), "")
	}
	fn, ok := jobs[step.Job]
	if !ok {
		return store.Step{}, fmt.Errorf("step %s: this gymline has no job %q", step.Name, step.Job)
	}
	t := &Task{
		Step: step, Shard: which.Shard, Seed: p.Seed, InFlight: env.InFlight,
		Log:   env.Log.With("run", which.Run, "step", which.Step, "shard", which.Shard),
		store: env.Store, models: env.Models, meter: newMeter(env.Traffic),
		run: which.Run, bears: env.Tolerance, now: env.Now, exec: env.Exec,
	}
	rec := store.Step{Run: which.Run, Step: which.Step, Shard: which.Shard, Started: stamp(env.Now())}
	reads, err := resolve(ctx, env.Store, p, step, which)
	if err != nil {
		return store.Step{}, err
	}
	t.sources, t.trees, rec.Inputs = reads.Inputs, reads.Sources, reads.List
	if rec.WorkKey, err = step.WorkKey(p.Seed, which.Shard, reads.Resolved); err != nil {
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
		return store.Step{}, damaged(err)
	}
	if err := t.verdict(); err != nil {
		return store.Step{}, err
	}
	// Once the step counts as done nobody asks again: what was paid for comes first.
	if err := env.Models.Flush(ctx); err != nil {
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

// Known reports whether a shard's work is done: in its own run, or in another
// whose work Run would reuse.
func Known(ctx context.Context, s *store.Store, which Shard) (bool, error) {
	if _, err := s.ReadStep(ctx, which.Run, which.Step, which.Shard); !errors.Is(err, store.ErrNotFound) {
		return err == nil, err
	}
	run, err := s.ReadRun(ctx, which.Run)
	if err != nil || run.Fresh {
		return false, err
	}
	raw, err := s.ReadPlan(ctx, which.Run)
	if err != nil {
		return false, err
	}
	p, err := plan.Decode(raw)
	if err != nil {
		return false, err
	}
	step := p.Step(which.Step)
	if step == nil || which.Shard >= step.Shards {
		return false, fmt.Errorf("run %s has no shard %d of a step %q", which.Run, which.Shard, which.Step)
	}
	reads, err := resolve(ctx, s, p, step, which)
	if err != nil {
		return false, err
	}
	key, err := step.WorkKey(p.Seed, which.Shard, reads.Resolved)
	if err != nil {
		return false, err
	}
	memo, err := Memo(ctx, s, key)
	return memo != nil, err
}

// resolve pins what a shard of a run reads.
func resolve(ctx context.Context, s *store.Store, p *plan.Plan, step *plan.Step, which Shard) (*Reads, error) {
	shards := func(name store.StepName) ([]store.Step, error) {
		up := p.Step(name)
		if up == nil {
			return nil, errors.New("the plan has no such step")
		}
		var records []store.Step
		for shard := range up.Shards {
			rec, err := s.ReadStep(ctx, which.Run, name, shard)
			if err != nil {
				return nil, fmt.Errorf("shard %d: %w", shard, err)
			}
			records = append(records, rec)
		}
		return records, nil
	}
	tree := func(name string) (*store.TreeFS, error) {
		d, ok := p.Inputs[name]
		if !ok {
			return nil, errors.New("the plan has no such input")
		}
		return s.OpenTree(ctx, d)
	}
	return Resolve(step, which.Shard, shards, tree)
}

// damaged says what helps against stored bytes that changed or are gone.
func damaged(err error) error {
	if errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrNotFound) {
		return fault.New(fault.Permanent, err, "run again with --fresh, which writes those bytes anew")
	}
	return err
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

// Reads is what a shard reads, with its content pinned.
type Reads struct {
	Inputs   map[string][]store.Artifact // by the input's name, in shard order
	Sources  map[string]*store.TreeFS    // by the named input: the part that the shard reads
	List     []store.Artifact            // both, for the record
	Resolved []plan.Resolved             // both, for the work key
}

// Resolve pins what a shard reads: through the records of the steps before, and
// the trees of the named inputs. A source that is not there is bad configuration.
func Resolve(step *plan.Step, shard int, shards func(store.StepName) ([]store.Step, error), tree func(string) (*store.TreeFS, error)) (*Reads, error) {
	r := &Reads{Inputs: map[string][]store.Artifact{}, Sources: map[string]*store.TreeFS{}}
	for _, source := range step.Of(shard).Sources {
		t, err := tree(source.Input)
		if err != nil {
			return nil, fmt.Errorf("step %s: input %s: %w", step.Name, source.Input, err)
		}
		part := t.Part(source.Path)
		if len(part.Files(".")) == 0 {
			return nil, fault.New(fault.Config, fmt.Errorf("step %s: input %s has no %s", step.Name, source.Input, source.Path),
				"correct the path in the config, or put the data there")
		}
		r.Sources[source.Input] = part.Join(r.Sources[source.Input])
		name := source.Input + "/" + source.Path
		r.List = append(r.List, store.Artifact{Name: name, Digest: part.Digest(), Bytes: part.Bytes(), MediaType: TreeType})
		r.Resolved = append(r.Resolved, plan.Resolved{Name: name, Digests: []store.Digest{part.Digest()}})
	}
	for _, in := range step.Reads(shard) {
		records, err := shards(in.Step)
		if err != nil {
			return nil, fmt.Errorf("step %s needs %s: %w", step.Name, in.Step, err)
		}
		resolved := plan.Resolved{Name: in.Name}
		for i := range records {
			a, err := records[i].Output(in.Output)
			if err != nil {
				return nil, fmt.Errorf("step %s: %w", step.Name, err)
			}
			r.Inputs[in.Name] = append(r.Inputs[in.Name], a)
			resolved.Digests = append(resolved.Digests, a.Digest)
			a.Name = fmt.Sprintf("%s/%d/%s", in.Step, i, in.Output)
			r.List = append(r.List, a)
		}
		r.Resolved = append(r.Resolved, resolved)
	}
	return r, nil
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
