package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/text"
)

// timed are the candidates, best need F1 first.
func timed(e *metrics.Evaluation) []metrics.Candidate {
	list := slices.Clone(e.Candidates)
	slices.SortStableFunc(list, func(a, b metrics.Candidate) int {
		return cmp.Compare(b.Timing.NeedF1.Value, a.Timing.NeedF1.Value)
	})
	return list
}

// timingTile is what timing comes to; none where nobody said when help was wanted.
func timingTile(e *metrics.Evaluation) []tile {
	if e.Timing == nil {
		return nil
	}
	best := timed(e)[0]
	return []tile{{"Highest need F1", pct(best.Timing.NeedF1.Value), best.Name + "; offering always has " + pct(e.Timing.NeedF1.Value)}}
}

// needBars shows what became of the events that people spoke of.
func needBars(e *metrics.Evaluation) []bar {
	var bars []bar
	for _, c := range timed(e) {
		t := c.Timing
		what := "event"
		if c.Repetition != nil {
			what = "answer"
		}
		bars = append(bars, barOf(c.Name, text.Plural(t.Known(), what), []share{
			{"offered when help was wanted", "tp", t.Timely}, {"offered a little early", "cut", t.Early}, {"offered when none was wanted", "fp", t.Unneeded},
			{"silent when help was wanted", "fn", t.Missed}, {"rightly silent", "left", t.Quiet},
		}))
	}
	return bars
}

// A costPlot shows what each candidate costs by event, over r, between silence and offering
// after every event: straight lines all.
type costPlot struct {
	Width, Height            float64
	Left, Right, Top, Bottom float64
	R, Cost                  []mark
	Constants                []curve
	Lines                    []costLine
	Description              string
}

type costLine struct {
	Y1, Y2 float64
	Title  string
}

func costsOf(e *metrics.Evaluation) *costPlot {
	p := &costPlot{Width: scatterWidth, Height: scatterHeight, Left: 52, Right: scatterWidth - 12, Top: 10, Bottom: scatterHeight - 42}
	of := e.Timing
	values := []float64{0, of.CostFalse, of.CostMissed}
	list := timed(e)
	for _, c := range list {
		values = append(values, valueOf(c.Timing.CostFalse), valueOf(c.Timing.CostMissed))
	}
	x := scale{0, 1, p.Left, p.Right}
	y := scale{0, max(.1, math.Ceil(10*slices.Max(values)-1e-9)/10), p.Bottom, p.Top}
	p.Cost = marks(y)
	for i := range 6 {
		r := float64(i) / 5
		p.R = append(p.R, mark{round(x.at(r)), fmt.Sprintf("%.1f", r)})
	}
	line := func(label string, missed, wrong, at float64) curve { // and its label, at an r
		return curve{Path: fmt.Sprintf("M%.1f %.1fL%.1f %.1f", x.at(0), y.at(missed), x.at(1), y.at(wrong)), Label: label,
			LabelX: round(x.at(at)), LabelY: round(y.at((1-at)*missed+at*wrong) - 9)}
	}
	p.Constants = []curve{line("always offering", 0, of.CostFalse, .62), line("silence", of.CostMissed, 0, .72)}
	var said []string
	for _, c := range list {
		missed, wrong := valueOf(c.Timing.CostMissed), valueOf(c.Timing.CostFalse)
		l := costLine{Y1: round(y.at(missed)), Y2: round(y.at(wrong)), Title: c.Name + ": " + costOf(c.Timing)}
		said = append(said, l.Title)
		p.Lines = append(p.Lines, l)
	}
	p.Description = strings.Join(said, "; ")
	return p
}

// costOf says what a candidate costs, and when it is worth while.
func costOf(t *metrics.CandidateTiming) string {
	return fmt.Sprintf("offers that nobody wanted at %s%% of events, help missed at %s%%; %s", pct(valueOf(t.CostFalse)), pct(valueOf(t.CostMissed)), worthOf(t))
}

// worthOf says between which r a candidate costs least.
func worthOf(t *metrics.CandidateTiming) string {
	if t.Cheapest == nil {
		return "never the cheapest"
	}
	return fmt.Sprintf("cheapest for r from %.2f to %.2f", t.Cheapest[0], t.Cheapest[1])
}

func valueOf(f *metrics.Figure) float64 {
	if f == nil {
		return 0
	}
	return f.Value
}
