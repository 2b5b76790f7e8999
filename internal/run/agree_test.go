package run

import (
	"errors"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// put stores bytes at a key, as damage would.
func (w world) put(key, data string) {
	w.Helper()
	w.ok(w.Bucket().Put(w.Context(), key, strings.NewReader(data), int64(len(data))))
}

// One record that cannot be read hides no other, and stops no new run.
func TestDamageIsIsolated(t *testing.T) {
	w := newWorld(t)
	for range 4 {
		w.open(Execution{})
	}
	w.ok(w.Seal(t.Context(), "x-4", store.Succeeded))
	w.put("runs/x-2/run.json", "")
	w.put("runs/x-3/seal.json", "{")
	heads, err := Heads(t.Context(), w.Store)
	if err != nil || len(heads) != 4 {
		t.Fatalf("%+v, %v", heads, err)
	}
	for i, want := range []string{Unsealed, Unreadable, Unreadable, store.Succeeded} {
		if h := heads[i]; h.State != want || (h.Unread != nil) != (want == Unreadable) || h.ID != numbered("x", i+1) {
			t.Errorf("%+v, want %s", h, want)
		}
	}
	r, err := Read(t.Context(), w.Store, "x-3")
	if err != nil || r.State != Unreadable || !errors.Is(r.Damage, store.ErrUnreadable) || len(r.Steps) != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	for n := 5; n < 8; n++ {
		if id := w.open(Execution{}); id != numbered("x", n) {
			t.Error(id)
		}
		w.put("runs/"+string(numbered("x", n))+"/run.json", "cut")
	}
}

func TestAStepThatCannotBeReadHidesNoOther(t *testing.T) {
	w := newWorld(t)
	id := w.open(Execution{})
	w.done(id, "make", 0, "part.jsonl", "a")
	w.done(id, "make", 1, "part.jsonl", "b")
	w.put("runs/x-1/steps/make/0.json", "")
	r, err := Read(t.Context(), w.Store, id)
	if err != nil || !errors.Is(r.Damage, store.ErrUnreadable) || r.StateOf(r.Steps[0].Shards[0]) != Unreadable || r.StateOf(r.Steps[0].Shards[1]) != store.Succeeded {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := Output(t.Context(), w.Store, id, plan.Ref{Step: "make", Shard: 1, Output: "part.jsonl"}); err != nil {
		t.Error(err)
	}
}

// What a run shows is what its record names.
func TestAPlanThatWasAltered(t *testing.T) {
	w := newWorld(t)
	id := w.open(Execution{})
	w.done(id, "make", 0, "part.jsonl", "a")
	raw, err := w.ReadPlan(t.Context(), id)
	w.ok(err)
	w.put("runs/x-1/plan.json", strings.Replace(string(raw), `"seed":7`, `"seed":8`, 1))
	record, err := w.ReadRun(t.Context(), id)
	w.ok(err)
	_, readErr := Read(t.Context(), w.Store, id)
	_, outErr := Output(t.Context(), w.Store, id, plan.Ref{Step: "make", Shard: 0, Output: "part.jsonl"})
	_, filesErr := Files(t.Context(), w.Store, id, "make")
	_, _, draftErr := DraftOf(t.Context(), w.Store, record)
	for name, err := range map[string]error{"read": readErr, "output": outErr, "files": filesErr, "draft": draftErr} {
		if fault.Code(err) != fault.Permanent || !strings.Contains(err.Error(), "altered") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A record that was altered does not agree with what later steps read.
func TestARecordThatWasAltered(t *testing.T) {
	w := newWorld(t)
	id := w.open(Execution{})
	a, b := w.done(id, "make", 0, "part.jsonl", "a"), w.done(id, "make", 1, "part.jsonl", "b")
	join := store.Step{Run: id, Step: "join", Outputs: []store.Artifact{{Name: "all", Digest: a.Outputs[0].Digest}}}
	for i, rec := range []store.Step{a, b} {
		in := rec.Outputs[0]
		in.Name = []string{"make/0/part.jsonl", "make/1/part.jsonl"}[i]
		join.Inputs = append(join.Inputs, in)
	}
	w.ok(w.CommitStep(t.Context(), join))
	ref := plan.Ref{Step: "make", Shard: 1, Output: "part.jsonl"}
	if _, err := Output(t.Context(), w.Store, id, ref); err != nil {
		t.Error(err)
	}
	if r, err := Read(t.Context(), w.Store, id); err != nil || r.Damage != nil {
		t.Errorf("%v, %v", r.Damage, err)
	}
	w.put("runs/x-1/steps/make/1.json", strings.ReplaceAll(`{"format":1,"run":"x-1","step":"make","shard":1,"outputs":[{"name":"part.jsonl","digest":"D"}]}`, "D", string(a.Outputs[0].Digest)))
	if _, err := Output(t.Context(), w.Store, id, ref); fault.Code(err) != fault.Permanent || !strings.Contains(err.Error(), "do not agree") {
		t.Error(err)
	}
	if r, err := Read(t.Context(), w.Store, id); err != nil || r.Damage == nil || !strings.Contains(r.Damage.Error(), "make/1") {
		t.Errorf("%v, %v", r, err)
	}
}

// A budget does not grow because a record cannot be read.
func TestAnAccountOutlivesDamage(t *testing.T) {
	for name, damage := range map[string]func(w world){
		"no damage":           func(world) {},
		"the record":          func(w world) { w.put("runs/x-2/run.json", "") },
		"the seal":            func(w world) { w.put("runs/x-2/seal.json", "") },
		"both":                func(w world) { w.put("runs/x-2/run.json", ""); w.put("runs/x-2/seal.json", "") },
		"the first run's too": func(w world) { w.put("runs/x-1/seal.json", ""); w.put("runs/x-2/run.json", "") },
	} {
		w := newWorld(t)
		how := Execution{BudgetUSD: 1}
		w.open(how)
		w.ok(w.Seal(t.Context(), "x-1", store.Failed))
		w.open(how)
		w.ok(w.Seal(t.Context(), "x-2", store.Failed))
		damage(w)
		r, err := w.ReadRun(t.Context(), w.open(how))
		if err != nil || r.Spending() != "x-1" {
			t.Errorf("%s: x-3 spends from %s, %v", name, r.Spending(), err)
		}
	}
}
