package run

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
)

func (w world) read(id store.RunID) *Run {
	w.Helper()
	r, err := Read(w.Context(), w.Store, id)
	w.ok(err)
	return r
}

func states(r *Run) (list []string) {
	for _, s := range r.Steps {
		for _, shard := range s.Shards {
			list = append(list, r.StateOf(shard))
		}
	}
	return list
}

// How a run stands, from its opening to its seal.
func TestRead(t *testing.T) {
	w := newWorld(t)
	if _, err := Read(t.Context(), w.Store, "x-1"); fault.Code(err) != fault.Usage || !errors.Is(err, store.ErrNotFound) || err.Error() != "there is no run x-1 in this store" {
		t.Errorf("of a run that is not there: %v", err)
	}
	w.ok(w.CreateRun(t.Context(), store.Run{ID: "x-1", Experiment: "x"}))
	if r := w.read("x-1"); r.State != Unsealed || r.Plan != nil || r.Steps != nil {
		t.Errorf("of a run that was cut off as it opened: %+v", r)
	}
	id := w.open(Execution{})
	if got := states(w.read(id)); !slices.Equal(got, []string{Pending, Pending, Pending}) {
		t.Error(got)
	}
	w.done(id, "make", 1, "part.jsonl", "a")
	w.ok(w.PutFailure(t.Context(), id, store.Failure{Step: "make", Shard: 0, ExitCode: fault.Temporary, Cause: "away", Progress: []byte(`{"done":7}`)}))
	w.ok(w.PutFailure(t.Context(), id, store.Failure{Step: "make", Shard: 1, ExitCode: fault.Permanent, Cause: "before it was done"}))
	r := w.read(id)
	if got := states(r); !slices.Equal(got, []string{Pending, store.Succeeded, Pending}) || len(r.Failed) != 1 || r.Steps[0].Shards[0].Failure.Cause != "away" || r.Failures != nil {
		t.Errorf("while one is tried again: %v, %+v", got, r.Failed)
	}
	// The seal of this machine's engine does not say how far a shard came: the job did.
	w.ok(w.Seal(t.Context(), id, store.Failed, store.Failure{Step: "make", Shard: 0, ExitCode: fault.Temporary, Cause: "away for good"},
		store.Failure{Step: "make", Shard: 1, ExitCode: fault.Permanent, Cause: "an attempt beside the one that was done"}))
	r = w.read(id)
	if got := states(r); r.State != store.Failed || !slices.Equal(got, []string{store.Failed, store.Succeeded, Pending}) {
		t.Errorf("once it is sealed: %s, %v", r.State, got)
	}
	if f := r.Failed; len(f) != 2 || f[0].Cause != "away for good" || decoded[progress.Event](t, f[0].Progress).Done != 7 || r.Failures[0].Progress != nil {
		t.Errorf("%+v, of the seal %+v", f, r.Failures)
	}
	if f := r.Steps[0].Shards[1].Failure; f != nil {
		t.Errorf("a shard that is done has the failure %+v", f)
	}
	heads, err := Heads(t.Context(), w.Store)
	if err != nil || len(heads) != 2 || heads[0].State != Unsealed || heads[1].State != store.Failed {
		t.Errorf("%+v, %v", heads, err)
	}
}

// What is asked for and not there is told in the user's words.
func TestOutput(t *testing.T) {
	w := newWorld(t)
	id := w.open(Execution{})
	w.done(id, "make", 0, "part.jsonl", `{"a":1}`)
	get := func(step store.StepName, shard int, output string) (string, error) {
		artifacts, err := Output(t.Context(), w.Store, id, plan.Ref{Step: step, Shard: shard, Output: output})
		var list []string
		for _, a := range artifacts {
			data, err := w.ReadBlob(t.Context(), a.Digest)
			w.ok(err)
			list = append(list, string(data))
		}
		return strings.Join(list, " "), err
	}
	for _, c := range []struct {
		step   store.StepName
		shard  int
		output string
		want   string
	}{
		{"make", -1, "part.jsonl", "there is no finished make/1 of run x-1"},
		{"make", 2, "part.jsonl", "there is no shard 2 of step make"},
		{"make", 0, "all.jsonl", "there is no output all.jsonl of step make"},
		{"bake", 0, "part.jsonl", "there is no step bake of run x-1"},
	} {
		if _, err := get(c.step, c.shard, c.output); fault.Code(err) != fault.Usage || fault.Hint(err) == "" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	w.done(id, "make", 1, "part.jsonl", `{"a":2}`)
	if got, err := get("make", -1, "part.jsonl"); err != nil || got != `{"a":1} {"a":2}` {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := get("make", 1, "part.jsonl"); err != nil || got != `{"a":2}` {
		t.Errorf("%q, %v", got, err)
	}
	var doc struct{ A int }
	if err := ReadOutput(t.Context(), w.Store, id, "make", "part.jsonl", &doc); err != nil || doc.A != 1 {
		t.Errorf("%+v, %v", doc, err)
	}
	files, err := Files(t.Context(), w.Store, id, "make")
	if err != nil || len(files) != 2 || files[0].Path != "0/part.jsonl" || files[1].Path != "1/part.jsonl" || files[1].Bytes != 7 {
		t.Errorf("%+v, %v", files, err)
	}
}
