package cli

import (
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/metrics"
)

func evaluation() *metrics.Evaluation {
	candidate := func(name string, c metrics.Counts, ci [2]float64) metrics.Candidate {
		return metrics.Candidate{Name: name, Score: metrics.ScoreOf(c), F1CI: &ci}
	}
	careful := candidate("careful", metrics.Counts{TP: 61, FP: 14, TN: 120, FN: 38}, [2]float64{0.602, 0.781})
	careful.Simulated = true
	eager := candidate("eager 模型", metrics.Counts{TP: 90, FP: 130, TN: 4, FN: 9}, [2]float64{0.48, 0.61})
	return &metrics.Evaluation{
		Judge: "llm", JudgeModel: "gpt", Simulated: true, Traces: 12, Events: 233, Confidence: 0.95,
		Warnings:   []string{metrics.Few(12, "trace", metrics.Wide), "simulated: the scores say nothing\x1b[2Jabout any real model"},
		Candidates: []metrics.Candidate{eager, careful},
	}
}

func TestF1Table(t *testing.T) {
	var b strings.Builder
	WriteF1Table(&b, 0, evaluation())
	want := strings.TrimPrefix(`
candidate   events  TP   FP   TN  FN  recall  precision  accuracy  false alarm    F1      [95% CI]
────────────────────────────────────────────────────────────────────────────────────────────────────
careful *      233  61   14  120  38    61.6       81.3      77.7         18.7  70.1  [60.2, 78.1]
eager 模型     233  90  130    4   9    90.9       40.9      40.3         59.1  56.4  [48.0, 61.0]

233 events in 12 traces, judged by llm gpt. Scores in percent.
* a stand-in answered or judged
! 12 traces are few: intervals are wide, and only large differences can be found
! simulated: the scores say nothing\u001b[2Jabout any real model
`, "\n")
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestF1TableKeepsTheExperimentsOrder(t *testing.T) {
	e := evaluation()
	WriteF1Table(&strings.Builder{}, 0, e)
	if e.Candidates[0].Name != "eager 模型" {
		t.Error("writing the table reordered the evaluation")
	}
}

func TestF1TableOfRepeats(t *testing.T) {
	e := evaluation()
	e.Repeats, e.Simulated, e.Warnings = 3, false, nil
	for i := range e.Candidates {
		e.Candidates[i].Simulated = false
	}
	e.Candidates[0].Repetition = &metrics.Repetition{Repeats: 3, F1ByRepeat: []float64{0.55, 0.564, 0.58}, F1SD: 0.0151, PassK: []float64{.5, .4, .35}, PassAtK: []float64{.5, .6, .65}}
	var b strings.Builder
	WriteF1Table(&b, 0, e)
	want := strings.TrimPrefix(`
candidate   repeats  recall  precision    F1      [95% CI]   sd      F1 of each  pass^3  pass@3
─────────────────────────────────────────────────────────────────────────────────────────────────
careful           1    61.6       81.3  70.1  [60.2, 78.1]    –               –       –       –
eager 模型        3    90.9       40.9  56.4  [48.0, 61.0]  1.5  55.0 56.4 58.0    35.0    65.0

233 events in 12 traces, judged by llm gpt. Scores in percent.
Means over 3 repeats; sd is the spread between them, and intervals know traces and repeats. pass^3: events answered right in all repeats, pass@3: in any.
`, "\n")
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := eachOf([]float64{.1, .5, .3, .2, .4, .35}); got != "10.0 … 50.0" {
		t.Error(got)
	}
}
