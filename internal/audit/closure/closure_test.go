package closure_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gymline/gymline/internal/audit/closure"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/ledger"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/store"
)

// A world is a store with one run, x-2, that has one of everything, and what is of others.
type world struct {
	*testing.T
	*store.Store
	keys []llm.Key // of the exchanges, each in a segment of its own
}

var model = llm.Model{Name: "gpt", Provider: "openai", BaseURL: "http://host.test/v1", Model: "m"}

func newWorld(t *testing.T) *world {
	w := &world{T: t, Store: store.New(store.NewMem())}
	for i := range 3 {
		w.exchange(fmt.Sprint("question ", i))
	}
	ctx := t.Context()
	samples := w.tree(fstest.MapFS{"a.txt": {Data: []byte("one")}, "b.txt": {Data: []byte("two")}})
	trained := w.tree(fstest.MapFS{"model.bin": {Data: []byte("weights")}})
	params := []byte(`{"candidate":{"model":{"name":"gpt","provider":"openai","baseURL":"http://host.test/v1","model":"m"}}}`)
	p := &plan.Plan{Version: plan.Version, Experiment: "x", Digest: "d", Steps: []plan.Step{
		{Name: "predict", Job: plan.JobPredict, Format: 1, Shards: 1, Share: plan.Share{Params: params}},
		{Name: "train-a", Job: plan.JobTrain, Format: 1, Shards: 1},
	}}
	raw, err := p.Encode()
	w.ok(err)
	given := w.blob("kind: Experiment")
	record := `{"format":1,"run":"x-2","experiment":"x","experimentDigest":"d","planDigest":"` + string(store.DigestOf(raw)) + `",
		"inputs":{"samples":{"digest":"` + string(samples.Digest) + `","files":2,"bytes":6}},"account":"x-1","source":{"experiment":"` + string(given) + `"}}`
	w.put("runs/x-2/run.json", record)
	w.ok(w.PutPlan(ctx, "x-2", raw))
	calls := w.artifact(plan.CallsOutput, fmt.Sprintf(`{"id":"r","calls":[{"role":"candidate","key":%q},{"role":"judge","key":"ffff"}]}`, rows.ShortKey(w.keys[1])))
	w.ok(w.CommitStep(ctx, store.Step{Run: "x-2", Step: "predict", WorkKey: "k", Outputs: []store.Artifact{calls}, Published: "sets"}))
	c := w.artifact(plan.CheckpointOutput, `{"tree":"`+string(trained.Digest)+`","files":1,"bytes":7}`)
	w.ok(w.CommitStep(ctx, store.Step{Run: "x-2", Step: "train-a", WorkKey: "l", Outputs: []store.Artifact{c}}))
	prefix, list, err := store.ExportOf("sets", []store.Artifact{calls})
	w.ok(err)
	w.put(prefix+calls.Name, "plain")
	w.put(prefix+store.ExportList, string(list))
	w.put("runs/x-2/seal.json", `{"format":1,"run":"x-2","state":"Succeeded","binding":"`+string(w.blob("bound"))+`"}`)
	w.ok(w.AppendSpend(ctx, store.Spend{Account: "x-1", Number: 1}))
	w.ok(w.AddNote(ctx, store.Note{Run: "x-2", Text: "good"}))
	w.ok(w.AddTag(ctx, store.Tag{Name: "best", Run: "x-1"}))
	w.ok(w.AddTag(ctx, store.Tag{Name: "best", Run: "x-2"}))
	w.ok(w.AddTag(ctx, store.Tag{Name: "other", Run: "x-1"}))
	w.put("pins/x-2/1.json", "{}")
	w.put("signatures/x-2/1.json", "{}")
	w.put("removed/x-1.json", `{"experiment":"x"}`)
	w.put("removed/x-y-1.json", `{"experiment":"x-y"}`)
	w.put("handin/x-2/a/left", "over") // of a sealed run it means nothing
	return w
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) put(key, body string) {
	w.Helper()
	w.ok(w.Bucket().Put(w.Context(), key, strings.NewReader(body), int64(len(body))))
}

func (w *world) blob(text string) store.Digest {
	w.Helper()
	d, err := w.PutBlob(w.Context(), []byte(text))
	w.ok(err)
	return d
}

func (w *world) artifact(name, text string) store.Artifact {
	return store.Artifact{Name: name, Digest: w.blob(text), Bytes: int64(len(text))}
}

func (w *world) tree(files fstest.MapFS) store.Tree {
	w.Helper()
	t, err := w.PutTree(w.Context(), files, store.Intake{})
	w.ok(err)
	return t
}

// exchange records one call.
func (w *world) exchange(question string) {
	w.Helper()
	l := ledger.New(ledger.Options{Bucket: w.Bucket(), Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return time.Unix(1000, 0) }})
	chat, err := l.Wrap(w.Context(), model, llm.ChatFunc(func(context.Context, *llm.Request) (*llm.Response, error) { return &llm.Response{Content: "yes"}, nil }))
	w.ok(err)
	req := &llm.Request{Messages: []llm.Message{{Role: llm.User, Content: question}}}
	_, err = chat.Chat(w.Context(), req)
	w.ok(errors.Join(err, l.Close(w.Context())))
	of, _, err := ledger.Keys(model)
	w.ok(err)
	key, err := of(req)
	w.ok(err)
	w.keys = append(w.keys, key)
}

func (w *world) walk(walk closure.Walk) (list []closure.Object) {
	w.Helper()
	walk.Store = w.Store
	w.ok(walk.Run(w.Context(), "x-2", func(o closure.Object) error { list = append(list, o); return nil }))
	return list
}

func lines(list []closure.Object) (lines []string) {
	for _, o := range list {
		lines = append(lines, fmt.Sprintf("%s: %s", o.Kind, o.Why))
	}
	return lines
}

// Everything that the run needs is told once, with who names it; what is of other runs
// is not.
func TestWhole(t *testing.T) {
	w := newWorld(t)
	list := w.walk(closure.Walk{Ledger: true})
	want := []string{
		"record: record of the run", "record: record of the run", "source: experiment as given",
		"record: record of the run", "binding: binding of the seal",
		"record: record of the run", "output: output predict/0/calls.jsonl", "export: plain copy of predict/0/calls.jsonl", "export: list of what predict/0 published",
		"record: record of the run", "output: output train-a/0/checkpoint.json", "checkpoint: model.bin of checkpoint of train-a/0", "checkpoint: list of checkpoint of train-a/0",
		"spend: account of the run", "draft: plan of the draft",
		"input: a.txt of input samples", "input: b.txt of input samples", "input: list of input samples",
		"note: of the run", "pin: of the run", "signature: of the run", "tag: names the run", "tag: names the run",
		"tombstone: a run of experiment x that was removed", "ledger: calls to gpt",
	}
	if got := lines(list); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, o := range list {
		if o.Err != nil {
			t.Errorf("%s: %v", o.Key, o.Err)
		}
		if _, err := w.Bucket().Stat(t.Context(), o.Key); err != nil && !o.Optional {
			t.Errorf("%+v is not there: %v", o, err)
		}
		if o.Digest != "" && o.Kind != closure.Export && o.Kind != closure.Record && store.BlobKey(o.Digest) != o.Key {
			t.Errorf("%s is said to be %s", o.Key, o.Digest)
		}
	}
	// What was visited for one run is left out of the next.
	seen := &closure.Set{}
	first, again := w.walk(closure.Walk{Ledger: true, Seen: seen}), w.walk(closure.Walk{Ledger: true, Seen: seen})
	if len(first) != len(want) || len(again) != 0 || seen.Len() < len(want) {
		t.Errorf("%d, then %d, %d seen", len(first), len(again), seen.Len())
	}
}

// A copy of what is told is all that there is to the run: walked, it is the same.
func TestACopyIsWhole(t *testing.T) {
	w := newWorld(t)
	copied := &world{T: t, Store: store.New(store.NewMem())}
	list := w.walk(closure.Walk{Ledger: true})
	for _, o := range list {
		body, err := w.Bucket().Get(t.Context(), o.Key)
		if errors.Is(err, store.ErrNotFound) && o.Optional {
			continue
		}
		w.ok(err)
		data, err := io.ReadAll(body)
		w.ok(err)
		copied.put(o.Key, string(data))
	}
	if got, want := lines(copied.walk(closure.Walk{Ledger: true})), lines(list); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Without the key of each call, whatever the models were asked is needed.
func TestAllOfAModelWhereCallsCannotBeTold(t *testing.T) {
	for name, spoil := range map[string]func(*world){
		"a shard is not done": func(w *world) { w.drop("runs/x-2/steps/predict/0.json") },
		"no list of calls": func(w *world) {
			w.drop("runs/x-2/steps/predict/0.json")
			w.ok(w.CommitStep(w.Context(), store.Step{Run: "x-2", Step: "predict", WorkKey: "k"}))
		},
	} {
		w := newWorld(t)
		spoil(w)
		n := 0
		for _, o := range w.walk(closure.Walk{Ledger: true}) {
			if o.Kind == closure.Ledger {
				n++
			}
		}
		if n < len(w.keys) {
			t.Errorf("%s: %d objects of the ledger, want all of %d", name, n, len(w.keys))
		}
		if slices.ContainsFunc(w.walk(closure.Walk{}), func(o closure.Object) bool { return o.Kind == closure.Ledger }) {
			t.Errorf("%s: the ledger was visited unasked", name)
		}
	}
}

// drop removes an object from the bucket in memory.
func (w *world) drop(keys ...string) {
	w.Helper()
	next := store.NewMem()
	for key, err := range w.Bucket().List(w.Context(), "") {
		w.ok(err)
		if slices.Contains(keys, key) {
			continue
		}
		body, err := w.Bucket().Get(w.Context(), key)
		w.ok(err)
		data, err := io.ReadAll(body)
		w.ok(err)
		w.ok(next.Put(w.Context(), key, strings.NewReader(string(data)), int64(len(data))))
	}
	w.Store = store.New(next)
}

// Whatever object is damaged: it is told all the same, as is all that it does not name,
// and where it names something, that it cannot be read.
func TestDamageHidesNothingElse(t *testing.T) {
	whole := newWorld(t).walk(closure.Walk{Ledger: true})
	names := map[closure.Kind]bool{closure.Record: true}
	for _, victim := range whole {
		w := newWorld(t)
		w.put(victim.Key, "}")
		told, bad := map[string]bool{}, false
		for _, o := range w.walk(closure.Walk{Ledger: true}) {
			told[o.Key] = true
			bad = bad || o.Err != nil && o.Key == victim.Key
		}
		if unknown := victim.Kind == closure.Ledger || victim.Kind == closure.Tag; !told[victim.Key] && !unknown { // whose it is, only its bytes say
			t.Errorf("%s is damaged, and is not told of", victim.Key)
		}
		if names[victim.Kind] && !bad {
			t.Errorf("%s is damaged, and is not said to be", victim.Key)
		}
		for _, o := range whole {
			if o.Kind == closure.Record && !told[o.Key] {
				t.Errorf("%s is damaged, and hides %s", victim.Key, o.Key)
			}
		}
	}
}

func TestNoRun(t *testing.T) {
	if err := closure.Of(t.Context(), store.New(store.NewMem()), "x-1", nil); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
}
