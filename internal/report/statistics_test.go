package report

import (
	"bytes"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/golden"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/statistics"
	"github.com/gymline/gymline/internal/store"
)

// fixtureRun is a run of 40 shards, 8 at once, some of them reused, that failed
// before its last step.
func fixtureRun() *statistics.Run {
	r := &statistics.Run{Run: "support-7", Experiment: "support", Digest: "4be1c0a7d7c1e7ab0b9a3d1f0e55ac7bd6c2ab44f3adfbb6c3e5b8d92d0c1f7a",
		State: store.Failed, Created: "2024-06-03T12:00:00Z", Finished: "2024-06-03T14:31:40.5Z", Seconds: 9100.5, Gym: fixtureGym(),
		Failures: []statistics.Failure{{Failure: store.Failure{Step: "predict", Shard: 1, ExitCode: 65, Cause: "benchmark/code_11.json:40: not a JSON row", Hint: "mend or remove that line; nothing was changed"}}}}
	generate := statistics.Step{Step: "generate", Done: 40, Reused: 4, Seconds: 7621,
		Causes: []statistics.Cause{{State: rows.Truncated, Cause: "maxEvents", Rows: 310}, {State: rows.Failed, Cause: "environment: no valid events", Rows: 41},
			{State: rows.Failed, Cause: "agent: the request was refused: HTTP 400, this model's maximum context length is 8192 tokens, however you requested 9411 tokens " + hostile, Rows: 3}}}
	for i := range 40 {
		start := float64(i/8)*1500 + float64(i%8)*7
		sh := statistics.Shard{State: statistics.Succeeded, Start: start, End: start + 1300 + float64(i*37%200), Usage: llm.Usage{Calls: 5100, Prompt: 9_800_000, Cached: 6_100_000, Completion: 410_000, USD: 4.11}}
		if i%10 == 0 {
			sh.Reused, sh.Start, sh.End = true, 1.5+float64(i), 1.6+float64(i)
			generate.Before = generate.Before.Add(sh.Usage)
		} else {
			generate.Used = generate.Used.Add(sh.Usage)
		}
		generate.Shards = append(generate.Shards, sh)
	}
	usd, tokens := 0.0351, 83_000.0
	generate.Rows = &statistics.Rows{Planned: 5000, Accepted: 4646, Truncated: 310, Failed: 44, USDPerAccepted: &usd, TokensPerAccepted: &tokens}
	generate.Roles = map[string]llm.Usage{
		"user": {Calls: 41_200, Prompt: 211_000_000, Cached: 150_000_000, Completion: 7_100_000}, "agent": {Calls: 37_700, Prompt: 141_800_000, Cached: 69_600_000, Completion: 7_700_000},
	}
	reward := statistics.Step{Step: "reward", Shards: []statistics.Shard{{State: statistics.Succeeded, Start: 7700, End: 7731}}, Done: 1, Seconds: 31, Rows: &statistics.Rows{Planned: 61_000, Accepted: 60_100, Rejected: 900},
		Causes: []statistics.Cause{{State: rows.Rejected, Cause: "not judged", Rows: 900}}}
	predict := statistics.Step{Step: "predict", Shards: []statistics.Shard{{State: statistics.Succeeded, Start: 7700, End: 9000, Usage: llm.Usage{Calls: 466, Prompt: 700_000, Completion: 90_000, Replayed: 12, USD: 0.8}}, {State: statistics.Failed}},
		Done: 1, Failed: 1, Seconds: 1300, Rows: &statistics.Rows{Planned: 466, Accepted: 466}}
	predict.Used = predict.Shards[0].Usage
	evaluate := statistics.Step{Step: "evaluate", Shards: []statistics.Shard{{State: statistics.Pending}}}
	r.Steps = []statistics.Step{generate, reward, predict, evaluate}
	for _, s := range r.Steps {
		r.Used, r.Before = r.Used.Add(s.Used), r.Before.Add(s.Before)
	}
	return r
}

func renderRun(t *testing.T, r *statistics.Run) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteStatistics(&b, r, fixtureOrigin()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestStatisticsGolden(t *testing.T) {
	golden.Check(t, "testdata/statistics.golden.html", []byte(renderRun(t, fixtureRun()))) // look at it in a browser
}

// What there is to see of runs that are not the usual one.
func TestStatisticsOfOddRuns(t *testing.T) {
	reused := fixtureRun()
	reused.State, reused.Failures, reused.Used = store.Succeeded, nil, llm.Usage{}
	reused.Steps = reused.Steps[:1]
	g := &reused.Steps[0]
	g.Reused, g.Before, g.Used, g.Seconds = 40, g.Used.Add(g.Before), llm.Usage{}, 0
	reused.Before = g.Before
	for i := range g.Shards {
		g.Shards[i].Reused, g.Shards[i].Start, g.Shards[i].End = true, 0.1, 0.1
	}
	reused.Seconds = 0.4
	broken := fixtureRun()
	broken.Seconds, broken.Used.USD, broken.Steps[0].Used.USD = math.NaN(), math.Inf(1), math.NaN()
	*broken.Steps[0].Rows.USDPerAccepted = math.NaN()
	for name, c := range map[string]struct {
		r             *statistics.Run
		want, without []string
	}{
		// Nothing is paid now, and all of it was before.
		"reused altogether": {reused, []string{`<tr class="baseline"><th scope="row">reused, not paid now</th>`, "<dt>Calls</dt><dd><b>0</b><span>204,000 more when the reused work was done</span>",
			"<dt>Paid</dt><dd><b>$0.00</b><span>$164.40 more when the reused work was done", ">40 reused<"}, []string{"NaN"}},
		"just opened":    {&statistics.Run{Run: "x-1", State: run.Unsealed}, []string{"Not sealed", "No shard is done"}, []string{`id="tokens"`, `id="rows"`, `id="gym"`, "<rect"}},
		"broken numbers": {broken, []string{"support-7"}, nil},
	} {
		got := renderRun(t, c.r)
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: the page does not say %q", name, want)
			}
		}
		for _, bad := range c.without {
			if strings.Contains(got, bad) {
				t.Errorf("%s: the page holds %q", name, bad)
			}
		}
		for _, attr := range regexp.MustCompile(` (?:x|y|x1|x2|width|height)="[^"]*"`).FindAllString(got, -1) {
			if strings.Contains(attr, "NaN") || strings.Contains(attr, "Inf") || strings.Contains(attr, "-") {
				t.Fatalf("%s: a position that is no number: %s", name, attr)
			}
		}
	}
}

func TestStatisticsPageIsSafeAndAsksForNothing(t *testing.T) {
	r := fixtureRun()
	r.Run, r.Experiment, r.Failures[0].Cause, r.Failures[0].Hint = hostile, hostile, hostile, hostile
	r.Steps[0].Step = hostile
	r.Gym.Domains[hostile] = r.Gym.Domains["coding"]
	got := renderRun(t, r)
	for _, bad := range []string{"<script", "<img", "onerror=alert(1)>", `"quoted"`, "ZgotmplZ", "url(", "@import", "<link", "src=x onerror=alert(1)>", "srcset="} {
		if strings.Contains(got, bad) {
			t.Errorf("%s reached the page", bad)
		}
	}
}

// Shards that overlap never share a lane, and there are no more lanes than shards at once.
func TestLanes(t *testing.T) {
	shards := fixtureRun().Steps[0].Shards
	lane, lanes := lanesOf(shards)
	most := 0
	for i, a := range shards {
		at := 0
		for j, b := range shards {
			if b.Start <= a.Start && a.Start < b.End {
				at++
			}
			if i < j && lane[i] == lane[j] && a.Start < b.End && b.Start < a.End {
				t.Errorf("shards %d and %d overlap in lane %d", i, j, lane[i])
			}
		}
		most = max(most, at)
	}
	if lanes != most {
		t.Errorf("%d lanes for %d shards at once", lanes, most)
	}
}

func TestTimeAxisHasFewTicksInWholeSteps(t *testing.T) {
	for total, want := range map[float64]float64{0.004: 0.001, 0.4: 0.1, 0.9: 0.2, 6: 1, 47: 10, 100: 20, 400: 60, 9100: 1800, 100_000: 4 * 3600, 2e6: 4 * 24 * 3600} {
		if got := timeStep(total); math.Abs(got-want) > 1e-9 || total/got > 7 || total/got < 2 {
			t.Errorf("%v s: steps of %v s, want %v", total, got, want)
		}
	}
}

func TestTickLabels(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.05: "50 ms", 0.1 + 0.2: "300 ms", 1: "1 s", 2.5: "2.5 s", 30: "30 s", 60: "1 min", 90: "1:30 min", 3600: "1 h", 5400: "1:30 h"} {
		if got := clock(v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
}

func TestTimesForPeople(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.01: "<0.1 s", 0.44: "0.4 s", 2: "2 s", 9.96: "10 s", 59.7: "1 min", 185: "3 min 5 s", 3600: "1 h", 8040: "2 h 14 min", -1: "<0.1 s"} {
		if got := seconds(v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
}
