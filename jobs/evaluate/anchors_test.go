package evaluate

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gymline/gymline/internal/job/jobtest"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/plan"
)

// people is reward data: offers and silences, of which people accept the even ones; one
// row cannot be used.
func people(n int) fs.FS {
	lines := []string{`{"pred_task":"x","valid":true}`}
	for i := range n {
		task := fmt.Sprintf(`"Offer %d."`, i)
		if i%3 == 0 {
			task = "null"
		}
		lines = append(lines, fmt.Sprintf(`{"obs":[{"time":"%d","event":"Event %d."}],"pred_task":%s,"valid":%t}`, i+1, i, task, i%2 == 0))
	}
	return fstest.MapFS{"pb/reward_data/train_data.jsonl": {Data: []byte(strings.Join(lines, "\n"))}}
}

func anchorsOf(t *testing.T, params plan.Anchors, inFlight int, s *script) (*jobtest.Result, metrics.Anchors) {
	t.Helper()
	params.Data, params.Judge = plan.File{Input: "people", Path: "pb"}, plan.Judge{Kind: plan.JudgeLLM, Model: model("judge"), Prompt: params.Judge.Prompt}
	res, err := jobtest.Run(t, jobtest.Case{
		Job: plan.JobAnchors, Func: Anchors, Seed: 3, InFlight: inFlight, Files: map[string]fs.FS{"people": people(40)},
		Models: models(map[string]llm.Chatter{"judge": s}), Params: params,
	})
	if err != nil {
		t.Fatal(err)
	}
	var a metrics.Anchors
	if err := json.Unmarshal(res.Output(t, plan.AnchorsOutput), &a); err != nil {
		t.Fatal(err)
	}
	return res, a
}

// TestAnchors: the judge is asked once about each row, without its label, and what it
// accepts and where it agrees with people is counted; whatever is in flight.
func TestAnchors(t *testing.T) {
	accepts := func(req *llm.Request) string {
		if strings.Contains(last(req), "Event 7.") {
			return "No."
		}
		return fmt.Sprintf(`{"accepted":%t,"reason":"x"}`, strings.Contains(last(req), "Offer"))
	}
	var before string
	for _, inFlight := range []int{1, 8} {
		s := &script{answer: accepts}
		res, a := anchorsOf(t, plan.Anchors{Rows: 300}, inFlight, s)
		// Of 40 rows 26 are offers, 13 of them even; of 14 silences 7 are odd; row 7 has no verdict.
		if want := (metrics.Anchors{Rows: 39, Unjudged: 1, Accepted: 25, Agreed: 13 + 7}); fmt.Sprint(a) != fmt.Sprint(want) {
			t.Errorf("%+v, want %+v", a, want)
		}
		all := string(res.Output(t, plan.RowsOutput)) + string(res.Output(t, plan.FailuresOutput)) + string(res.Output(t, plan.AnchorsOutput))
		if before != "" && all != before {
			t.Errorf("with %d in flight it is otherwise:\n%s\n%s", inFlight, all, before)
		}
		if before = all; !strings.Contains(all, `"id":"train_data.jsonl:9","state":"failed","cause":"malformed verdict: not scored"`) {
			t.Error(all)
		}
		if len(s.requests) != 40 {
			t.Errorf("%d requests", len(s.requests))
		}
	}
}

// TestAnchorsAreDrawnAlike: of more rows the same are drawn every night, with the same
// seeds, so that nothing but the judge's answers differs.
func TestAnchorsAreDrawnAlike(t *testing.T) {
	asked := func(rows int) map[string]uint64 {
		s := &script{answer: func(*llm.Request) string { return `{"accepted":true,"reason":"x"}` }}
		_, a := anchorsOf(t, plan.Anchors{Rows: rows}, 4, s)
		if a.Rows != rows || a.Accepted != rows {
			t.Errorf("%+v", a)
		}
		texts := map[string]uint64{}
		for _, r := range s.requests {
			texts[last(&r)] = r.Seed
		}
		return texts
	}
	first, again := asked(12), asked(12)
	if len(first) != 12 || fmt.Sprint(first) != fmt.Sprint(again) {
		t.Errorf("%v, then %v", first, again)
	}
}

// TestWatched: evaluate keeps what nights are watched by in metrics.json.
func TestWatched(t *testing.T) {
	res, err := jobtest.Run(t, jobtest.Case{
		Job: plan.JobEvaluate, Func: Run, Seed: 5,
		Upstream: map[string][][]byte{
			judgedInput: {encode(t, append(outcomes("a", "PpS", "PPs"), outcomes("b", "ppS", "Pps")...))}, anchorsInput: {[]byte(`{"rows":3,"accepted":2,"agreed":1,"judgedBy":["j-1"]}`)},
		},
		Params: plan.Evaluate{Candidates: []string{"a", "b"}, Resamples: 100, Confidence: .95, Frozen: "b"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var e metrics.Evaluation
	if err := json.Unmarshal(res.Output(t, plan.MetricsOutput), &e); err != nil || e.Frozen != "b" || e.Anchors == nil || e.Anchors.Agreed != 1 {
		t.Errorf("%v: %+v, frozen %q", err, e.Anchors, e.Frozen)
	}
}
