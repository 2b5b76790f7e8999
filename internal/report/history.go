package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/drift"
	"github.com/gymline/gymline/internal/series"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/text"
)

// WriteHistory renders how the scores of an experiment's runs went as a page of its own.
// Nothing is written when it fails.
func WriteHistory(w io.Writer, experiment string, lines []series.Line) error {
	return execute(w, "history.html", struct {
		Experiment string
		Lines      []series.Line
	}{experiment, lines})
}

// A course is a chart of a line: time goes across the page by run, F1 up. Places across
// are in percent, so that it fits any window; places up are in pixels.
type course struct {
	Height   int
	Rows     []courseRow // of the grid
	Ticks    []tick      // of the axis
	Segments []segment   // between runs that follow each other
	Dots     []courseDot
	Gaps     []courseGap
	News     []courseGap // where a model changed
	Alarms   []courseAlarm
	Title    string
}

type courseRow struct {
	Y     float64
	Label string
}

type segment struct {
	X1, X2 string
	Y1, Y2 float64
}

type courseDot struct {
	X         string
	Y, Lo, Hi float64
	Title     string
}

// A courseAlarm marks a night on which drift was found.
type courseAlarm struct {
	X, Verdict, Title string
}

type courseGap struct{ X, Title string }

// Heights of a course in pixels: of all, and of the margins.
const courseHeight, courseMargin = 220, 12

func courseOf(l series.Line) *course {
	c := &course{Height: courseHeight}
	var values []float64
	for _, p := range l.Points {
		if p.Score != nil {
			ci := around(p.Score.F1, p.Score.F1CI)
			values = append(values, p.Score.F1, ci[0], ci[1])
		}
	}
	if values == nil {
		return c
	}
	up, at := scaleOf(values, 0, 1)
	up.from, up.to = courseHeight-courseMargin, courseMargin
	for _, v := range at {
		c.Rows = append(c.Rows, courseRow{up.at(v), whole(v)})
	}
	across := scale{0, float64(max(len(l.Points)-1, 1)), 9.5, 98}
	for _, i := range slices.Compact([]int{0, len(l.Points) / 2, len(l.Points) - 1}) {
		c.Ticks = append(c.Ticks, tick{X: across.x(float64(i)), Label: dayOf(&l.Points[i])})
	}
	var last *courseDot
	for i := range l.Points {
		p, x := &l.Points[i], across.x(float64(i))
		if p.Score == nil {
			c.Gaps = append(c.Gaps, courseGap{x, fmt.Sprintf("%s, %s: %s", p.Run, dayOf(p), stateOf(p))})
			last = nil
			continue
		}
		s := p.Score
		ci := around(s.F1, s.F1CI)
		dot := courseDot{x, up.at(s.F1), up.at(ci[0]), up.at(ci[1]), fmt.Sprintf("%s, %s: F1 %s %s", p.Run, dayOf(p), text.Mean(s.F1, s.F1SD), interval(s.F1CI))}
		if last != nil {
			c.Segments = append(c.Segments, segment{last.X, x, last.Y, dot.Y})
		}
		if p.News != nil {
			c.News = append(c.News, courseGap{x, fmt.Sprintf("%s: %s", p.Run, strings.Join(p.News, "; "))})
		}
		if d := p.Drift; d != nil && d.Verdict != drift.None {
			c.Alarms = append(c.Alarms, courseAlarm{x, d.Verdict, fmt.Sprintf("%s: %s", p.Run, d)})
		}
		c.Dots = append(c.Dots, dot)
		last = &c.Dots[len(c.Dots)-1]
	}
	c.Title = fmt.Sprintf("F1 of %s in %d runs, from %s to %s percent", l.Candidate, len(l.Points), pct(slices.Min(l.Scores())), pct(slices.Max(l.Scores())))
	return c
}

// dayOf is a point's occasion, or the day that its run opened.
func dayOf(p *series.Point) string {
	if at, err := store.ParseStamp(p.When()); err == nil {
		return at.UTC().Format("2006-01-02")
	}
	return p.When()
}

// stateOf says why a point has no score.
func stateOf(p *series.Point) string {
	switch {
	case p.State == store.Succeeded:
		return "not scored"
	case p.ContinuedBy != "":
		return strings.ToLower(p.State) + ", continued by " + string(p.ContinuedBy)
	}
	return strings.ToLower(p.State)
}

// latestFirst are a line's points for a table.
func latestFirst(l series.Line) []series.Point {
	list := slices.Clone(l.Points)
	slices.Reverse(list)
	return list
}
