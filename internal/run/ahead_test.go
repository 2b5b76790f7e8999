package run

import (
	"testing"
	"testing/fstest"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

func (w world) ahead() []Planned {
	w.Helper()
	shards, memos, err := LookAhead(w.Context(), w.Store, w.plan, job.StoredInputs(w.Store, w.plan))
	w.ok(err)
	for _, s := range shards {
		if (memos[s.WorkKey] != nil) != s.Reused {
			w.Errorf("%+v, and its record %+v", s, memos[s.WorkKey])
		}
	}
	return shards
}

// remember stores the work that a planned shard would do.
func (w world) remember(p Planned, output, text string) {
	w.Helper()
	d, err := w.PutBlob(w.Context(), []byte(text))
	w.ok(err)
	w.ok(w.PutMemo(w.Context(), store.Step{Run: "x-1", Step: p.Step, Shard: p.Shard, WorkKey: p.WorkKey, Outputs: []store.Artifact{{Name: output, Digest: d}}}))
}

// A shard's work key is known once all shards before it are, and work is found
// by it as long as its bytes are there.
func TestLookAhead(t *testing.T) {
	w := newWorld(t)
	first := w.ahead()
	if len(first) != 3 || first[0].WorkKey == "" || first[1].WorkKey == first[0].WorkKey || first[2].WorkKey != "" || first[0].Reused {
		t.Fatalf("of an empty store: %+v", first)
	}
	w.remember(first[0], "part.jsonl", "a")
	if half := w.ahead(); !half[0].Reused || half[1].Reused || half[2].WorkKey != "" {
		t.Errorf("of the first shard: %+v", half)
	}
	w.remember(first[1], "part.jsonl", "b")
	both := w.ahead()
	if !both[0].Reused || !both[1].Reused || both[2].WorkKey == "" || both[2].Reused {
		t.Fatalf("of all shards of the first step: %+v", both)
	}
	w.remember(both[2], "all.jsonl", "ab")
	if all := w.ahead(); !all[2].Reused || all[2].WorkKey != both[2].WorkKey {
		t.Errorf("of all: %+v", all)
	}
	lost := store.Artifact{Name: "all.jsonl", Digest: store.DigestOf([]byte("lost"))}
	w.ok(w.PutMemo(t.Context(), store.Step{Run: "x-2", Step: "join", WorkKey: both[2].WorkKey, Outputs: []store.Artifact{lost}}))
	if without := w.ahead(); without[2].Reused || !without[1].Reused {
		t.Errorf("where bytes are lost: %+v", without)
	}
}

// A file that the experiment names and that is not there is bad configuration.
func TestLookAheadOfAnInputThatIsNotThere(t *testing.T) {
	w := newWorld(t)
	w.plan.Steps[0].Sources = []plan.File{{Input: "samples", Path: "seeds.yaml"}}
	tree, err := w.PutTree(t.Context(), fstest.MapFS{}, store.Intake{})
	w.plan.Inputs = map[string]store.Digest{"samples": tree.Digest}
	if err == nil {
		_, _, err = LookAhead(t.Context(), w.Store, w.plan, job.StoredInputs(w.Store, w.plan))
	}
	if fault.Code(err) != fault.Config {
		t.Errorf("%v", err)
	}
}
