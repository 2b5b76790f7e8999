package run

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
)

// world is a store and a plan of two steps: "make", of two shards, and "join",
// which reads them.
type world struct {
	*testing.T
	Registry
	plan *plan.Plan
}

func newWorld(t *testing.T) world {
	r := Registry{Store: store.New(store.NewMem()), Now: func() time.Time { return time.Unix(1000, 0) }, Version: "v1"}
	return world{t, r, &plan.Plan{Version: plan.Version, Experiment: "x", Digest: "d", Seed: 7, Steps: []plan.Step{
		{Name: "make", Job: "make", Format: 1, Shards: 2, Share: plan.Share{Params: []byte(`{}`)}},
		{Name: "join", Job: "join", Format: 1, Shards: 1, Share: plan.Share{Params: []byte(`{}`)}, Inputs: []plan.Input{{Name: "parts", Step: "make", Output: "part.jsonl"}}},
	}}}
}

func (w world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w world) draft(how Execution) Draft {
	w.Helper()
	d, err := NewDraft(w.plan, nil, how, false)
	w.ok(err)
	return d
}

// open opens the next run.
func (w world) open(how Execution) store.RunID {
	w.Helper()
	id, err := w.Open(w.Context(), w.draft(how), nil)
	w.ok(err)
	return id
}

// done records a shard as finished, with one output.
func (w world) done(id store.RunID, step store.StepName, shard int, output, text string) store.Step {
	w.Helper()
	d, err := w.PutBlob(w.Context(), []byte(text))
	w.ok(err)
	rec := store.Step{Run: id, Step: step, Shard: shard, WorkKey: store.WorkKey(store.DigestOf([]byte(text))), Outputs: []store.Artifact{{Name: output, Digest: d, Bytes: int64(len(text))}}}
	w.ok(w.CommitStep(w.Context(), rec))
	return rec
}

// events are what a sink was told.
type events struct {
	mu   sync.Mutex
	list []progress.Event
}

func (e *events) Emit(ev progress.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, ev)
}

// models count how often they were closed.
type models struct {
	noModels
	closed int
	err    error // of Close
}

func (*models) Traffic() llm.Traffic { return llm.Traffic{} }

func (m *models) Close(ctx context.Context) error {
	m.closed++
	return errors.Join(m.err, ctx.Err())
}

// worker does every shard with fn.
func (w world) worker(m *models, fn job.Func) Worker {
	return Worker{
		Store: w.Store, Jobs: map[string]job.Func{"make": fn, "join": fn, plan.JobTrain: fn}, Log: slog.New(slog.DiscardHandler), Now: w.Now,
		Models: func(store.Run, Execution, job.Shard) Models { return m }, Exec: func(Execution) job.Runner { return nil },
	}
}

func write(text string) job.Func {
	return func(_ context.Context, t *job.Task) error {
		_, err := io.WriteString(t.Create("part.jsonl", job.JSONL), text)
		return err
	}
}

func decoded[T any](t *testing.T, data []byte) (v T) {
	t.Helper()
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}
