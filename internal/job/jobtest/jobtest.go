// Package jobtest runs a job over a store in memory, as an engine would, for
// the tests of jobs.
package jobtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
)

// A Case is one step to run, alone: outputs of earlier steps are given as bytes.
type Case struct {
	Job    string
	Func   job.Func
	Params any
	// Each, when set, are the parameters of each shard instead.
	Each   []any
	Seed   uint64
	Shards int // 0 means 1
	// Files are the experiment's named inputs.
	Files map[string]fs.FS
	// Upstream maps an input's name to the bytes of each upstream shard.
	Upstream map[string][][]byte
	Models   job.Models
	InFlight int // 0 means 4
	// Tolerance of failed rows; the zero one is job's default.
	Tolerance job.Tolerance
	Events    progress.Sink // nil drops them
}

// A Result is what the shards of a case made.
type Result struct {
	Store   *store.Store
	Records []store.Step // by shard
}

// Run runs every shard in turn and stops at the first error.
func Run(t testing.TB, c Case) (*Result, error) {
	t.Helper()
	ctx := context.Background()
	s := store.New(store.NewMem())
	if c.Shards == 0 {
		c.Shards = 1
	}
	if c.Models == nil {
		c.Models = NoModels
	}
	if c.InFlight == 0 {
		c.InFlight = 4
	}
	p := &plan.Plan{Version: plan.Version, Experiment: "test", Seed: c.Seed, Inputs: map[string]store.Digest{}}
	step := plan.Step{Name: store.StepName(c.Job), Job: c.Job, Format: 1, Shards: c.Shards}
	var sources []plan.File
	for _, name := range slices.Sorted(maps.Keys(c.Files)) {
		fsys := c.Files[name]
		tree, err := s.PutTree(ctx, fsys, store.Intake{})
		must(t, err)
		p.Inputs[name] = tree.Digest
		sources = append(sources, plan.File{Input: name, Path: "."})
	}
	if c.Each == nil {
		step.Share = plan.Share{Params: encode(t, c.Params), Sources: sources}
	}
	for _, params := range c.Each {
		step.Each = append(step.Each, plan.Share{Params: encode(t, params), Sources: sources})
		step.Shards = len(c.Each)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Upstream)) {
		shards := c.Upstream[name]
		up := store.StepName("up-" + name)
		p.Steps = append(p.Steps, plan.Step{Name: up, Job: "given", Format: 1, Shards: len(shards)})
		step.Inputs = append(step.Inputs, plan.Input{Name: name, Step: up, Output: name})
		for i, data := range shards {
			d, err := s.PutBlob(ctx, data)
			must(t, err)
			must(t, s.CommitStep(ctx, store.Step{Run: "test-1", Step: up, Shard: i, WorkKey: store.WorkKey(fmt.Sprint(name, i)),
				Outputs: []store.Artifact{{Name: name, Digest: d, Bytes: int64(len(data)), MediaType: job.JSONL}}}))
		}
	}
	p.Steps = append(p.Steps, step)
	raw, err := p.Encode()
	must(t, err)
	must(t, s.CreateRun(ctx, store.Run{ID: "test-1", Experiment: "test"}))
	must(t, s.PutPlan(ctx, "test-1", raw))

	if c.Events == nil {
		c.Events = progress.NewJSON(io.Discard)
	}
	env := job.Env{
		Store: s, Models: c.Models, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Events: c.Events,
		Now: func() time.Time { return time.Unix(0, 0) }, InFlight: c.InFlight, Tolerance: c.Tolerance,
	}
	res := &Result{Store: s}
	for i := range step.Shards {
		rec, err := job.Run(ctx, env, map[string]job.Func{c.Job: c.Func}, job.Shard{Run: "test-1", Step: step.Name, Shard: i})
		if err != nil {
			return res, err
		}
		res.Records = append(res.Records, rec)
	}
	return res, nil
}

// Output returns the bytes of an output over all shards.
func (r *Result) Output(t testing.TB, name string) []byte {
	t.Helper()
	var artifacts []store.Artifact
	for i := range r.Records {
		a, err := r.Records[i].Output(name)
		must(t, err)
		artifacts = append(artifacts, a)
	}
	rc := r.Store.Concat(context.Background(), artifacts)
	defer rc.Close()
	data, err := io.ReadAll(rc)
	must(t, err)
	return data
}

// A Models opens every model as one function.
type Models func(m llm.Model) (llm.Chatter, error)

// NoModels has none.
var NoModels = Models(func(m llm.Model) (llm.Chatter, error) { return nil, fmt.Errorf("no model %s", m.Name) })

// Flush has nothing to do.
func (Models) Flush(context.Context) error { return nil }

// Open calls f.
func (f Models) Open(_ context.Context, m llm.Model) (llm.Chatter, error) { return f(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func encode(t testing.TB, params any) json.RawMessage {
	t.Helper()
	raw, err := json.Marshal(params)
	must(t, err)
	return raw
}
