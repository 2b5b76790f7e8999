package job_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/job/jobtest"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/store"
)

// world is a store with an open run of two steps: "make" with two shards, and
// "join", which reads both.
type world struct {
	t      *testing.T
	store  *store.Store
	run    store.RunID
	events *events
	models job.Models
	// traffic is nil where a test does not count it.
	traffic func() llm.Traffic
}

type events struct {
	mu   sync.Mutex
	list []progress.Event
}

func (e *events) Emit(ev progress.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, ev)
}

func newWorld(t *testing.T) *world {
	return &world{t: t, store: store.New(store.NewMem()), events: &events{}, models: jobtest.NoModels}
}

func (w *world) open(run store.RunID, fresh bool) {
	w.t.Helper()
	p := &plan.Plan{Version: plan.Version, Experiment: "test", Seed: 7, Steps: []plan.Step{
		{Name: "make", Job: "make", Format: 1, Shards: 2, Share: plan.Share{Params: []byte(`{"count":3}`)}},
		{Name: "join", Job: "join", Format: 1, Shards: 1, Share: plan.Share{Params: []byte(`{}`)}, Inputs: []plan.Input{{Name: "parts", Step: "make", Output: "part.jsonl"}}},
	}}
	raw, err := p.Encode()
	if err := errors.Join(err, w.store.CreateRun(context.Background(), store.Run{ID: run, Experiment: "test", Fresh: fresh}), w.store.PutPlan(context.Background(), run, raw)); err != nil {
		w.t.Fatal(err)
	}
	w.run = run
}

func (w *world) do(ctx context.Context, step store.StepName, shard int, fn job.Func) (store.Step, error) {
	env := job.Env{Store: w.store, Models: w.models, Traffic: w.traffic, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Events: w.events,
		Now: func() time.Time { return time.Unix(1, 0) }, Every: time.Millisecond, InFlight: 2}
	return job.Run(ctx, env, map[string]job.Func{"make": fn, "join": fn}, job.Shard{Run: w.run, Step: step, Shard: shard})
}

func write(text string) job.Func {
	return func(_ context.Context, t *job.Task) error {
		o := t.Create("part.jsonl", job.JSONL)
		return o.Row(map[string]any{"text": text, "shard": t.Shard})
	}
}

func TestOutputsReachTheNextStepInShardOrder(t *testing.T) {
	w := newWorld(t)
	w.open("test-1", false)
	for _, shard := range []int{1, 0} {
		if _, err := w.do(t.Context(), "make", shard, write("hello")); err != nil {
			t.Fatal(err)
		}
	}
	rec, err := w.do(t.Context(), "join", 0, func(ctx context.Context, task *job.Task) error {
		var params struct{}
		if err := task.Params(&params); err != nil {
			return err
		}
		in, err := task.Open(ctx, "parts")
		if err != nil {
			return err
		}
		defer in.Close()
		_, err = io.Copy(task.Create("all.jsonl", job.JSONL), in)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	data, _ := w.store.ReadBlob(t.Context(), rec.Outputs[0].Digest)
	if got, want := string(data), "{\"shard\":0,\"text\":\"hello\"}\n{\"shard\":1,\"text\":\"hello\"}\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(rec.Inputs) != 2 || rec.Inputs[1].Name != "make/1/part.jsonl" {
		t.Errorf("inputs: %+v", rec.Inputs)
	}
}

func TestAMissingInputIsNamed(t *testing.T) {
	w := newWorld(t)
	w.open("test-1", false)
	_, err := w.do(t.Context(), "join", 0, write(""))
	if !errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "step join needs make: shard 0") {
		t.Error(err)
	}
}

func TestFinishedWorkIsReused(t *testing.T) {
	w := newWorld(t)
	calls := 0
	count := func(ctx context.Context, task *job.Task) error { calls++; return write("x")(ctx, task) }
	w.open("test-1", false)
	first, err := w.do(t.Context(), "make", 0, count)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := w.do(t.Context(), "make", 0, count)
	if calls != 1 || again.Finished != first.Finished {
		t.Errorf("a second attempt of the same run worked again: %d calls", calls)
	}
	w.open("test-2", false)
	reused, _ := w.do(t.Context(), "make", 0, count)
	if calls != 1 || !reused.Reused || reused.Outputs[0] != first.Outputs[0] || reused.WorkKey != first.WorkKey {
		t.Errorf("%d calls, %+v", calls, reused)
	}
	if _, sum, err := w.store.StepAsStored(t.Context(), first.Run, "make", 0); err != nil || first.MadeBy != nil || *reused.MadeBy != (store.Maker{Run: first.Run, SHA256: sum}) {
		t.Errorf("made by %+v, %v", reused.MadeBy, err)
	}
	if other, _ := w.do(t.Context(), "make", 1, count); calls != 2 || other.Reused {
		t.Errorf("another shard reused this one's work")
	}
	w.open("test-3", true)
	if fresh, _ := w.do(t.Context(), "make", 0, count); calls != 3 || fresh.Reused {
		t.Errorf("--fresh reused")
	}
}

func TestWorkWhoseBytesAreGoneIsDoneAgain(t *testing.T) {
	w := newWorld(t)
	w.open("test-1", false)
	key := store.WorkKey("")
	rec, err := w.do(t.Context(), "make", 0, write("x"))
	if err != nil {
		t.Fatal(err)
	}
	key = rec.WorkKey
	rec.Outputs[0].Digest = store.DigestOf([]byte("deleted"))
	if err := w.store.PutMemo(t.Context(), rec); err != nil {
		t.Fatal(err)
	}
	w.open("test-2", false)
	again, err := w.do(t.Context(), "make", 0, write("x"))
	if err != nil || again.Reused || again.WorkKey != key {
		t.Errorf("%+v %v", again, err)
	}
}

func TestNothingIsVisibleOfFailedWork(t *testing.T) {
	w := newWorld(t)
	w.open("test-1", false)
	bad := errors.New("row 7 is cut in half")
	_, err := w.do(t.Context(), "make", 0, func(ctx context.Context, task *job.Task) error {
		return errors.Join(write("half")(ctx, task), bad)
	})
	if !errors.Is(err, bad) {
		t.Fatal(err)
	}
	for key, err := range w.store.Bucket().List(t.Context(), "") {
		if err != nil || !strings.HasPrefix(key, "runs/test-1/run.json") && !strings.HasPrefix(key, "runs/test-1/plan.json") {
			t.Errorf("%s was left behind (%v)", key, err)
		}
	}
}

func TestRacingAttemptsAgree(t *testing.T) {
	w := newWorld(t)
	w.open("test-1", false)
	var wg sync.WaitGroup
	recs := make([]store.Step, 8)
	for i := range recs {
		wg.Go(func() {
			var err error
			if recs[i], err = w.do(t.Context(), "make", 0, write("x")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, rec := range recs {
		if rec.Outputs[0].Digest != recs[0].Outputs[0].Digest || rec.WorkKey != recs[0].WorkKey {
			t.Errorf("%+v", rec)
		}
	}
}

func TestUnknownStepsShardsAndJobs(t *testing.T) {
	w := newWorld(t)
	w.open("test-1", false)
	for _, c := range []struct {
		step  store.StepName
		shard int
	}{{"nothing", 0}, {"make", 2}, {"make", -1}} {
		if _, err := w.do(t.Context(), c.step, c.shard, write("")); err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("%v: %v", c, err)
		}
	}
	other := job.Env{Store: w.store, Log: slog.New(slog.DiscardHandler), Now: time.Now}
	if _, err := job.Run(t.Context(), other, nil, job.Shard{Run: w.run, Step: "make", Job: "join"}); fault.Code(err) != fault.Usage {
		t.Errorf("another job's name was taken: %v", err)
	}
	w.run = "test-9"
	if _, err := w.do(t.Context(), "make", 0, write("")); !errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "test-9") {
		t.Error(err)
	}
}

func TestProgressCountsRowsAndCalls(t *testing.T) {
	w := newWorld(t)
	w.open("test-1", false)
	w.models = jobtest.Models(func(llm.Model) (llm.Chatter, error) {
		return llm.ChatFunc(func(context.Context, *llm.Request) (*llm.Response, error) {
			return &llm.Response{Usage: llm.Usage{Prompt: 1000, Cached: 400, Completion: 100, USD: 0.5}}, nil
		}), nil
	})
	model := llm.Model{Name: "m", Provider: llm.Sim}
	_, err := w.do(t.Context(), "make", 0, func(ctx context.Context, task *job.Task) error {
		task.Plan(3)
		c, err := task.Chat(ctx, "role", model)
		if err != nil {
			return err
		}
		for _, s := range []rows.State{rows.Accepted, rows.Failed} {
			if _, err := c.Chat(ctx, &llm.Request{}); err != nil {
				return err
			}
			task.Done(s)
		}
		return write("x")(ctx, task)
	})
	if err != nil {
		t.Fatal(err)
	}
	last := w.events.list[len(w.events.list)-1]
	if last.Done != 2 || last.Total != 3 || last.Failed != 1 || !last.Simulated {
		t.Errorf("%+v", last)
	}
	want := llm.Usage{Calls: 2, Prompt: 2000, Cached: 800, Completion: 200, USD: 1}
	if *last.Usage != want {
		t.Errorf("%+v", *last.Usage)
	}
}

// A process may do several shards: each tells of its own failed calls.
func TestProgressTellsOfTrafficSinceTheShardBegan(t *testing.T) {
	w := newWorld(t)
	w.open("test-1", false)
	var limited atomic.Int64
	limited.Store(10)
	w.traffic = func() llm.Traffic {
		return llm.Traffic{InFlight: 7, Waiting: 2, Errors: llm.Errors{RateLimited: limited.Load(), Refused: 1}}
	}
	_, err := w.do(t.Context(), "make", 0, func(ctx context.Context, task *job.Task) error {
		limited.Store(13)
		return write("x")(ctx, task)
	})
	if err != nil {
		t.Fatal(err)
	}
	last := w.events.list[len(w.events.list)-1]
	if last.InFlight != 7 || last.Waiting != 2 || last.Errors == nil || *last.Errors != (llm.Errors{RateLimited: 3}) {
		t.Errorf("%+v, %+v", last, last.Errors)
	}
}

func TestRowsThatDoNotAddUpAreRefused(t *testing.T) {
	w := newWorld(t)
	w.open("test-1", false)
	_, err := w.do(t.Context(), "make", 0, func(_ context.Context, task *job.Task) error {
		return task.Ledger().Add(rows.Row{Stage: "make", ID: "a", State: rows.Failed})
	})
	if err == nil || !strings.Contains(err.Error(), "without a cause") {
		t.Error(err)
	}
}

func TestDecodeNamesTheLine(t *testing.T) {
	type row struct{ A int }
	var got []int
	err := job.Decode(strings.NewReader("{\"A\":1}\n\n{\"A\":2}\n{\"A\":"), "rows.jsonl", func(n int, r *row) error {
		got = append(got, n, r.A)
		return nil
	})
	if fmt.Sprint(got) != "[1 1 3 2]" || err == nil || !strings.HasPrefix(err.Error(), "rows.jsonl:4: ") || fault.Code(err) != fault.Permanent {
		t.Errorf("%v %v", got, err)
	}
}

// noFlush is a ledger that cannot be written.
type noFlush struct{ job.Models }

func (noFlush) Flush(context.Context) error { return errors.New("the ledger's bucket is away") }

// A step counts as done only once its model calls are durable: nobody would ask
// for them again.
func TestCallsAreDurableBeforeTheStepIsDone(t *testing.T) {
	w := newWorld(t)
	w.open("test-1", false)
	w.models = noFlush{jobtest.NoModels}
	if _, err := w.do(t.Context(), "make", 0, write("x")); err == nil || !strings.Contains(err.Error(), "bucket is away") {
		t.Fatal(err)
	}
	for key := range w.store.Bucket().List(t.Context(), "") {
		if strings.Contains(key, "steps/") || strings.HasPrefix(key, "memo/") {
			t.Errorf("%s says that the work is done", key)
		}
	}
}

// A work key covers what a step reads of an input, and nothing beside it; what
// it covers is all that the job can read.
func TestSources(t *testing.T) {
	step := &plan.Step{Name: "make", Job: "make", Shards: 1, Share: plan.Share{Sources: []plan.File{
		{Input: "samples", Path: "seeds.yaml"}, {Input: "samples", Path: "benchmark"}}}}
	resolve := func(files fstest.MapFS) (*job.Reads, store.WorkKey, error) {
		s := store.New(store.NewMem())
		tree, err := s.PutTree(t.Context(), files, store.Intake{})
		if err != nil {
			t.Fatal(err)
		}
		reads, err := job.Resolve(t.Context(), step, 0, nil, job.StoredInputs(s, &plan.Plan{Inputs: map[string]store.Digest{"samples": tree.Digest}}))
		if err != nil {
			return nil, "", err
		}
		key, err := step.WorkKey(7, 0, reads.Resolved)
		if err != nil {
			t.Fatal(err)
		}
		return reads, key, nil
	}
	files := fstest.MapFS{"seeds.yaml": {Data: []byte("a")}, "benchmark/x.json": {Data: []byte("b")}, "notes.md": {Data: []byte("c")}}
	reads, base, err := resolve(files)
	if err != nil {
		t.Fatal(err)
	}
	for name, readable := range map[string]bool{"seeds.yaml": true, "benchmark/x.json": true, "notes.md": false} {
		if _, err := reads.Sources["samples"].ReadFile(t.Context(), name); (err == nil) != readable {
			t.Errorf("%s: %v", name, err)
		}
	}
	files["notes.md"] = &fstest.MapFile{Data: []byte("changed")}
	if _, key, _ := resolve(files); key != base {
		t.Error("the key depends on a file that the step does not read")
	}
	files["benchmark/y.json"] = &fstest.MapFile{Data: []byte("new")}
	if _, key, _ := resolve(files); key == base {
		t.Error("the key does not depend on a file that the step reads")
	}
	delete(files, "seeds.yaml")
	if _, _, err := resolve(files); fault.Code(err) != fault.Config || !strings.Contains(err.Error(), "samples has no seeds.yaml") {
		t.Error(err)
	}
}

// TestTwins: a twin is the other output's artifact under a name of its own, until
// it parts; then it keeps what the other one held.
func TestTwins(t *testing.T) {
	w := newWorld(t)
	w.open("test-1", false)
	rec, err := w.do(t.Context(), "make", 0, func(_ context.Context, t *job.Task) error {
		t.Publish("twins")
		a := t.Create("a", job.JSONL)
		t.Twin("same", job.JSONL, a)
		apart := t.Twin("apart", job.JSONL, a)
		for i, text := range []string{"1", "2", "3", "4"} {
			if i == 2 {
				if err := apart.Part(); err != nil {
					return err
				}
			}
			if _, err := io.WriteString(a, text); err != nil {
				return err
			}
			if i == 3 {
				if _, err := io.WriteString(apart, "x"); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct{ name, text string }{{"a", "1234"}, {"same", "1234"}, {"apart", "12x"}} {
		got := rec.Outputs[i]
		if got.Name != want.name || got.Digest != store.DigestOf([]byte(want.text)) || got.Bytes != int64(len(want.text)) || got.MediaType != job.JSONL {
			t.Errorf("%+v, want %s", got, want.text)
		}
	}
	var published []string
	for key, err := range w.store.Bucket().List(t.Context(), "exports/twins/") {
		if err != nil {
			t.Fatal(err)
		}
		published = append(published, path.Base(key))
	}
	if !slices.Equal(published, []string{"a", "apart", "gymline.json", "same"}) {
		t.Errorf("published %q", published)
	}
}
