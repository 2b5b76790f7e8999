package statistics

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/trace"
)

var opened = time.Date(2024, 6, 3, 12, 0, 0, 0, time.UTC)

func at(seconds float64) string {
	return opened.Add(time.Duration(seconds * float64(time.Second))).Format(time.RFC3339Nano)
}

// A world is a store with a run of two steps: generate, of three shards, and reward.
type world struct {
	*testing.T
	s *store.Store
}

func newWorld(t *testing.T) world {
	w := world{t, store.New(store.NewMem())}
	w.ok(w.s.CreateRun(t.Context(), store.Run{ID: "big-1", Experiment: "big", Digest: "d", Created: at(0)}))
	return w
}

func (w world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w world) plan() {
	p := &plan.Plan{Version: plan.Version, Experiment: "big", Steps: []plan.Step{{Name: "generate", Job: plan.JobGenerate, Shards: 3}, {Name: "reward", Job: plan.JobReward, Shards: 1}}}
	raw, err := p.Encode()
	w.ok(err)
	w.ok(w.s.PutPlan(w.Context(), "big-1", raw))
}

func (w world) artifact(name string, lines ...any) store.Artifact {
	blob := w.s.NewBlob()
	for _, line := range lines {
		w.ok(json.NewEncoder(blob).Encode(line))
	}
	d, err := blob.Commit(w.Context())
	w.ok(err)
	return store.Artifact{Name: name, Digest: d, Bytes: blob.Bytes()}
}

func (w world) shard(i int, start, end float64, reused bool, u llm.Usage, list ...rows.Row) {
	usage, err := json.Marshal(u)
	w.ok(err)
	ledger := make([]any, len(list))
	for i := range list {
		list[i].Stage, list[i].ID = "generate", fmt.Sprint(i)
		ledger[i] = list[i]
	}
	gym := trace.Stats{Tally: trace.Tally{Sessions: len(list), Events: 10 * len(list)}}
	w.ok(w.s.CommitStep(w.Context(), store.Step{
		Run: "big-1", Step: "generate", Shard: i, WorkKey: store.WorkKey(strings.Repeat("0", 63) + fmt.Sprint(i)), Reused: reused, Usage: usage, Started: at(start), Finished: at(end),
		Outputs: []store.Artifact{w.artifact(plan.RowsOutput, ledger...), w.artifact(plan.StatsOutput, gym)},
	}))
}

func (w world) collect() *Run {
	w.Helper()
	r, err := Collect(w.Context(), w.s, "big-1")
	w.ok(err)
	return r
}

var (
	paid     = llm.Usage{Calls: 100, Prompt: 9000, Cached: 3000, Completion: 1000, Replayed: 10, USD: 2}
	accepted = rows.Row{State: rows.Accepted}
	cut      = rows.Row{State: rows.Truncated, Cause: "maxEvents"}
	failed   = rows.Row{State: rows.Failed, Cause: "user: no valid activity"}
)

func TestARunThatFailedHalfway(t *testing.T) {
	w := newWorld(t)
	w.plan()
	w.shard(0, 1, 41, false, paid, accepted, accepted, cut, failed, cut)
	w.shard(2, 0.5, 0.6, true, paid, accepted, accepted)
	failure := store.Failure{Step: "generate", Shard: 1, ExitCode: 75, Cause: "the provider is away"}
	w.ok(w.s.SealRun(t.Context(), store.Seal{Run: "big-1", State: store.Failed, Failures: []store.Failure{failure}, Finished: at(60)}))
	lost := llm.Usage{Calls: 7, Prompt: 70, Completion: 7, USD: 0.5}
	failure.Progress, _ = json.Marshal(progress.Event{Type: progress.Progress, Done: 5, Total: 9, Failed: 4, Usage: &lost})
	w.ok(w.s.PutFailure(t.Context(), "big-1", failure))
	r := w.collect()
	if r.State != store.Failed || r.Seconds != 60 || r.Used != paid.Add(lost) || r.Before != paid {
		t.Errorf("%+v", r)
	}
	if f := r.Failures; len(f) != 1 || f[0].Planned != 9 || f[0].Ended != 5 || f[0].FailedRows != 4 || f[0].Used != lost || f[0].Cause != failure.Cause {
		t.Errorf("failures %+v", f)
	}
	g := r.Steps[0]
	if g.Done != 2 || g.Reused != 1 || g.Failed != 1 || g.Seconds != 40 || g.Used != paid.Add(lost) || g.Before != paid {
		t.Errorf("%+v", g)
	}
	if g.Shards[0] != (Shard{Succeeded, false, 1, 41, paid}) || g.Shards[1] != (Shard{State: Failed, Usage: lost}) || g.Shards[2] != (Shard{Succeeded, true, 0.5, 0.6, paid}) {
		t.Errorf("%+v", g.Shards)
	}
	usd, tokens := 1.125, 5019.25
	if want := (&Rows{Planned: 7, Accepted: 4, Truncated: 2, Failed: 1, USDPerAccepted: &usd, TokensPerAccepted: &tokens}); !reflect.DeepEqual(g.Rows, want) {
		t.Errorf("rows %+v, want %+v", g.Rows, want)
	}
	if want := []Cause{{rows.Truncated, "maxEvents", 2}, {rows.Failed, "user: no valid activity", 1}}; !reflect.DeepEqual(g.Causes, want) {
		t.Errorf("causes %+v", g.Causes)
	}
	if r.Gym == nil || r.Gym.Sessions != 7 || r.Gym.EventsPerSession != 10 {
		t.Errorf("gym %+v", r.Gym)
	}
	if reward := r.Steps[1]; reward.Done != 0 || reward.Rows != nil || reward.Shards[0].State != Pending || reward.Seconds != 0 {
		t.Errorf("%+v", reward)
	}
}

// A run that is under way has no seal; what its jobs left of failures is there.
func TestARunUnderWay(t *testing.T) {
	w := newWorld(t)
	if r := w.collect(); r.State != run.Unsealed || len(r.Steps) != 0 {
		t.Errorf("without a plan: %+v", r)
	}
	w.plan()
	w.shard(1, 2, 12, false, paid, failed)
	w.ok(w.s.PutFailure(t.Context(), "big-1", store.Failure{Step: "generate", Shard: 0, ExitCode: 75, Cause: "away"}))
	r := w.collect()
	if r.State != run.Unsealed || r.Seconds != 12 || r.Steps[0].Failed != 1 || r.Steps[0].Done != 1 || r.Used != paid {
		t.Errorf("%+v", r)
	}
	if rows := r.Steps[0].Rows; rows.USDPerAccepted != nil || rows.Failed != 1 {
		t.Errorf("a price for rows that no one accepted: %+v", rows)
	}
}

func TestARunThatIsReusedAltogetherPaysNothing(t *testing.T) {
	w := newWorld(t)
	w.plan()
	for i := range 3 {
		w.shard(i, 0.1, 0.2, true, paid, accepted)
	}
	w.ok(w.s.SealRun(t.Context(), store.Seal{Run: "big-1", State: store.Succeeded, Finished: at(0.5)}))
	r := w.collect()
	if r.Used != (llm.Usage{}) || r.Before.USD != 6 || r.Before.Calls != 300 || r.Steps[0].Seconds != 0 || *r.Steps[0].Rows.USDPerAccepted != 2 {
		t.Errorf("%+v", r)
	}
}

// The clocks of two machines differ: no shard begins before its run, or ends before it began.
func TestClocksThatDiffer(t *testing.T) {
	w := newWorld(t)
	w.plan()
	w.shard(0, -5, -3, false, paid, accepted)
	w.shard(1, 9, 8, false, paid, accepted)
	r := w.collect()
	if a, b := r.Steps[0].Shards[0], r.Steps[0].Shards[1]; a.Start != 0 || a.End != 0 || b.Start != 9 || b.End != 9 {
		t.Errorf("%+v, %+v", a, b)
	}
	if r.Steps[0].Seconds != 9 {
		t.Errorf("%v s, want 9", r.Steps[0].Seconds)
	}
}

func TestNoSuchRun(t *testing.T) {
	if _, err := Collect(t.Context(), store.New(store.NewMem()), "big-1"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
}
