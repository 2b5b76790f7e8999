package cli

import (
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/timing"
)

func timedEvaluation() *metrics.Evaluation {
	e := evaluation()
	e.Timing = &metrics.Timing{Events: 213, Wanted: 76, Windows: 44, NeedF1: metrics.Figure{Value: .526}}
	figure := func(v float64) *metrics.Figure { return &metrics.Figure{Value: v} }
	e.Candidates[0].Timing = &metrics.CandidateTiming{Counts: timing.Counts{Offers: 220}, PerHour: figure(133.14), DuplicateShare: figure(.083), WindowRecall: figure(1), MeanDelay: figure(.0227),
		TimelyShare: figure(.38), EarlyShare: figure(.32), UnneededShare: figure(.3), NeedF1: metrics.Figure{Value: .543, CI: &[2]float64{.44, .646}}, Always: metrics.AlwaysComparison{Verdict: metrics.NoBetter}}
	e.Candidates[1].Timing = &metrics.CandidateTiming{PerHour: figure(0), WindowRecall: figure(0), Always: metrics.AlwaysComparison{Verdict: metrics.Worse}}
	return e
}

func TestTimingTable(t *testing.T) {
	var b strings.Builder
	WriteTimingTable(&b, 0, timedEvaluation())
	want := strings.TrimPrefix(`
timing      offers  an hour  repeated  windows  delay  timely  early  unneeded  need F1      [95% CI]  than always
────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
eager 模型     220    133.1       8.3    100.0   0.02    38.0   32.0      30.0     54.3  [44.0, 64.6]    no better
careful *        0      0.0         –      0.0      –       –      –         –      0.0          none        worse

People spoke of 213 events: help was wanted at 76 of them, in 44 windows. No judge has part in this.
By when they offer, no candidate is better than offering after every event (need F1 52.6); worse: careful.
`, "\n")
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
