package why

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

func TestChanges(t *testing.T) {
	for was, c := range map[string]struct {
		is   string
		want []string
	}{
		`{"a":{"t":0.7},"b":[1,2]}`:  {`{"a":{"t":0.8},"b":[1,3]}`, []string{"p.a.t 0.7 → 0.8", "p.b[1] 2 → 3"}},
		`{"a":1}`:                    {`{"b":"x"}`, []string{"p.a 1 → none", `p.b none → "x"`}},
		`{"l":[1]}`:                  {`{"l":[1,2]}`, []string{"p.l [1] → [1,2]"}},
		`{"n":12345678901234567890}`: {`{"n":12345678901234567890}`, nil},
		``:                           {`{"a":1}`, []string{`p none → {"a":1}`}},
	} {
		var got []string
		for _, change := range Changes("p", []byte(was), []byte(c.is)) {
			got = append(got, change.String())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", was, got, c.want)
		}
	}
}

// world is a store with one finished run of two candidates and an evaluation.
type world struct {
	*testing.T
	run.Registry
}

func (w world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func planOf(temperature string, input store.Digest) *plan.Plan {
	source := []plan.File{{Input: "bench", Path: "traces"}}
	return &plan.Plan{Version: plan.Version, Experiment: "x", Digest: "d", Seed: 7, Inputs: map[string]store.Digest{"bench": input}, Steps: []plan.Step{
		{Name: "predict", Job: "predict", Format: 1, Shards: 2, Each: []plan.Share{
			{Params: []byte(`{"candidate":{"name":"base","model":{"temperature":0}}}`), Sources: source},
			{Params: []byte(`{"candidate":{"name":"a07","model":{"temperature":` + temperature + `}}}`), Sources: source},
		}},
		{Name: "evaluate", Job: "evaluate", Format: 1, Shards: 1, Share: plan.Share{Params: []byte(`{}`)}, Inputs: []plan.Input{{Name: "judged", Step: "predict", Output: "judged.jsonl"}}},
	}}
}

func (w world) tree(files map[string]string) (*store.TreeFS, store.Digest) {
	w.Helper()
	folder := fstest.MapFS{}
	for name, text := range files {
		folder[name] = &fstest.MapFile{Data: []byte(text)}
	}
	tree, err := w.PutTree(w.Context(), folder, store.Intake{})
	w.ok(err)
	opened, err := w.OpenTree(w.Context(), tree.Digest)
	w.ok(err)
	return opened, tree.Digest
}

// work finishes all shards of a plan in a run of it, by their work keys.
func (w world) work(p *plan.Plan, tree *store.TreeFS) store.RunID {
	w.Helper()
	d, err := run.NewDraft(p, nil, run.Execution{}, false)
	w.ok(err)
	id, err := w.Open(w.Context(), d, nil)
	w.ok(err)
	for i := range p.Steps {
		ahead := w.ahead(p, tree)
		for _, s := range ahead {
			if s.Step != p.Steps[i].Name || s.Reused {
				continue
			}
			digest, err := w.PutBlob(w.Context(), []byte(s.WorkKey))
			w.ok(err)
			reads, err := job.Resolve(w.Context(), &p.Steps[i], s.Shard, func(context.Context, store.StepName) ([]store.Step, error) { return outputs(ahead), nil }, inputs(tree))
			w.ok(err)
			rec := store.Step{Run: id, Step: s.Step, Shard: s.Shard, WorkKey: s.WorkKey, Inputs: reads.List, Outputs: []store.Artifact{{Name: "judged.jsonl", Digest: digest}}}
			w.ok(w.PutMemo(w.Context(), rec))
			w.ok(w.CommitStep(w.Context(), rec))
		}
	}
	return id
}

// outputs are the records of the only step that another one reads.
func outputs(ahead []job.Planned) (list []store.Step) {
	for _, s := range ahead {
		if s.Step == "predict" {
			list = append(list, store.Step{Outputs: s.Outputs})
		}
	}
	return list
}

func (w world) ahead(p *plan.Plan, tree *store.TreeFS) []job.Planned {
	w.Helper()
	list, err := job.NewOpened(w.Store, store.Run{}, p, inputs(tree)).Ahead(w.Context())
	w.ok(err)
	return list
}

func (w world) why(p *plan.Plan, tree *store.TreeFS) (list []string) {
	w.Helper()
	r, err := Of(w.Context(), w.Store, p, map[string]*store.TreeFS{"bench": tree}, w.ahead(p, tree))
	w.ok(err)
	for _, s := range r.Shards {
		line := string(s.Step) + " " + s.Name + ": " + strings.Join(s.Because, "; ")
		if s.Reused {
			line += string(s.By)
		}
		list = append(list, line)
	}
	return list
}

func (w world) want(what string, got []string, want ...string) {
	w.Helper()
	if !slices.Equal(got, want) {
		w.Errorf("%s:\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWhy(t *testing.T) {
	w := world{t, run.Registry{Store: store.New(store.NewMem()), Now: func() time.Time { return time.Unix(1000, 0) }}}
	tree, digest := w.tree(map[string]string{"traces/a.json": "a", "traces/b.json": "b", "other.json": "x"})
	first := planOf("0.7", digest)
	w.want("no run", w.why(first, tree), "predict base: the experiment has no run in this store", "predict a07: the experiment has no run in this store", "evaluate : the experiment has no run in this store")
	w.work(first, tree)
	w.want("the same", w.why(first, tree), "predict base: x-1", "predict a07: x-1", "evaluate : x-1")

	w.want("a parameter", w.why(planOf("0.8", digest), tree), "predict base: x-1", "predict a07: params.candidate.model.temperature 0.7 → 0.8", "evaluate : done anew before it: predict/1")

	same, digest := w.tree(map[string]string{"traces/a.json": "a", "traces/b.json": "b", "other.json": "changed"})
	w.want("a file that no step reads", w.why(planOf("0.7", digest), same), "predict base: x-1", "predict a07: x-1", "evaluate : x-1")
	changed, digest := w.tree(map[string]string{"traces/a.json": "A", "traces/c.json": "b"})
	because := "input bench: traces/a.json changed, traces/c.json is new, traces/b.json is gone"
	w.want("files", w.why(planOf("0.7", digest), changed), "predict base: "+because, "predict a07: "+because, "evaluate : done anew before it: predict")

	reversed := planOf("0.7", first.Inputs["bench"])
	slices.Reverse(reversed.Steps[0].Each)
	w.want("the order of candidates", w.why(reversed, tree), "predict a07: x-1", "predict base: x-1", "evaluate : another digest: predict/0 judged.jsonl, predict/1 judged.jsonl")

	more := planOf("0.7", first.Inputs["bench"])
	more.Steps[0].Shards, more.Steps[0].Each[1].Params = 2, []byte(`{"candidate":{"name":"new"}}`)
	w.want("a candidate", w.why(more, tree)[:2], "predict base: x-1", "predict new: x-1 had no such shard")
	seeded := planOf("0.7", first.Inputs["bench"])
	seeded.Seed = 8
	w.want("the seed", w.why(seeded, tree)[:1], "predict base: seed 7 → 8")
}

// inputs are of one tree.
func inputs(tree *store.TreeFS) *job.Inputs {
	return job.NewInputs(func(context.Context, string) (*store.TreeFS, error) { return tree, nil })
}

// Of two long texts the part is shown in which they differ.
func TestApart(t *testing.T) {
	long := strings.Repeat("You are an assistant. ", 8)
	a, b := apart(long+"Be brief.", long+"Be kind.")
	if clipped(a) != "…sistant. Be brief." || clipped(b) != "…sistant. Be kind." {
		t.Errorf("%q, %q", a, b)
	}
	if a, b := apart("short", "other"); a != "short" || b != "other" {
		t.Errorf("%q, %q", a, b)
	}
	if a, _ := apart("x"+long, "y"+long); a != "x"+long {
		t.Errorf("%q", a)
	}
}
