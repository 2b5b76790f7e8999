package cli

import (
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/metrics"
)

func evaluation() *metrics.Evaluation {
	candidate := func(name string, c metrics.Counts, ci [2]float64) metrics.Candidate {
		return metrics.Candidate{Name: name, Score: metrics.ScoreOf(c), F1CI: ci}
	}
	careful := candidate("careful", metrics.Counts{TP: 61, FP: 14, TN: 120, FN: 38}, [2]float64{0.602, 0.781})
	careful.Simulated = true
	eager := candidate("eager 模型", metrics.Counts{TP: 90, FP: 130, TN: 4, FN: 9}, [2]float64{0.48, 0.61})
	return &metrics.Evaluation{
		Judge: "llm", JudgeModel: "gpt", Simulated: true, Traces: 12, Events: 233, Confidence: 0.95,
		Warnings:   []string{metrics.Few(12, "trace"), "simulated: the scores say nothing\x1b[2Jabout any real model"},
		Candidates: []metrics.Candidate{eager, careful},
	}
}

func TestF1Table(t *testing.T) {
	var b strings.Builder
	WriteF1Table(&b, evaluation())
	want := strings.TrimPrefix(`
candidate   events  TP   FP   TN  FN  recall  precision  accuracy  false alarm    F1      [95% CI]
────────────────────────────────────────────────────────────────────────────────────────────────────
careful *      233  61   14  120  38    61.6       81.3      77.7         18.7  70.1  [60.2, 78.1]
eager 模型     233  90  130    4   9    90.9       40.9      40.3         59.1  56.4  [48.0, 61.0]

233 events in 12 traces, judged by llm gpt. Scores in percent.
* a stand-in answered or judged
! 12 traces are few: below about 30, intervals come out too narrow, and only large differences can be found
! simulated: the scores say nothing\u001b[2Jabout any real model
`, "\n")
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestF1TableKeepsTheExperimentsOrder(t *testing.T) {
	e := evaluation()
	WriteF1Table(&strings.Builder{}, e)
	if e.Candidates[0].Name != "eager 模型" {
		t.Error("writing the table reordered the evaluation")
	}
}
