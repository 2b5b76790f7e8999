package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/engine/argo"
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/gate"
	"github.com/gymline/gymline/internal/inspect"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/planner"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// A prepared is an experiment on its way to a run: read and checked together with
// its profile and, once its inputs were put or listed, planned.
type prepared struct {
	*experiment.Experiment
	profile *experiment.Profile
	how     run.Execution
	fresh   bool
	anew    anewFlags
	began   time.Time             // when its inputs began to be put
	trees   map[string]store.Tree // of the inputs
	inputs  *job.Inputs           // the same, to be read
	leftOut map[string][]string   // what is hidden in them
	plan    *plan.Plan
	sources sources
	gate    *gate.Result // what it found of the run; nil: there is none

	unsigned error // why the run was not signed, where it was to be
}

// prepare reads an experiment for the engine that is wanted; "" takes any.
func (f *configFlags) prepare(engine string) (*prepared, error) {
	profile, ofProfile, err := readProfileFile(f.profile)
	if err == nil && engine != "" {
		err = needEngine(profile, engine)
	}
	if err != nil {
		return nil, err
	}
	e, of, err := f.load()
	if err == nil {
		err = errors.Join(experiment.CheckTogether(e, profile), f.anew.check(e))
	}
	if err != nil {
		return nil, err
	}
	how := execution(e, profile)
	how.Set = f.set
	how.Inputs, _ = f.inputPaths() // load has refused what is none
	return &prepared{
		Experiment: e, profile: profile, how: how, fresh: f.fresh, anew: f.anew, leftOut: map[string][]string{}, sources: readSources(e, of, ofProfile),
	}, nil
}

// inputPaths are the paths of inputs that the command line gives.
func (f *configFlags) inputPaths() (map[string]string, error) {
	paths := map[string]string{}
	for _, in := range f.inputs {
		name, path, ok := strings.Cut(in, "=")
		if !ok || name == "" || path == "" {
			return nil, fault.New(fault.Usage, fmt.Errorf("--input %q: want NAME=PATH", in), "")
		}
		paths[name] = path
	}
	return paths, nil
}

// load reads the experiment, and gives its text.
func (f *configFlags) load() (e *experiment.Experiment, data []byte, err error) {
	opts := experiment.Options{Set: f.set, NeedInputs: true, Stat: os.Stat, Read: os.ReadFile}
	if opts.Inputs, err = f.inputPaths(); err != nil {
		return nil, nil, err
	}
	if data, err = readConfig(f.config); err == nil {
		e, err = experiment.Load(f.config, data, opts)
	}
	return e, data, err
}

// put stores the inputs and plans; events hears how far they are. What calls for models
// is looked through first: no call is paid for data that is found to be wrong later.
func (p *prepared) put(ctx context.Context, edge *cli.Edge, st *store.Store, events progress.Sink) (err error) {
	p.began = edge.Now()
	if len(p.Spec.Models) > 0 {
		if err := inspect.Inputs(ctx, p.Experiment, os.DirFS); err != nil {
			return err
		}
	}
	if err := p.sources.put(ctx, st, p.fresh); err != nil {
		return err
	}
	err = run.CheckWithdrawn(ctx, st, func(ctx context.Context) (map[string]*store.TreeFS, error) {
		return inputsOf(edge, p.Experiment, events, map[string][]string{}).Digest(ctx)
	})
	if err != nil {
		return err
	}
	if p.trees, err = inputsOf(edge, p.Experiment, events, p.leftOut).Put(ctx, st, p.fresh); err != nil {
		return err
	}
	if err := p.lay(p.began); err != nil {
		return err
	}
	p.inputs = job.StoredInputs(st, p.plan)
	return p.tellUnread(ctx, events)
}

// list plans without storing anything, and returns the inputs' files.
func (p *prepared) list(ctx context.Context, edge *cli.Edge) (map[string]*store.TreeFS, error) {
	shown := newTerminal(edge)
	defer shown.Close()
	files, err := inputsOf(edge, p.Experiment, shown, p.leftOut).Digest(ctx)
	if err != nil {
		return nil, err
	}
	p.trees = map[string]store.Tree{}
	for name, t := range files {
		p.trees[name] = store.Tree{Digest: t.Digest(), Files: len(t.Files(".")), Bytes: t.Bytes()}
	}
	if err := p.lay(edge.Now()); err != nil {
		return files, err
	}
	p.inputs = job.NewInputs(func(_ context.Context, name string) (*store.TreeFS, error) { return files[name], nil })
	return files, p.tellUnread(ctx, shown)
}

// tellUnread lists, for each input, the files that no step reads.
func (p *prepared) tellUnread(ctx context.Context, events progress.Sink) error {
	for _, name := range slices.Sorted(maps.Keys(p.trees)) {
		files, err := p.inputs.Unread(ctx, p.plan, name)
		if err != nil {
			return err
		}
		if files = append(files, p.leftOut[name]...); len(files) > 0 {
			slices.Sort(files)
			events.Emit(progress.Event{Type: progress.InputUnread, Input: name, Files: files})
		}
	}
	return nil
}

// lay lays out the steps.
func (p *prepared) lay(now time.Time) (err error) {
	digests := map[string]store.Digest{}
	for name, t := range p.trees {
		digests[name] = t.Digest
	}
	if p.plan, err = planner.Plan(p.Experiment, digests, formats); err != nil {
		return err
	}
	return p.askAnew(now)
}

func (p *prepared) draft() (run.Draft, error) {
	d, err := run.NewDraft(p.plan, p.trees, p.how, p.fresh)
	return d.From(p.sources.source()), err
}

// compile lays the plan out for Argo, and returns the draft that its pods want.
func (p *prepared) compile() (*argo.Manifests, run.Draft, error) {
	d, err := p.draft()
	if err != nil {
		return nil, d, err
	}
	digest, err := d.Digest()
	if err != nil {
		return nil, d, err
	}
	c := argoConfig(p.profile, p.how, digest)
	c.Schedule = argoSchedule(p.Experiment)
	m, err := compiled(p.plan, c)
	return m, d, err
}

// execution is how the profile and the experiment's models say to run.
func execution(e *experiment.Experiment, profile *experiment.Profile) run.Execution {
	how := run.Execution{InFlight: profile.Spec.Parallelism.InFlight, Models: map[string]llm.Access{}, Gate: e.Spec.Gate(), Notify: webhooks(profile)}
	if s := profile.Spec.Sign; s != nil {
		how.SignEnv = s.Key.Env
	}
	if profile.Spec.Engine == experiment.EngineArgo {
		how.Image = profile.Spec.Argo.Image
	}
	if f := e.Spec.Failures; f != nil {
		how.Tolerance = job.Tolerance{Rate: f.Rate, Window: f.Window}
	}
	if b := e.Spec.Budget; b != nil {
		how.BudgetUSD = b.USD
	}
	for name, m := range e.Spec.Models {
		a := m.Access()
		limits := profile.Spec.Limits[name]
		a.Limits, a.Timeout = limits.Identity(), time.Duration(limits.Timeout)
		if batch, ok := profile.Spec.Batch[name]; ok {
			a.Batch = batch.Identity()
		}
		how.Models[name] = a
	}
	return how
}
