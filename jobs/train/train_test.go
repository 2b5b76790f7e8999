package train

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/job/jobtest"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
)

const base = "Qwen/Qwen2.5-7B"

// start is when the export of a world's runs is done.
var start = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

// world is a store with runs of two steps, the export and a training, and a
// clock that only sleeping moves.
type world struct {
	t      *testing.T
	store  *store.Store
	bucket store.Bucket
	now    time.Time
	looks  []time.Duration // every sleep
	// wake is called after each sleep.
	wake   func()
	params plan.Train
	runner job.Runner
}

func newWorld(t *testing.T, kind string) *world {
	b := store.NewMem()
	return &world{t: t, bucket: b, store: store.New(b), now: start, wake: func() {},
		params: plan.Train{Name: "tuned", Kind: kind, Base: base, Deadline: "1m0s", Command: []string{"train-it", "--fast"}}}
}

// open opens a run whose export is done.
func (w *world) open(run store.RunID) {
	w.t.Helper()
	ctx := w.t.Context()
	params, err := json.Marshal(w.params)
	p := &plan.Plan{Version: plan.Version, Experiment: "test", Seed: 7, Steps: []plan.Step{
		{Name: plan.JobExport, Job: plan.JobExport, Format: 1, Shards: 1},
		{Name: plan.TrainStep("tuned"), Job: plan.JobTrain, Format: Format, Shards: 1, Share: plan.Share{Params: params},
			Inputs: []plan.Input{{Name: "export", Step: plan.JobExport, Output: plan.ManifestOutput}}},
	}}
	raw, encodeErr := p.Encode()
	must(w.t, errors.Join(err, encodeErr, w.store.CreateRun(ctx, store.Run{ID: run, Experiment: "test"}), w.store.PutPlan(ctx, run, raw)))
	var outputs []store.Artifact
	for _, name := range []string{"trl/qwen2.5/agent.yaml", plan.ManifestOutput} {
		d, err := w.store.PutBlob(ctx, []byte(name))
		must(w.t, err)
		outputs = append(outputs, store.Artifact{Name: name, Digest: d, Bytes: int64(len(name))})
	}
	must(w.t, w.store.CommitStep(ctx, store.Step{Run: run, Step: plan.JobExport, Outputs: outputs, Finished: w.now.Format(time.RFC3339Nano)}))
}

func (w *world) put(run store.RunID, c store.Checkpoint) {
	w.t.Helper()
	c.Run, c.Name = run, "tuned"
	must(w.t, w.store.PutCheckpoint(context.Background(), c))
}

func (w *world) do(ctx context.Context, run store.RunID) (store.Step, error) {
	r := trainer{sleep: func(ctx context.Context, d time.Duration) error {
		w.now = w.now.Add(d)
		w.looks = append(w.looks, d)
		w.wake()
		return ctx.Err()
	}}
	env := job.Env{Store: w.store, Models: jobtest.NoModels, Log: slog.New(slog.DiscardHandler), Events: progress.NewJSON(io.Discard),
		Now: func() time.Time { return w.now }, Exec: w.runner}
	return job.Run(ctx, env, map[string]job.Func{plan.JobTrain: r.run}, job.Shard{Run: run, Step: plan.TrainStep("tuned")})
}

func (w *world) output(rec store.Step) (c plan.Checkpoint) {
	w.t.Helper()
	a, err := rec.Output(plan.CheckpointOutput)
	must(w.t, err)
	data, err := w.store.ReadBlob(w.t.Context(), a.Digest)
	must(w.t, errors.Join(err, json.Unmarshal(data, &c)))
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var came = store.Checkpoint{Tree: store.Tree{Digest: store.DigestOf([]byte("tree")), Files: 2, Bytes: 9}, Kind: "lora", Base: base}

func TestExternalFoundAtOnce(t *testing.T) {
	for _, kind := range []string{plan.TrainExternal, plan.TrainTrainJob} {
		w := newWorld(t, kind)
		w.open("test-1")
		w.put("test-1", came)
		rec, err := w.do(t.Context(), "test-1")
		must(t, err)
		want := plan.Checkpoint{Name: "tuned", Tree: came.Tree.Digest, Files: 2, Bytes: 9, Kind: "lora", Base: base}
		if got := w.output(rec); got != want || len(w.looks) != 0 {
			t.Errorf("%+v after %v", got, w.looks)
		}
	}
}

func TestExternalFoundLater(t *testing.T) {
	w := newWorld(t, plan.TrainExternal)
	w.open("test-1")
	w.open("test-2")
	w.put("test-2", came) // another run's
	w.wake = func() {
		if len(w.looks) == 5 {
			w.put("test-1", came)
		}
	}
	_, err := w.do(t.Context(), "test-1")
	must(t, err)
	if want := []time.Duration{2e9, 4e9, 8e9, 10e9, 10e9}; !slices.Equal(w.looks, want) {
		t.Errorf("looked after %v", w.looks)
	}
}

func TestExternalAtTheDeadline(t *testing.T) {
	w := newWorld(t, plan.TrainExternal)
	w.open("test-1")
	_, err := w.do(t.Context(), "test-1")
	for _, part := range []string{"tuned", "1m0s from 2026-03-01T10:00:00Z"} {
		if fault.Code(err) != fault.Permanent || !strings.Contains(err.Error(), part) {
			t.Errorf("no %s in %v", part, err)
		}
	}
	if hint := fault.Hint(err); !strings.Contains(hint, "gymline checkpoint put test-1 tuned DIR") || !strings.Contains(hint, "gymline retry test-1") {
		t.Error(hint)
	}
	if w.now != start.Add(time.Minute) {
		t.Errorf("gave up at %v", w.now)
	}
	// After a restart the deadline is the same, and one look is taken.
	w.looks = nil
	if _, again := w.do(t.Context(), "test-1"); again == nil || again.Error() != err.Error() || len(w.looks) != 0 {
		t.Errorf("%v after %v", again, w.looks)
	}
	w.put("test-1", came)
	w.now = w.now.Add(time.Hour)
	_, err = w.do(t.Context(), "test-1")
	must(t, err)
}

func TestARestartKeepsTheDeadline(t *testing.T) {
	w := newWorld(t, plan.TrainExternal)
	w.open("test-1")
	ctx, cancel := context.WithCancel(t.Context())
	w.wake = func() {
		if w.now.After(start.Add(50 * time.Second)) {
			cancel()
		}
	}
	if _, err := w.do(ctx, "test-1"); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	w.wake = func() {}
	if _, err := w.do(t.Context(), "test-1"); fault.Code(err) != fault.Permanent || w.now != start.Add(time.Minute) {
		t.Errorf("%v at %v", err, w.now)
	}
}

// away is a bucket whose checkpoints cannot be looked at for a while.
type away struct {
	store.Bucket
	err error
}

func (a *away) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	if strings.Contains(key, "/checkpoints/") && a.err != nil {
		return nil, a.err
	}
	return a.Bucket.Get(ctx, key)
}

func TestAWaitOutlastsTheStore(t *testing.T) {
	w := newWorld(t, plan.TrainExternal)
	b := &away{w.bucket, &store.Error{Op: "get", Kind: store.Transient, Err: errors.New("away")}}
	w.store = store.New(b)
	w.open("test-1")
	w.put("test-1", came)
	w.wake = func() {
		if len(w.looks) == 3 {
			b.err = nil
		}
	}
	_, err := w.do(t.Context(), "test-1")
	must(t, err)
	w.open("test-2")
	w.params.Deadline = "2m0s"
	w.open("test-3")
	b.err = &store.Error{Op: "get", Kind: store.Misconfigured, Err: errors.New("denied")}
	if _, err := w.do(t.Context(), "test-3"); fault.Code(err) != fault.Config || len(w.looks) != 3 {
		t.Errorf("%v after %v", err, w.looks)
	}
}

func TestWrongBase(t *testing.T) {
	w := newWorld(t, plan.TrainExternal)
	w.open("test-1")
	other := came
	other.Base = "meta/llama"
	w.put("test-1", other)
	_, err := w.do(t.Context(), "test-1")
	if fault.Code(err) != fault.Permanent || !strings.Contains(err.Error(), `"meta/llama"`) || !strings.Contains(err.Error(), base) {
		t.Error(err)
	}
	w.params.Base = "" // any
	w.open("test-2")
	w.put("test-2", other)
	_, err = w.do(t.Context(), "test-2")
	must(t, err)
}

func TestWrongParameters(t *testing.T) {
	for want, change := range map[string]func(*plan.Train){
		"no trainer of kind": func(p *plan.Train) { p.Kind = "magic" },
		"deadline":           func(p *plan.Train) { p.Deadline = "soon" },
	} {
		w := newWorld(t, plan.TrainExternal)
		change(&w.params)
		w.open("test-1")
		if _, err := w.do(t.Context(), "test-1"); err == nil || !strings.Contains(err.Error(), want) {
			t.Error(err)
		}
	}
}

// runner is a trainer in this process.
type runner struct {
	calls int
	got   map[string]string
	prog  job.Program
	made  fstest.MapFS
	err   error
	work  func(ctx context.Context) error
}

type file struct {
	bytes.Buffer
	close func(string)
}

func (f *file) Close() error { f.close(f.String()); return nil }

func (r *runner) Run(ctx context.Context, p job.Program) error {
	r.calls++
	r.got, r.prog = map[string]string{}, p
	create := func(name string) (io.WriteCloser, error) {
		return &file{close: func(text string) { r.got[name] = text }}, nil
	}
	if err := p.Fill(ctx, create); err != nil {
		return err
	}
	if r.work != nil {
		if err := r.work(ctx); err != nil {
			return err
		}
	}
	if r.err != nil {
		return r.err
	}
	return p.Take(ctx, fs.FS(r.made))
}

func adapter() fstest.MapFS {
	header := `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`
	weights := append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header+"data"...)
	return fstest.MapFS{
		"adapter_config.json":       {Data: []byte(`{"peft_type":"LORA","r":8,"target_modules":["q"],"base_model_name_or_path":"` + base + `"}`)},
		"adapter_model.safetensors": {Data: weights},
	}
}

func TestCommand(t *testing.T) {
	for _, kind := range []string{plan.TrainCommand, plan.TrainContainer} {
		w, r := newWorld(t, kind), &runner{made: adapter()}
		r.made["training_args.bin"] = &fstest.MapFile{Data: []byte("PK\x03\x04")} // a pickle, which is left out
		w.runner = r
		w.open("test-1")
		rec, err := w.do(t.Context(), "test-1")
		must(t, err)
		c := w.output(rec)
		if c.Kind != "lora" || c.Files != 2 || c.Base != base {
			t.Errorf("%+v", c)
		}
		tree, err := w.store.OpenTree(t.Context(), c.Tree)
		must(t, err)
		if _, err := tree.ReadFile(t.Context(), "adapter_model.safetensors"); err != nil {
			t.Error(err)
		}
		want := map[string]string{plan.ManifestOutput: plan.ManifestOutput, "trl/qwen2.5/agent.yaml": "trl/qwen2.5/agent.yaml"}
		if !maps.Equal(r.got, want) {
			t.Errorf("the export was %v", r.got)
		}
		if !slices.Equal(r.prog.Args, w.params.Command) || !slices.Equal(r.prog.Env, []string{"GYMLINE_RUN=test-1", "GYMLINE_BASE=" + base, "GYMLINE_SEED=7"}) {
			t.Errorf("%+v", r.prog)
		}
		if put, err := w.store.ReadCheckpoint(t.Context(), "test-1", "tuned"); err != nil || put.Tree.Digest != c.Tree || put.Put == "" {
			t.Errorf("%+v, %v", put, err)
		}
		// Another run over the same export takes it over.
		w.now = w.now.Add(time.Hour)
		w.open("test-2")
		again, err := w.do(t.Context(), "test-2")
		must(t, err)
		if r.calls != 1 || !again.Reused || w.output(again) != c {
			t.Errorf("%d calls, %+v", r.calls, again)
		}
	}
}

func TestCommandThatFails(t *testing.T) {
	for _, c := range []struct {
		err        error
		code       int
		cause, tip string
	}{
		{&job.Exit{Code: 75, Last: "no GPU is free"}, fault.Temporary, "exit code 75: no GPU is free", ""},
		{&job.Exit{Code: 1, Last: "CUDA out of memory"}, fault.Permanent, "exit code 1: CUDA out of memory", "mend the command"},
		{&job.Exit{Code: 2}, fault.Permanent, "exit code 2: it said nothing", "mend the command"},
		{&job.Exit{Signal: "SIGKILL"}, fault.Temporary, "killed by SIGKILL", "memory"},
		{fault.New(fault.Config, errors.New("no such program"), "correct it"), fault.Config, "no such program", "correct it"},
	} {
		w := newWorld(t, plan.TrainCommand)
		w.runner = &runner{err: c.err}
		w.open("test-1")
		_, err := w.do(t.Context(), "test-1")
		if fault.Code(err) != c.code || !strings.Contains(err.Error(), c.cause) || !strings.Contains(fault.Hint(err), c.tip) {
			t.Errorf("%v: %d %v (%s)", c.err, fault.Code(err), err, fault.Hint(err))
		}
		if _, err := w.store.ReadCheckpoint(t.Context(), "test-1", "tuned"); !errors.Is(err, store.ErrNotFound) {
			t.Error(err)
		}
	}
}

func TestCommandWithABadCheckpoint(t *testing.T) {
	w, made := newWorld(t, plan.TrainCommand), adapter()
	made["adapter_model.safetensors"].Data = made["adapter_model.safetensors"].Data[:60]
	w.runner = &runner{made: made}
	w.open("test-1")
	_, err := w.do(t.Context(), "test-1")
	if fault.Code(err) != fault.Permanent || !strings.Contains(err.Error(), "adapter_model.safetensors: it is cut short") || !strings.Contains(fault.Hint(err), "GYMLINE_CHECKPOINT") {
		t.Errorf("%v (%s)", err, fault.Hint(err))
	}
}

// What is there already is not trained again, and the first record holds.
func TestCommandAfterAPut(t *testing.T) {
	w, r := newWorld(t, plan.TrainCommand), &runner{made: adapter()}
	w.runner = r
	w.open("test-1")
	r.work = func(context.Context) error { w.put("test-1", came); return nil } // while it trains
	rec, err := w.do(t.Context(), "test-1")
	must(t, err)
	if w.output(rec).Tree != came.Tree.Digest {
		t.Error("the second record held")
	}
	w.params.Deadline = "3m0s" // other work
	w.open("test-2")
	w.put("test-2", came)
	_, err = w.do(t.Context(), "test-2")
	must(t, err)
	if r.calls != 1 {
		t.Error("trained in spite of a checkpoint")
	}
}

func TestCommandAtTheDeadline(t *testing.T) {
	w, r := newWorld(t, plan.TrainCommand), &runner{}
	w.runner, w.params.Deadline = r, "20ms"
	r.work = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	w.open("test-1")
	if _, err := w.do(t.Context(), "test-1"); fault.Code(err) != fault.Permanent || !strings.Contains(err.Error(), "stopped at its deadline: 20ms") {
		t.Error(err)
	}
	w.now = w.now.Add(time.Second)
	if _, err := w.do(t.Context(), "test-1"); fault.Code(err) != fault.Permanent || r.calls != 1 {
		t.Errorf("%v after %d calls", err, r.calls)
	}
	w.params.Deadline = "1h0m0s"
	w.open("test-2")
	ctx, cancel := context.WithCancel(t.Context())
	r.work = func(ctx context.Context) error { cancel(); <-ctx.Done(); return ctx.Err() }
	if _, err := w.do(ctx, "test-2"); fault.Code(err) != fault.Interrupted {
		t.Error(err)
	}
}

func TestSleepEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	must(t, sleep(ctx, time.Millisecond))
	cancel()
	if err := sleep(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
