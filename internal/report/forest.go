package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/gymline/gymline/internal/metrics"
)

// A forest is a dot plot with intervals on one shared axis. Positions are in
// percent of the width, so that it fits any window without scaling its text.
type forest struct {
	Ticks []tick
	Rows  []forestRow
}

type tick struct {
	X, Label string
	Zero     bool
}

type forestRow struct {
	Name, Value, Note, Title string
	X, Lo, Hi                string
	HasInterval              bool
	Faint                    []string // single traces
	Class                    string
}

// A scale maps values from lo to hi to places.
type scale struct{ lo, hi, from, to float64 }

// acrossPage is a scale in percent of the width, with a margin that keeps the
// outermost marks and labels inside.
func acrossPage(lo, hi float64) scale { return scale{lo, hi, 2.5, 97.5} }

func (s scale) x(v float64) string { return percent(s.at(v)) }

func (s scale) at(v float64) float64 {
	v = min(max(v, s.lo), s.hi)
	return s.from + (s.to-s.from)*(v-s.lo)/(s.hi-s.lo)
}

// scaleOf spans the values in whole steps of the ticks, within bounds.
func scaleOf(values []float64, lo, hi float64) (scale, []float64) {
	from, to := slices.Min(values), slices.Max(values)
	step := 0.05
	for _, wider := range []float64{0.1, 0.2, 0.5} {
		if (to-from)/step > 6 {
			step = wider
		}
	}
	first, last := math.Floor(from/step+1e-9), math.Ceil(to/step-1e-9)
	if last-first < 2 {
		first, last = first-1, last+1
	}
	first, last = max(first, math.Round(lo/step)), min(last, math.Round(hi/step))
	var ticks []float64
	for i := first; i <= last; i++ {
		ticks = append(ticks, i*step)
	}
	return acrossPage(first*step, last*step), ticks
}

// f1Plot shows each candidate's F1, best first, and behind it the F1 of its single traces.
func f1Plot(e *metrics.Evaluation) *forest {
	list := ranked(e)
	var values []float64
	for _, c := range list {
		ci := around(c.F1, c.F1CI)
		values = append(values, c.F1, ci[0], ci[1])
	}
	f, s := newForest(values, 0, 1, whole)
	for _, c := range list {
		ci := around(c.F1, c.F1CI)
		row := forestRow{
			Name: c.Name, Value: pct(c.F1) + " " + interval(c.F1CI), HasInterval: c.F1CI != nil,
			Title: fmt.Sprintf("%s: F1 %s, %.4g%% interval %s", c.Name, pct(c.F1), 100*e.Confidence, interval(c.F1CI)),
			X:     s.x(c.F1), Lo: s.x(ci[0]), Hi: s.x(ci[1]),
		}
		for _, t := range c.ByTrace {
			if t.TP+t.FP+t.FN > 0 && t.F1 >= s.lo && t.F1 <= s.hi {
				row.Faint = append(row.Faint, s.x(t.F1))
			}
		}
		f.Rows = append(f.Rows, row)
	}
	return f
}

// deltaPlot shows the difference of each pair with its interval around zero.
func deltaPlot(e *metrics.Evaluation) *forest {
	if len(e.Comparisons) == 0 {
		return &forest{}
	}
	values := []float64{0}
	for _, c := range e.Comparisons {
		ci := around(c.Delta, c.CI)
		values = append(values, c.Delta, ci[0], ci[1])
	}
	f, s := newForest(values, -1, 1, signedWhole)
	for _, c := range e.Comparisons {
		ci := around(c.Delta, c.CI)
		row := forestRow{
			Name: c.B + " − " + c.A, Value: signed(c.Delta), HasInterval: c.CI != nil, Class: "same",
			Title: fmt.Sprintf("%s minus %s: %s points, interval %s", c.B, c.A, signed(c.Delta), signedInterval(c.CI)),
			X:     s.x(c.Delta), Lo: s.x(ci[0]), Hi: s.x(ci[1]),
		}
		if c.Different {
			row.Class = ""
		}
		f.Rows = append(f.Rows, row)
	}
	return f
}

// newForest is a plot without rows on an axis that spans the values within bounds.
func newForest(values []float64, lo, hi float64, label func(float64) string) (*forest, scale) {
	f := &forest{}
	if len(values) == 0 {
		return f, scale{}
	}
	s, at := scaleOf(values, lo, hi)
	for _, v := range at {
		f.Ticks = append(f.Ticks, tick{X: s.x(v), Label: label(v), Zero: s.lo < 0 && math.Abs(v) < 1e-9})
	}
	return f, s
}

// whole labels an axis of shares.
func whole(v float64) string { return fmt.Sprintf("%.0f", 100*v) }

// signedWhole labels an axis of differences.
func signedWhole(v float64) string {
	switch n := int(math.Round(100 * v)); {
	case n > 0:
		return fmt.Sprintf("+%d", n)
	case n < 0:
		return fmt.Sprintf("−%d", -n)
	}
	return "0"
}

func ranked(e *metrics.Evaluation) []metrics.Candidate {
	list := slices.Clone(e.Candidates)
	slices.SortStableFunc(list, func(a, b metrics.Candidate) int { return cmp.Compare(b.F1, a.F1) })
	return list
}
