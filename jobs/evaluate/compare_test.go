package evaluate

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/job/jobtest"
	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/plan"
)

// compared evaluates candidates on traces whose words come in turn.
func compared(t *testing.T, params plan.Evaluate, traces int, words map[string][]string) metrics.Evaluation {
	t.Helper()
	var shards [][]byte
	for _, name := range params.Candidates {
		shards = append(shards, encode(t, outcomes(name, repeat(traces, words[name]...)...)))
	}
	params.Resamples, params.Confidence = 500, .95
	res, err := jobtest.Run(t, jobtest.Case{Job: plan.JobEvaluate, Func: Run, Seed: 5, Upstream: map[string][][]byte{judgedInput: shards}, Params: params})
	if err != nil {
		t.Fatal(err)
	}
	var e metrics.Evaluation
	if err := json.Unmarshal(res.Output(t, plan.MetricsOutput), &e); err != nil {
		t.Fatal(err)
	}
	return e
}

var three = map[string][]string{"a": {"PPpsS", "PppSS", "PPPsp"}, "b": {"PpppS", "pppSs", "PPpps"}, "c": {"pppps", "PpppS", "ppppS"}}

// TestBaseline: with a baseline the others are compared with it alone, it being A.
func TestBaseline(t *testing.T) {
	e := compared(t, plan.Evaluate{Candidates: []string{"a", "b", "c"}, Baseline: "b"}, 12, three)
	var pairs []string
	for _, c := range e.Comparisons {
		pairs = append(pairs, c.A+c.B)
		if c.PHolm < c.P || c.PHolm > 2*c.P+1e-12 || c.PRate != nil {
			t.Errorf("%+v", c)
		}
	}
	if got := strings.Join(pairs, " "); got != "ba bc" || e.Baseline != "b" {
		t.Errorf("compared %s, baseline %q", got, e.Baseline)
	}
	all := compared(t, plan.Evaluate{Candidates: []string{"a", "b", "c"}}, 12, three)
	if len(all.Comparisons) != 3 || *all.Comparisons[0].Detectable <= *e.Comparisons[0].Detectable || all.Comparisons[0].Delta != -e.Comparisons[0].Delta {
		t.Errorf("every pair: %+v", all.Comparisons)
	}
}

// TestAdjustByRate: the verdict goes by the rate where that was asked for, and Holm's p stays.
func TestAdjustByRate(t *testing.T) {
	holm := compared(t, plan.Evaluate{Candidates: []string{"a", "b", "c"}}, 12, three)
	rate := compared(t, plan.Evaluate{Candidates: []string{"a", "b", "c"}, Adjust: plan.AdjustRate}, 12, three)
	for i, c := range rate.Comparisons {
		if c.PRate == nil || *c.PRate > c.PHolm || c.PHolm != holm.Comparisons[i].PHolm || c.Different != (*c.PRate <= .05) {
			t.Errorf("%+v", c)
		}
	}
}

// TestTooFewTraces: where no pair could ever be called different the first words say so, and what to do.
func TestTooFewTraces(t *testing.T) {
	names, words := []string{}, map[string][]string{}
	for i := range 15 {
		name := fmt.Sprintf("m%02d", i)
		names, words[name] = append(names, name), [][]string{{"PPpsS", "PppSS"}, {"pppps", "PpppS"}}[i%2]
	}
	said := strings.Join(compared(t, plan.Evaluate{Candidates: names}, 12, words).Warnings, "\n")
	want := "12 traces cannot tell 15 candidates apart: the smallest p that 105 comparisons can come to is 0.0513, above 0.05; name an evaluate.baseline, compare fewer candidates, or take more traces"
	if !strings.Contains(said, want) {
		t.Errorf("no %q in\n%s", want, said)
	}
	for name, params := range map[string]plan.Evaluate{
		"a baseline": {Candidates: names, Baseline: "m00"}, "the rate": {Candidates: names, Adjust: plan.AdjustRate},
	} {
		if e := compared(t, params, 12, words); strings.Contains(strings.Join(e.Warnings, "\n"), "cannot tell") {
			t.Errorf("%s: %q", name, e.Warnings)
		}
	}
	if e := compared(t, plan.Evaluate{Candidates: names}, 13, words); strings.Contains(strings.Join(e.Warnings, "\n"), "cannot tell") {
		t.Errorf("13 traces: %q", e.Warnings)
	}
}

// TestNoIntervalIsSaid: traces that are alike, and few that have a hit.
func TestNoIntervalIsSaid(t *testing.T) {
	e := compared(t, plan.Evaluate{Candidates: []string{"alike", "rare"}}, 12, map[string][]string{
		"alike": {"PPp"}, "rare": {"ppP", "pps", "pps", "ppp", "ppp", "ppp"}})
	if e.Candidates[0].F1CI != nil || e.Candidates[1].F1CI == nil {
		t.Errorf("intervals %v, %v", e.Candidates[0].F1CI, e.Candidates[1].F1CI)
	}
	for _, want := range []string{"there is no interval: alike", "in fewer than 5 traces something was right, so that no interval is to be trusted: rare 2 of 12 traces"} {
		if !strings.Contains(strings.Join(e.Warnings, "\n"), want) {
			t.Errorf("no %q in %q", want, e.Warnings)
		}
	}
}
