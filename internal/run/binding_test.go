package run

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"strings"
	"sync"
	"testing"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/ledger"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// countedBucket counts how often each record is read.
type countedBucket struct {
	store.Bucket
	mu    sync.Mutex
	reads map[string]int
	list  func(prefix string) error // of a list that fails; nil: none does
}

func (b *countedBucket) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	b.mu.Lock()
	b.reads[key]++
	b.mu.Unlock()
	return b.Bucket.Get(ctx, key)
}

func (b *countedBucket) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	if b.list != nil {
		if err := b.list(prefix); err != nil {
			return func(yield func(string, error) bool) { yield("", err) }
		}
	}
	return b.Bucket.List(ctx, prefix)
}

func (w world) binding(id store.RunID) store.Binding {
	w.Helper()
	seal, err := w.ReadSeal(w.Context(), id)
	w.ok(err)
	b, err := w.ReadBinding(w.Context(), id, seal.Binding)
	w.ok(err)
	return b
}

// A seal's binding has every record of the run as it is stored, and each step's is read once.
func TestASealBindsAllThatIsRecorded(t *testing.T) {
	w := newWorld(t)
	asked := llm.Model{Name: "m", Provider: llm.OpenAI, BaseURL: "http://a.example", Model: "x"}
	w.plan.Steps[0].Job, w.plan.Steps[0].Models = plan.JobGenerate, []string{"m"}
	w.plan.Steps[0].Params, _ = json.Marshal(plan.Generate{Models: plan.GymModels{User: asked, Environment: asked, Agent: asked}})
	_, prefix, err := ledger.Keys(asked)
	w.ok(err)
	segment := prefix + strings.Repeat("ab", 32) + "-77.jsonl.zst"
	w.ok(w.Bucket().Create(t.Context(), segment, []byte("a segment")))
	w.ok(w.Bucket().Create(t.Context(), prefix+"journal/"+strings.Repeat("cd", 32)+".jsonl.zst", []byte("a journal")))
	w.By, w.Reason, w.Environment = "ann", "to see", map[string]string{"cpus": "2"}
	w.Binary = func() *store.Binary { return &store.Binary{Version: "v2", Digest: "d"} }
	source := &store.Source{Experiment: store.DigestOf([]byte("spec")), Profile: store.DigestOf([]byte("profile"))}
	id, err := w.Open(t.Context(), w.draft(Execution{}).From(source), nil)
	w.ok(err)
	w.done(id, "make", 0, "part.jsonl", "a")
	w.done(id, "make", 1, "part.jsonl", "b")
	w.ok(w.PutFailure(t.Context(), id, store.Failure{Step: "join", Cause: "bad"}))
	w.ok(w.Act(t.Context(), id, store.Stopped, ""))
	w.ok(w.Beat(t.Context(), id, "now"))

	counted := &countedBucket{Bucket: w.Bucket(), reads: map[string]int{}}
	r := w.Registry
	r.Store = store.New(counted)
	w.ok(r.Seal(t.Context(), id, store.Failed))

	record, err := w.ReadRun(t.Context(), id)
	w.ok(err)
	if record.By != "ann" || record.Reason != "to see" || record.Binary.Version != "v2" || record.Source.Profile != source.Profile {
		t.Errorf("%+v", record)
	}
	b := w.binding(id)
	var keys []string
	for _, bound := range b.Records {
		keys = append(keys, strings.TrimPrefix(bound.Key, "runs/x-1/"))
		if now, err := w.Bind(t.Context(), bound.Key); err != nil || now != bound {
			t.Errorf("%+v, %v, want %+v", now, err, bound)
		}
		if n := counted.reads[bound.Key]; n > 1 && strings.Contains(bound.Key, "/steps/") {
			t.Errorf("%s was read %d times", bound.Key, n)
		}
	}
	if got, want := strings.Join(keys, " "), "acts/1.json failures/join/0.json plan.json run.json steps/make/0.json steps/make/1.json"; got != want {
		t.Errorf("binds %s\nwant  %s", got, want)
	}
	if b.Experiment != source.Experiment || b.Profile != source.Profile || b.Binary.Version != "v2" || b.Environment["cpus"] != "2" || b.Previous != nil ||
		len(b.Ledger) != 1 || b.Ledger[0].Key != segment {
		t.Errorf("%+v", b)
	}
	acts, err := w.Acts(t.Context(), id)
	if err != nil || len(acts) != 1 || acts[0].By != "ann" || acts[0].Reason != "to see" || acts[0].Number != 1 || acts[0].Act != store.Stopped {
		t.Errorf("%+v, %v", acts, err)
	}
}

// A run is chained to the last sealed one of its experiment, and to no other's.
func TestASealNamesTheOneBefore(t *testing.T) {
	w := newWorld(t)
	first := w.open(Execution{})
	w.ok(w.Seal(t.Context(), first, store.Succeeded))
	w.open(Execution{}) // is never sealed
	other := *w.plan
	other.Experiment = "x-y"
	d, err := NewDraft(&other, nil, Execution{}, false)
	w.ok(err)
	foreign, err := w.Open(t.Context(), d, nil)
	w.ok(err)
	w.ok(w.Seal(t.Context(), foreign, store.Succeeded))
	third := w.open(Execution{})
	w.ok(w.Seal(t.Context(), third, store.Succeeded))
	seal, err := w.BindSeal(t.Context(), first)
	w.ok(err)
	b := w.binding(third)
	if p := b.Previous; third != "x-3" || len(p) != 1 || p[0].Run != "x-1" || p[0].Seal != seal.SHA256 || p[0].Binding == "" || len(b.Open) != 1 || b.Open[0] != "x-2" {
		t.Errorf("%s: %+v", third, b)
	}
	if p := w.binding(foreign).Previous; p != nil {
		t.Errorf("%+v", p)
	}
}

// Every sealed run is bound by a later seal, in whatever order runs end.
func TestRunsThatOverlapAreBound(t *testing.T) {
	w := newWorld(t)
	var ids []store.RunID
	for range 8 {
		ids = append(ids, w.open(Execution{}))
	}
	ends := []int{1, 3, 4, 2, 6, 5, 8} // 7 never does
	for _, n := range ends {
		w.ok(w.Seal(t.Context(), ids[n-1], store.Succeeded))
	}
	last := w.open(Execution{})
	w.ok(w.Seal(t.Context(), last, store.Succeeded))
	bound := map[store.RunID]bool{}
	for todo := []store.RunID{last}; len(todo) > 0; todo = todo[1:] {
		for _, p := range w.binding(todo[0]).Previous {
			if !bound[p.Run] {
				bound[p.Run] = true
				todo = append(todo, p.Run)
			}
		}
	}
	for _, n := range ends {
		if !bound[ids[n-1]] {
			t.Errorf("%s is bound by none: %v", ids[n-1], bound)
		}
	}
	if b := w.binding(last); len(b.Open) != 1 || b.Open[0] != "x-7" || len(b.Previous) > 2 {
		t.Errorf("%+v", b)
	}
}

// What cannot be bound leaves a seal without a binding, and no run without a seal.
func TestASealWithoutABinding(t *testing.T) {
	w := newWorld(t)
	id := w.open(Execution{})
	away := errors.New("the server is away")
	r := w.Registry
	r.Store = store.New(&countedBucket{Bucket: w.Bucket(), reads: map[string]int{}, list: func(string) error { return away }})
	w.ok(r.Seal(t.Context(), id, store.Succeeded))
	if seal, err := w.ReadSeal(t.Context(), id); err != nil || seal.Binding != "" || !strings.Contains(seal.Unbound, "away") || seal.State != store.Succeeded {
		t.Errorf("%+v, %v", seal, err)
	}
}

// Who opened a run is no part of its draft: a schedule's pod opens what somebody sent.
func TestWhoIsNoPartOfADraft(t *testing.T) {
	w := newWorld(t)
	d := w.draft(Execution{})
	w.By = "ann"
	w.ok(w.OpenAs(t.Context(), "x-1", d))
	w.By, w.Binary = "bob", func() *store.Binary { return &store.Binary{} }
	w.ok(w.OpenAs(t.Context(), "x-1", d))
	if r, err := w.ReadRun(t.Context(), "x-1"); err != nil || r.By != "ann" || r.Binary != nil {
		t.Errorf("%+v, %v", r, err)
	}
}

// What was altered since its run was sealed is not taken over.
func TestTakeOverOfAnAlteredRecord(t *testing.T) {
	w := newWorld(t)
	first := w.open(Execution{})
	w.done(first, "make", 0, "part.jsonl", "a")
	forged := w.done(first, "make", 1, "part.jsonl", "b")
	w.ok(w.Seal(t.Context(), first, store.Failed))
	forged.Outputs = nil
	w.ok(w.PutMemo(t.Context(), forged)) // a record of that content
	r, err := w.Bucket().Get(t.Context(), "memo/"+string(forged.WorkKey)+".json")
	w.ok(err)
	data, err := io.ReadAll(r)
	w.ok(err)
	w.ok(w.Bucket().Put(t.Context(), "runs/x-1/steps/make/1.json", strings.NewReader(string(data)), int64(len(data))))
	next := w.open(Execution{})
	w.ok(w.TakeOver(t.Context(), w.plan, first, next))
	if rec, err := Record(t.Context(), w.Store, next, "make", 0); err != nil || rec == nil {
		t.Errorf("%+v, %v", rec, err)
	}
	if rec, err := Record(t.Context(), w.Store, next, "make", 1); err != nil || rec != nil {
		t.Errorf("what was altered was taken over: %+v, %v", rec, err)
	}
}

// A run that would have been bound, whose seal binds nothing any more, is no maker of anything.
func TestTakeOverOfARunWhoseBindingIsOut(t *testing.T) {
	for name, edit := range map[string]func(seal string) string{
		"taken out": func(seal string) string {
			_, rest, _ := strings.Cut(seal, `"binding":`)
			_, rest, _ = strings.Cut(rest, `"`)
			digest, _, _ := strings.Cut(rest, `"`)
			return strings.NewReplacer(`"binding": "`+digest+`"`, `"summary": {}`, `"summary": {`, `"was": {`).Replace(seal)
		},
		"another one": func(seal string) string {
			before, rest, _ := strings.Cut(seal, `"binding": "`)
			return before + `"binding": "` + strings.Repeat("0", 64) + rest[64:]
		},
		"as it was": func(seal string) string { return seal },
	} {
		w := newWorld(t)
		w.Binary = func() *store.Binary { return &store.Binary{Version: "v1"} }
		first := w.open(Execution{})
		w.done(first, "make", 0, "part.jsonl", "a")
		w.ok(w.Seal(t.Context(), first, store.Failed))
		seal, err := w.ReadObject(t.Context(), "runs/x-1/seal.json")
		w.ok(err)
		data := edit(string(seal))
		w.ok(w.Bucket().Put(t.Context(), "runs/x-1/seal.json", strings.NewReader(data), int64(len(data))))
		next := w.open(Execution{})
		w.ok(w.TakeOver(t.Context(), w.plan, first, next))
		rec, err := Record(t.Context(), w.Store, next, "make", 0)
		if err != nil || (rec != nil) != (name == "as it was") {
			t.Errorf("%s: %+v, %v", name, rec, err)
		}
	}
}
