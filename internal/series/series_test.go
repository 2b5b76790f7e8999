package series

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

var first = time.Date(2026, 1, 1, 3, 0, 0, 0, time.UTC)

// A world is a store whose clock stands where a test sets it.
type world struct {
	*testing.T
	run.Registry
	now time.Time
}

func newWorld(t *testing.T, b store.Bucket) *world {
	w := &world{T: t, now: first}
	w.Registry = run.Registry{Store: store.New(b), Now: func() time.Time { return w.now }, Version: "v1"}
	return w
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// open opens a run of two steps: predict, which calls a model, and evaluate.
func (w *world) open(experiment, asOf string, how run.Execution) store.RunID {
	w.Helper()
	p := &plan.Plan{Version: plan.Version, Experiment: experiment, Digest: "d", Steps: []plan.Step{
		{Name: plan.JobPredict, Job: plan.JobPredict, Format: 1, Shards: 1, Share: plan.Share{Models: []string{"small"}}},
		{Name: plan.JobEvaluate, Job: plan.JobEvaluate, Format: 1, Shards: 1},
	}}
	if asOf != "" {
		p.Anew = &plan.Anew{Roles: []string{"candidates"}, AsOf: asOf}
	}
	d, err := run.NewDraft(p, nil, how, false)
	w.ok(err)
	id, err := w.Open(w.Context(), d, nil)
	w.ok(err)
	return id
}

// score records both steps as done.
func (w *world) score(id store.RunID, f1 float64, answeredBy, judgedBy string) {
	w.Helper()
	usage, err := json.Marshal(llm.UsageByRole{Usage: llm.Usage{Calls: 190, USD: 0.25}})
	w.ok(err)
	w.ok(w.CommitStep(w.Context(), store.Step{Run: id, Step: plan.JobPredict, WorkKey: "p", Usage: usage}))
	data, err := json.Marshal(metrics.Evaluation{
		Version: metrics.Version, Judge: "model", JudgeModel: "judge", JudgedBy: []string{judgedBy}, Traces: 8, Events: 95, Confidence: 0.95,
		Candidates: []metrics.Candidate{{Name: "ours", Score: metrics.Score{F1: f1}, F1CI: &[2]float64{f1 - 0.1, f1 + 0.1}, AnsweredBy: []string{answeredBy}}},
	})
	w.ok(err)
	digest, err := w.PutBlob(w.Context(), data)
	w.ok(err)
	w.ok(w.CommitStep(w.Context(), store.Step{Run: id, Step: plan.JobEvaluate, WorkKey: "e",
		Outputs: []store.Artifact{{Name: plan.MetricsOutput, Digest: digest, Bytes: int64(len(data))}}}))
}

func (w *world) night(experiment string, n int, f1 float64) store.RunID {
	w.now = first.AddDate(0, 0, n)
	id := w.open(experiment, w.now.Format(time.DateOnly), run.Execution{})
	w.score(id, f1, "small-1", "judge-1")
	w.ok(w.Seal(w.Context(), id, store.Succeeded))
	return id
}

// A slow bucket counts requests, and answers each after a while.
type slow struct {
	store.Bucket
	requests atomic.Int64
	away     time.Duration
}

func (s *slow) wait() { s.requests.Add(1); time.Sleep(s.away) }

func (s *slow) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	s.wait()
	return s.Bucket.Get(ctx, key)
}

func (s *slow) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	s.wait()
	return s.Bucket.List(ctx, prefix)
}

// A year of nights is read from two records each, side by side: on a store that is 20 ms
// away in less than a second.
func TestAYear(t *testing.T) {
	mem := store.NewMem()
	w := newWorld(t, mem)
	for n := range 365 {
		w.night("nightly", n, 0.8)
	}
	w.night("other", 400, 0.1)
	far := &slow{Bucket: mem, away: 20 * time.Millisecond}
	var nights []Night
	var took time.Duration
	synctest.Test(t, func(t *testing.T) { // by a clock that only waits move
		began := time.Now()
		var err error
		if nights, err = Of(t.Context(), store.New(far), "nightly", w.now); err != nil {
			t.Error(err)
		}
		took = time.Since(began)
	})
	if len(nights) == 0 {
		t.Fatal("no night")
	}
	if len(nights) != 365 || nights[0].ID != "nightly-1" || nights[364].ID != "nightly-365" || nights[364].Candidate("ours").F1 != 0.8 || nights[1].Summary.USD != 0.25 {
		t.Fatalf("%d nights, the last %+v", len(nights), nights[len(nights)-1])
	}
	if n := far.requests.Load(); n > 2*365+3 {
		t.Errorf("%d requests", n)
	}
	t.Logf("%d requests in %v", far.requests.Load(), took)
	if took > time.Second {
		t.Errorf("it took %v", took)
	}
}

// What an earlier gymline sealed is read through its steps, to the same summary.
func TestWithoutSummary(t *testing.T) {
	w := newWorld(t, store.NewMem())
	w.now = first
	id := w.open("x", "2026-01-01", run.Execution{})
	w.score(id, 0.5, "small-1", "judge-1")
	w.ok(w.SealRun(t.Context(), store.Seal{Run: id, State: store.Succeeded, Finished: store.Stamp(w.now)}))
	w.night("x", 0, 0.5)
	nights, err := Of(t.Context(), w.Store, "x", w.now)
	w.ok(err)
	if nights[0].Head.Summary != nil || nights[1].Head.Summary == nil {
		t.Fatalf("%+v", nights)
	}
	a, _ := json.Marshal(nights[0].Summary)
	b, _ := json.Marshal(nights[1].Summary)
	if string(a) != string(b) || nights[0].Summary.Calls != 190 {
		t.Errorf("\n%s\n%s", a, b)
	}
}

// Runs without a seal are told apart, and who went on with one is named.
func TestStanding(t *testing.T) {
	w := newWorld(t, store.NewMem())
	cut := w.open("x", "", run.Execution{})
	w.ok(w.Beat(t.Context(), cut, store.Stamp(w.now)))
	w.now = w.now.Add(time.Hour)
	failed := w.open("x", "", run.Execution{Set: []string{"seed=2"}})
	w.ok(w.Seal(t.Context(), failed, store.Failed))
	other := w.open("x", "another", run.Execution{})
	pods := w.open("x", "pods", run.Execution{Image: "gymline:1"})
	w.now = w.now.Add(time.Hour)
	live := w.open("x", "", run.Execution{})
	nights, err := Of(t.Context(), w.Store, "x", w.now)
	w.ok(err)
	for i, want := range []struct {
		id       store.RunID
		standing string
		by       store.RunID
	}{{cut, run.CutOff, failed}, {failed, store.Failed, live}, {other, run.CutOff, ""}, {pods, run.Unsealed, ""}, {live, run.Running, ""}} {
		if n := nights[i]; n.ID != want.id || n.Standing != want.standing || n.ContinuedBy != want.by {
			t.Errorf("%s %q → %q, want %+v", n.ID, n.Standing, n.ContinuedBy, want)
		}
	}
	if !slices.Equal(nights[1].Set, []string{"seed=2"}) {
		t.Errorf("set %q", nights[1].Set)
	}
}

func TestQuery(t *testing.T) {
	w := newWorld(t, store.NewMem())
	for n := range 5 {
		w.night("x", n, 0.5)
	}
	w.night("y", 9, 0.5)
	ctx := t.Context()
	w.ok(w.AddTag(ctx, store.Tag{Name: "baseline", Run: "x-1"}))
	w.ok(w.AddTag(ctx, store.Tag{Name: "baseline", Run: "x-2"}))
	w.ok(w.AddTag(ctx, store.Tag{Name: "gone", Run: "x-2"}))
	w.ok(w.AddTag(ctx, store.Tag{Name: "gone"}))
	w.ok(w.AddNote(ctx, store.Note{Run: "x-2", Text: "old"}))
	w.ok(w.AddNote(ctx, store.Note{Run: "x-2", Text: "new"}))
	for name, c := range map[string]struct {
		q    Query
		want string
	}{
		"all":        {Query{}, "[x-1 x-2 x-3 x-4 x-5 y-1]"},
		"experiment": {Query{Experiment: "y"}, "[y-1]"},
		"last":       {Query{Experiment: "x", Last: 2}, "[x-4 x-5]"},
		"since":      {Query{Since: first.AddDate(0, 0, 4)}, "[x-5 y-1]"},
		"state":      {Query{State: "cutoff"}, "[]"},
		"succeeded":  {Query{State: "SUCCEEDED", Last: 1}, "[y-1]"},
		"tag":        {Query{Tag: "baseline"}, "[x-2]"},
		"no tag":     {Query{Tag: "gone"}, "[]"},
	} {
		nights, err := Find(ctx, w.Store, c.q, w.now)
		ids := []store.RunID{}
		for _, n := range nights {
			ids = append(ids, n.ID)
		}
		if err != nil || fmt.Sprint(ids) != c.want {
			t.Errorf("%s: %v, %v; want %s", name, ids, err, c.want)
		}
	}
	nights, err := Find(ctx, w.Store, Query{Tag: "baseline"}, w.now)
	w.ok(err)
	if n := nights[0]; n.Note == nil || n.Note.Text != "new" || n.Note.Number != 2 {
		t.Errorf("%+v", n.Note)
	}
}

// A schedule names runs by their time; another experiment's name may begin alike.
func TestScheduledNames(t *testing.T) {
	w := newWorld(t, store.NewMem())
	opened := func(experiment string, id store.RunID, day int) {
		w.now = first.AddDate(0, 0, day)
		d, err := run.NewDraft(&plan.Plan{Version: plan.Version, Experiment: experiment}, nil, run.Execution{}, false)
		w.ok(err)
		w.ok(w.OpenAs(t.Context(), id, d))
	}
	opened("nightly", "nightly-2026-01-03T030000Z", 2)
	opened("nightly", "nightly-2", 1)
	opened("nightly", "nightly-2026-01-01T030000Z", 0)
	opened("nightly-b", "nightly-b-2026-01-02T030000Z", 1)
	opened("nightly-b", "nightly-b-7", 1)
	nights, err := Of(t.Context(), w.Store, "nightly", w.now)
	w.ok(err)
	var ids []store.RunID
	for _, n := range nights {
		ids = append(ids, n.ID)
	}
	if !slices.Equal(ids, []store.RunID{"nightly-2026-01-01T030000Z", "nightly-2", "nightly-2026-01-03T030000Z"}) {
		t.Errorf("runs %q", ids)
	}
}

// TestBefore: what a run is compared with came before it and has scores, and is no other
// run of its own occasion, whenever that was fired again.
func TestBefore(t *testing.T) {
	w := newWorld(t, store.NewMem())
	w.night("x", 0, 0.5)
	w.now = w.now.Add(time.Hour)
	w.ok(w.Seal(t.Context(), w.open("x", "bad", run.Execution{}), store.Failed))
	w.night("x", 2, 0.6)
	w.night("x", 2, 0.6) // fired again
	w.night("x", 3, 0.7)
	w.night("x", 2, 0.6) // and again
	w.now = first.AddDate(0, 0, 4)
	late := w.open("x", first.AddDate(0, 0, 2).Format(time.DateOnly), run.Execution{}) // replayed
	w.score(late, 0.6, "small-1", "judge-1")
	w.ok(w.Seal(t.Context(), late, store.Succeeded))
	nights, err := Of(t.Context(), w.Store, "x", w.now)
	w.ok(err)
	for id, want := range map[store.RunID]string{"x-1": "[]", "x-2": "[x-1]", "x-3": "[x-1]", "x-4": "[x-1]", "x-5": "[x-1 x-6]", "x-6": "[x-1]", "x-7": "[x-1]", "x-9": "[x-1 x-7 x-5]"} {
		list := []store.RunID{}
		for _, n := range Before(nights, id) {
			list = append(list, n.ID)
		}
		if got := fmt.Sprint(list); got != want {
			t.Errorf("before %s: %s, want %s", id, got, want)
		}
	}
	e, err := nights[2].Metrics(t.Context(), w.Store)
	if err != nil || e.Candidates[0].F1 != 0.6 {
		t.Errorf("%+v, %v", e, err)
	}
	if n, err := One(t.Context(), w.Store, "x-5"); err != nil || n.Candidate("ours").F1 != 0.7 {
		t.Errorf("%+v, %v", n, err)
	}
}

// A line has a gap where a run failed, and says what changed with a score.
func TestLines(t *testing.T) {
	w := newWorld(t, store.NewMem())
	w.night("x", 0, 0.5)
	w.now = first.AddDate(0, 0, 1)
	failed := w.open("x", "1", run.Execution{})
	w.ok(w.Seal(t.Context(), failed, store.Failed))
	w.now = first.AddDate(0, 0, 2)
	third := w.open("x", "2", run.Execution{})
	w.score(third, 0.75, "small-1", "judge-2")
	w.ok(w.Seal(t.Context(), third, store.Succeeded))
	nights, err := Of(t.Context(), w.Store, "x", w.now)
	w.ok(err)
	lines := Lines(nights)
	if len(lines) != 1 || lines[0].Candidate != "ours" || len(lines[0].Points) != 3 {
		t.Fatalf("%+v", lines)
	}
	p := lines[0].Points
	if p[0].Change != nil || p[0].News != nil || p[1].Score != nil || p[1].Change != nil || p[1].State != store.Failed {
		t.Errorf("%+v", p[:2])
	}
	if p[2].Change == nil || *p[2].Change != 0.25 || !slices.Equal(p[2].News, []string{"judged by judge-2 (was judge-1)"}) {
		t.Errorf("%+v", p[2])
	}
}

// Where nobody is asked anew, the same plan again is no other run to compare with: a drop
// that a gate found is found again.
func TestBeforeTheSamePlan(t *testing.T) {
	w := newWorld(t, store.NewMem())
	again := func(day int, steps ...string) {
		w.now = first.AddDate(0, 0, day)
		p := &plan.Plan{Version: plan.Version, Experiment: "x", Digest: store.Digest(steps[0]), Steps: []plan.Step{
			{Name: plan.JobPredict, Job: plan.JobPredict, Format: 1, Shards: 1, Share: plan.Share{Models: []string{"small"}}},
			{Name: plan.JobEvaluate, Job: plan.JobEvaluate, Format: 1, Shards: 1},
		}}
		d, err := run.NewDraft(p, nil, run.Execution{}, false)
		w.ok(err)
		id, err := w.Open(t.Context(), d, nil)
		w.ok(err)
		w.score(id, 0.5, "small-1", "judge-1")
		w.ok(w.Seal(t.Context(), id, store.Succeeded))
	}
	again(0, "good")
	again(1, "bad")
	again(2, "bad")
	again(3, "good")
	nights, err := Of(t.Context(), w.Store, "x", w.now)
	w.ok(err)
	for id, want := range map[store.RunID]string{"x-2": "[x-1]", "x-3": "[x-1]", "x-4": "[]"} {
		list := []store.RunID{}
		for _, n := range Before(nights, id) {
			list = append(list, n.ID)
		}
		if got := fmt.Sprint(list); got != want {
			t.Errorf("before %s: %s, want %s", id, got, want)
		}
	}
}

// A seal of more shards than can be counted in time has scores all the same, and who reads
// a run without a seal asks for few records.
func TestManyShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		far := &slow{Bucket: store.NewMem(), away: 20 * time.Millisecond}
		w := newWorld(t, far)
		p := &plan.Plan{Version: plan.Version, Experiment: "x", Digest: "d", Steps: []plan.Step{
			{Name: plan.JobPredict, Job: plan.JobPredict, Format: 1, Shards: 10_000, Share: plan.Share{Models: []string{"small"}}},
			{Name: plan.JobEvaluate, Job: plan.JobEvaluate, Format: 1, Shards: 1},
		}}
		d, err := run.NewDraft(p, nil, run.Execution{}, false)
		w.ok(err)
		for _, sealed := range []bool{true, false} {
			id, err := w.Open(t.Context(), d, nil)
			w.ok(err)
			w.score(id, 0.5, "small-1", "judge-1")
			if sealed {
				w.ok(w.Seal(t.Context(), id, store.Succeeded))
			}
		}
		far.requests.Store(0)
		nights, err := Of(t.Context(), w.Store, "x", w.now)
		w.ok(err)
		for _, n := range nights {
			if n.Candidate("ours").F1 != 0.5 || !n.Summary.Uncounted || n.Summary.Calls != 0 {
				t.Errorf("%s: %+v", n.ID, n.Summary)
			}
		}
		if far.requests.Load() > 20 {
			t.Errorf("%d requests", far.requests.Load())
		}
	})
}
