package run

import (
	"slices"
	"testing"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// The keys of a run are those of what is left to do, each once; a replay needs none.
func TestKeys(t *testing.T) {
	how := Execution{Models: map[string]llm.Access{"a": {KeyEnv: "A_KEY"}, "b": {Headers: map[string]llm.Header{"api-key": {Env: "B_KEY"}, "x-title": {Value: "C_KEY"}}}, "free": {}}}
	p := &plan.Plan{Steps: []plan.Step{
		{Name: "make", Shards: 2, Share: plan.Share{Models: []string{"a", "free", "a"}}},
		{Name: "predict", Shards: 2, Each: []plan.Share{{Models: []string{"b"}}, {Models: []string{"b", "a"}}}},
	}}
	if got := how.Keys(&p.Steps[1]); !slices.Equal(got, []string{"B_KEY", "A_KEY"}) {
		t.Error(got)
	}
	ahead := []job.Planned{{Step: "make", Shard: 0, Reused: true}, {Step: "make", Shard: 1, Reused: true}, {Step: "predict", Shard: 0}, {Step: "predict", Shard: 1, Reused: true}}
	if got := how.KeysAhead(p, ahead); !slices.Equal(got, []string{"B_KEY"}) {
		t.Error(got)
	}
	how.ReplayOnly = true
	if got := how.KeysAhead(p, ahead); got != nil {
		t.Error(got)
	}
}

// A budget's account is found before its first run, beside it, and after.
func TestSpending(t *testing.T) {
	w := newWorld(t)
	how := Execution{BudgetUSD: 5}
	if s, err := SpendingAhead(t.Context(), w.Store, "x", Execution{}); s != nil || err != nil {
		t.Errorf("without a budget: %+v, %v", s, err)
	}
	if s, err := SpendingAhead(t.Context(), w.Store, "x", how); err != nil || *s != (Spending{BudgetUSD: 5}) {
		t.Errorf("before the first run: %+v, %v", s, err)
	}
	id := w.open(how)
	w.ok(w.AppendSpend(t.Context(), store.Spend{Account: id, Number: 1, Run: id, Step: "make", USD: 2, Total: 2}))
	r, err := w.ReadRun(t.Context(), id)
	w.ok(err)
	want := Spending{"x-1", 2, 5}
	if s, err := SpendingOf(t.Context(), w.Store, r); err != nil || *s != want {
		t.Errorf("of the run: %+v, %v", s, err)
	}
	if s, err := SpendingAhead(t.Context(), w.Store, "x", how); err != nil || *s != want {
		t.Errorf("of the one after it: %+v, %v", s, err)
	}
	w.ok(w.Seal(t.Context(), id, store.Succeeded))
	if s, err := SpendingAhead(t.Context(), w.Store, "x", how); err != nil || *s != (Spending{BudgetUSD: 5}) {
		t.Errorf("after one that succeeded: %+v, %v", s, err)
	}
	r.Execution = []byte("{")
	if _, err := SpendingOf(t.Context(), w.Store, r); err == nil {
		t.Error("a damaged record has no budget")
	}
}
