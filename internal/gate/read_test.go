package gate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/trace"
)

var opened = time.Date(2026, 1, 1, 3, 0, 0, 0, time.UTC)

// A nights is a store of runs of one experiment, a day apart.
type nights struct {
	*testing.T
	run.Registry
	n int
}

func newNights(t *testing.T, b store.Bucket) *nights {
	w := &nights{T: t}
	w.Registry = run.Registry{Store: store.New(b), Now: func() time.Time { return opened.AddDate(0, 0, w.n) }, Version: "v1"}
	return w
}

func (w *nights) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// night runs one: of each candidate the trails that turns makes traces of.
func (w *nights) night(candidates map[string]string) store.RunID {
	w.Helper()
	w.n++
	p := &plan.Plan{Version: plan.Version, Experiment: "x", Digest: "d", Seed: 7, Anew: &plan.Anew{Roles: []string{plan.AnewCandidates}, AsOf: fmt.Sprint("n", w.n)}, Steps: []plan.Step{
		{Name: plan.JobPredict, Job: plan.JobPredict, Format: 1, Shards: 1}, {Name: plan.JobEvaluate, Job: plan.JobEvaluate, Format: 1, Shards: 1},
	}}
	d, err := run.NewDraft(p, nil, run.Execution{}, false)
	w.ok(err)
	id, err := w.Open(w.Context(), d, nil)
	w.ok(err)
	e := metrics.Evaluation{Version: metrics.Version, Judge: plan.JudgeLLM, Resamples: 999, Confidence: 0.95}
	var judged bytes.Buffer
	for _, name := range []string{"a", "b"} {
		trail, there := candidates[name]
		if !there {
			continue
		}
		var c metrics.Counts
		for i := range 8 {
			line := trace.JudgedTrace{Candidate: name, Judge: plan.JudgeLLM, Trace: trace.Trace{ID: fmt.Sprint("t", i), Turns: turns(trail)}}
			w.ok(json.NewEncoder(&judged).Encode(line))
			for _, turn := range line.Trace.Turns {
				c = c.Add(metrics.Of(len(turn.Proposals) > 0, turn.Judgement.Accepted))
			}
		}
		e.Candidates = append(e.Candidates, metrics.Candidate{Name: name, Score: metrics.ScoreOf(c)})
	}
	data, err := json.Marshal(e)
	w.ok(err)
	for step, out := range map[store.StepName][]byte{plan.JobPredict: judged.Bytes(), plan.JobEvaluate: data} {
		digest, err := w.PutBlob(w.Context(), out)
		w.ok(err)
		name := map[store.StepName]string{plan.JobPredict: plan.JudgedOutput, plan.JobEvaluate: plan.MetricsOutput}[step]
		w.ok(w.CommitStep(w.Context(), store.Step{Run: id, Step: step, WorkKey: "k", Outputs: []store.Artifact{{Name: name, Digest: digest, Bytes: int64(len(out))}}}))
	}
	w.ok(w.Seal(w.Context(), id, store.Succeeded))
	return id
}

// Each word of against finds its run, for each candidate its own.
func TestAgainst(t *testing.T) {
	w := newNights(t, store.NewMem())
	w.night(map[string]string{"a": "AAAA", "b": "ARRm"})
	w.night(map[string]string{"a": "ARRm", "b": "AARm"})
	w.night(map[string]string{"a": "AARm"})
	id := w.night(map[string]string{"a": "AARm", "b": "ARRm"})
	w.ok(w.AddTag(t.Context(), store.Tag{Name: "baseline", Run: "x-1", At: store.Stamp(opened)}))
	w.n++
	cut, err := w.Open(t.Context(), must(run.NewDraft(&plan.Plan{Version: plan.Version, Experiment: "x"}, nil, run.Execution{}, false)), nil)
	w.ok(err)
	for against, want := range map[string]string{
		"": "x-3 holds, x-3 open", "previous": "x-3 holds, x-3 open", "best:1": "x-3 holds,  open", "best:2": "x-3 holds, x-2 broken",
		"best:9": "x-1 broken, x-2 broken", "baseline": "x-1 broken, x-1 holds", "x-2": "x-2 holds, x-2 broken",
	} {
		r, err := Of(t.Context(), w.Store, id, []plan.GateRule{{MaxDrop: number(3), Against: against}}, w.Now())
		w.ok(err)
		var got []string
		for _, f := range r.Findings {
			got = append(got, fmt.Sprintf("%s %s", f.Against, f.Verdict))
		}
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("%q: %s, want %s", against, s, want)
		}
	}
	for _, rules := range [][]plan.GateRule{{{MaxDrop: number(3), Against: "nobody"}}, {{MaxDrop: number(3), Against: string(cut)}}} {
		if err := Named(t.Context(), w.Store, rules); fault.Code(err) != fault.Config || !strings.Contains(err.Error(), "spec.evaluate.gate[0].against: ") {
			t.Error(err)
		}
	}
	if _, err := Of(t.Context(), w.Store, cut, nil, w.Now()); fault.Code(err) != fault.Usage {
		t.Errorf("a run without scores is asked: %v", err)
	}
}

func must(d run.Draft, err error) run.Draft {
	if err != nil {
		panic(err)
	}
	return d
}

// A far bucket answers after 20 ms.
type far struct{ store.Bucket }

func (f far) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	time.Sleep(20 * time.Millisecond)
	return f.Bucket.Get(ctx, key)
}

func (f far) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	time.Sleep(20 * time.Millisecond)
	return f.Bucket.List(ctx, prefix)
}

// After a year of nights a gate is asked in about the time that history takes.
func TestAfterAYear(t *testing.T) {
	mem := store.NewMem()
	w := newNights(t, mem)
	var last store.RunID
	for range 365 {
		last = w.night(map[string]string{"a": "AARm", "b": "AARm"})
	}
	synctest.Test(t, func(t *testing.T) { // by a clock that only waits move
		began := time.Now()
		r, err := Of(t.Context(), store.New(far{mem}), last, []plan.GateRule{{MaxDrop: number(3)}, {SignificantDrop: true}, {MaxDrop: number(3), Against: "best:14"}}, opened)
		if took := time.Since(began); err != nil || !r.Passed || took > 1500*time.Millisecond {
			t.Errorf("%+v, %v, after %s", r, err, took)
		} else {
			t.Log(took)
		}
	})
}
