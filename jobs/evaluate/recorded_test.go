package evaluate

import (
	"encoding/json"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/job/jobtest"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/rewardmodel"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/seed"
	"github.com/gymline/gymline/internal/trace"
)

// Recorded answers to twoTraces: one of each of the paper's four outcomes, and
// an event (the title) that the recording lacks.
const published = `r/code_1.json: [{"observation":{"time":"1","event":"打开 parser.go"},"agent_response":["Explain parser.go."],"judgement":[{"accepted":false,"reason":"too early"}]},{"observation":{"time":"2","event":"Searches for a regexp."},"agent_response":["Write the regexp."],"judgement":[true]},{"observation":{"time":"3","event":"Runs the tests."},"agent_response":[],"judgement":[false]}]
r/writing_1.json: [{"observation":{"time":"Day 1, 9:00 AM","event":"Opens essay.md."},"agent_response":["null"],"judgement":[true]}]`

func recordedCase(judge plan.Judge) jobtest.Case {
	c := with(aCase(&script{answer: quiet}, &script{answer: agreeing}), func(p *plan.Predict) {
		p.Candidate = plan.Candidate{Name: "old", Recorded: &plan.File{Input: "samples", Path: "r"}}
		p.Judge = judge
	})
	c.Files = map[string]fs.FS{"samples": files(twoTraces, published)}
	return c
}

func TestPredictRecordedVerdicts(t *testing.T) {
	judged, ledger := predicted(t, recordedCase(plan.Judge{Kind: plan.JudgeRecorded}))
	code, writing := judged[0].Trace.Turns, judged[1].Trace.Turns
	if code[0].Event.Text != "Opens parser.go." {
		t.Errorf("the events are the benchmark's own: %q", code[0].Event.Text)
	}
	for i, want := range []struct {
		proposals int
		accepted  bool
		reason    string
	}{{1, false, "too early"}, {1, true, ""}, {0, false, ""}} {
		j := code[i].Judgement
		if len(code[i].Proposals) != want.proposals || j.Accepted != want.accepted || j.Reason != want.reason {
			t.Errorf("turn %d: %+v %+v", i, code[i], j)
		}
	}
	if writing[0].Judgement == nil || !writing[0].Judgement.Accepted || writing[1].Judgement != nil {
		t.Errorf("writing: %+v", writing)
	}
	if !slices.Equal(judged[1].Unanswered, []int{1}) || judged[0].Unanswered != nil {
		t.Errorf("unanswered %v and %v", judged[0].Unanswered, judged[1].Unanswered)
	}
	if r := ledger[4]; r.State != rows.Rejected || r.Cause != causeNoVerdict || r.Yields != 0 {
		t.Errorf("row %+v", r)
	}
	e := evaluated(t, []string{"old"}, judged)
	c := e.Candidates[0]
	if (c.Counts != metrics.Counts{TP: 1, FP: 1, TN: 1, FN: 1}) || e.Events != 4 || e.Unjudged != 1 {
		t.Errorf("counts %+v of %d events, %d unjudged", c.Counts, e.Events, e.Unjudged)
	}
}

// TestPredictOddEntry: an entry of an unexpected shape costs its row, which says so, and the
// event counts as silence.
func TestPredictOddEntry(t *testing.T) {
	c := recordedCase(plan.Judge{Kind: plan.JudgeLLM, Model: model("judge")})
	c.Files = map[string]fs.FS{"samples": files(twoTraces, strings.Replace(published, `["Write the regexp."]`, `[{"Operation":"Write the regexp."}]`, 1))}
	judged, ledger := predicted(t, c)
	if turn := judged[0].Trace.Turns[1]; len(turn.Proposals) != 0 || turn.Judgement == nil || !slices.Equal(judged[0].Failed, []int{1}) {
		t.Errorf("turn %+v, failed %v", turn, judged[0].Failed)
	}
	if r := ledger[1]; r.State != rows.Failed || r.Cause != causeOddEntry || r.Yields != 1 {
		t.Errorf("row %+v", r)
	}
	e := evaluated(t, []string{"old"}, judged)
	if got := e.Candidates[0]; got.Failed != 1 || got.Events != 5 {
		t.Errorf("%+v", got)
	}
}

func TestPredictRecordedAnswersUnderAJudge(t *testing.T) {
	judged, ledger := predicted(t, recordedCase(plan.Judge{Kind: plan.JudgeLLM, Model: model("judge")}))
	title := judged[1].Trace.Turns[1]
	if len(title.Proposals) != 0 || title.Judgement == nil || !slices.Equal(judged[1].Unanswered, []int{1}) {
		t.Errorf("an event without a record is silence, judged like any other: %+v", title)
	}
	if r := ledger[4]; r.State != rows.Accepted || r.Cause != causeUnanswered || r.Yields != 1 {
		t.Errorf("row %+v", r)
	}
	e := evaluated(t, []string{"old"}, judged)
	if c := e.Candidates[0]; c.Events != 5 || c.Unanswered != 1 || c.Failed != 0 || e.Unjudged != 0 {
		t.Errorf("%+v", c)
	}
}

func TestPredictMarksSimulated(t *testing.T) {
	sim := &llm.Model{Name: "judge", Provider: llm.Sim}
	judged, _ := predicted(t, recordedCase(plan.Judge{Kind: plan.JudgeLLM, Model: sim}))
	if !judged[0].Simulated || !judged[1].Simulated {
		t.Error("a simulated judge leaves no mark")
	}
	judged, _ = predicted(t, recordedCase(plan.Judge{Kind: plan.JudgeRecorded}))
	if judged[0].Simulated {
		t.Error("recorded answers and verdicts are not simulated")
	}
}

// proactiveBench returns the folder of the real data, or skips the test.
func proactiveBench(t *testing.T) string {
	dir := os.Getenv("GYMLINE_PROACTIVEBENCH")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data", "proactivebench")
	}
	if _, err := os.Stat(filepath.Join(dir, "traces")); err != nil {
		t.Skip("the real data is not here: set GYMLINE_PROACTIVEBENCH")
	}
	return dir
}

// Four published models on the 12 real traces: every one is scored on all 233
// events, whatever its recording lacks.
func TestRealModelsShareTheirDenominator(t *testing.T) {
	dir := proactiveBench(t)
	names := []string{"gpt-4o", "gpt-4o-mini", "llama3.1-8b", "qwen2-7b"}
	e := evaluate(t, names, realAnswers(t, dir, names))
	if e.Traces != 12 || e.Events != 233 || e.Unjudged != 0 || len(e.Comparisons) != 6 {
		t.Errorf("%d traces, %d events, %d unjudged, %d comparisons", e.Traces, e.Events, e.Unjudged, len(e.Comparisons))
	}
	silent := map[string]int{"gpt-4o": 11, "gpt-4o-mini": 3, "llama3.1-8b": 29, "qwen2-7b": 2}
	for _, c := range e.Candidates {
		if c.Events != 233 || c.TP+c.FP+c.TN+c.FN != 233 || c.Unanswered != 6 || c.Failed != 0 {
			t.Errorf("%s: %+v", c.Name, c)
		}
		if got := c.TN + c.FN; got != silent[c.Name]+6 {
			t.Errorf("%s: %d silent events, want %d said so and 6 without a record", c.Name, got, silent[c.Name])
		}
		if len(c.Domains) != 2 || c.Domains[0].Name != "coding" || c.Domains[0].Events+c.Domains[1].Events != 233 || len(c.ByTrace) != 12 {
			t.Errorf("%s: domains %+v", c.Name, c.Domains)
		}
	}
}

// The samples that ship: published verdicts re-scored as they stand.
func TestSamples(t *testing.T) {
	c := aCase(nil, nil)
	c.Files = map[string]fs.FS{"samples": os.DirFS(filepath.Join("..", "..", "configs", "samples"))}
	judged, ledger := predicted(t, with(c, func(p *plan.Predict) {
		p.Benchmark.Path = "benchmark"
		p.Candidate = plan.Candidate{Name: "published", Recorded: &plan.File{Input: "samples", Path: "traces/published"}}
		p.Judge = plan.Judge{Kind: plan.JudgeRecorded}
	}))
	e := evaluated(t, []string{"published"}, judged)
	got := e.Candidates[0]
	if want := (metrics.Counts{TP: 34, FP: 16, TN: 39, FN: 6}); got.Counts != want || e.Traces != 8 || e.Unjudged != 0 || len(ledger) != 95 {
		t.Errorf("%+v of %d traces, %d unjudged, %d rows", got.Counts, e.Traces, e.Unjudged, len(ledger))
	}
	if len(got.Domains) != 3 {
		t.Errorf("domains %+v", got.Domains)
	}
}

// The reward model judges by the model file it is given: every turn gets its
// score and reason, and scorers shared by the turns of a trace change nothing.
func TestPredictRewardModel(t *testing.T) {
	samples := os.DirFS(filepath.Join("..", "..", "configs", "samples"))
	c := with(aCase(nil, nil), func(p *plan.Predict) {
		p.Benchmark.Path = "benchmark"
		p.Candidate = plan.Candidate{Name: "published", Recorded: &plan.File{Input: "samples", Path: "traces/published"}}
		p.Judge = plan.Judge{Kind: plan.JudgeRecorded}
	})
	c.Files = map[string]fs.FS{"samples": samples}
	labelled, _ := predicted(t, c)
	var training rewardmodel.Dataset
	for _, j := range labelled {
		for _, r := range j.Trace.Judged(trace.Gym, j.Trace.ID) {
			training.Add(&r)
		}
	}
	model, _, err := training.Train(t.Context(), rewardmodel.Options{
		TaskLambda: 300, NeedLambda: 100, Resamples: 50, Confidence: .95, Simulated: true,
		Rand: func(path ...string) *rand.Rand { return seed.New(1, path...) },
	})
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(model)
	if err != nil {
		t.Fatal(err)
	}
	c = with(c, func(p *plan.Predict) { p.Judge = plan.Judge{Kind: plan.JudgeRewardModel} })
	c.InFlight = 8
	if _, err := jobtest.Run(t, c); err == nil || !strings.Contains(err.Error(), `no input "model"`) {
		t.Errorf("without the model: %v", err)
	}
	c.Upstream = map[string][][]byte{modelInput: {data[:len(data)/2]}}
	if _, err := jobtest.Run(t, c); err == nil || !strings.Contains(err.Error(), "candidate published") {
		t.Errorf("half a model: %v", err)
	}
	c.Upstream = map[string][][]byte{modelInput: {data}}
	judged, _ := predicted(t, c)
	accepted := 0
	for _, j := range judged {
		if tr := j.Training; tr == nil || tr.Seen != len(j.Trace.Turns) || tr.Proposals != 50 || tr.Accepted != .68 {
			t.Errorf("%s: training %+v; all of its %d events, and 34 of 50 proposals accepted", j.Trace.ID, tr, len(j.Trace.Turns))
		}
		if !j.Simulated {
			t.Error("a model trained on simulated rows leaves no mark")
		}
		var history []trace.Event
		for n, turn := range j.Trace.Turns {
			history = append(history, turn.Event)
			var task *string
			if len(turn.Proposals) > 0 {
				task = &turn.Proposals[0]
			}
			want := model.Scorer().Score(history, task)
			if got := turn.Judgement; got == nil || got.Score == nil || *got.Score != want.Score || got.Accepted != want.Accepted || got.Reason != want.Reason {
				t.Fatalf("%s/%d: %+v, want %+v", j.Trace.ID, n, got, want)
			}
			if turn.Judgement.Accepted {
				accepted++
			}
		}
	}
	if accepted == 0 || accepted == 95 {
		t.Errorf("%d of 95 accepted: the model tells nothing apart", accepted)
	}
}
