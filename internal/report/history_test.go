package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/drift"
	"github.com/gymline/gymline/internal/golden"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/series"
)

func fixtureLine() series.Line {
	none, judge := &drift.State{Verdict: drift.None}, &drift.State{Verdict: drift.Judge, Evidence: []string{"in the last 5 nights the judge accepted 30.0% of the anchors" + hostile, "judged by judge-2 (was judge-1) since nightly-4"}}
	scored := func(f1 float64) *run.Scored {
		return &run.Scored{Name: "ours", F1: f1, F1CI: &[2]float64{f1 - 0.08, f1 + 0.07}}
	}
	up, down := 0.031, -0.42
	return series.Line{Candidate: "ours" + hostile, Points: []series.Point{
		{Run: "nightly-1", Created: "2026-11-01T03:00:00Z", State: "Succeeded", Score: scored(0.82)},
		{Run: "nightly-2", Created: "2026-11-02T03:00:09Z", AsOf: "2026-11-02T03:00:00Z", State: "Succeeded", Score: scored(0.851), Change: &up, Tags: []string{"baseline"}, Drift: none},
		{Run: "nightly-3", Created: "2026-11-03T03:00:00Z", State: "Failed", ContinuedBy: "nightly-4"},
		{Run: "nightly-4", Created: "2026-11-03T09:00:00Z", AsOf: "by-hand", State: "Succeeded", Score: scored(0.431), Change: &down, News: []string{"judged by judge-2 (was judge-1)"}, Note: "who changed the judge?" + hostile, Drift: judge},
	}}
}

// The page says all of a line, and a gap is not drawn over.
func TestHistory(t *testing.T) {
	var b bytes.Buffer
	if err := WriteHistory(&b, "nightly", []series.Line{fixtureLine()}); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "testdata/history.golden.html", b.Bytes()) // look at it in a browser
	if strings.Contains(b.String(), hostile) {
		t.Error("a name is markup")
	}
	c := courseOf(fixtureLine())
	if len(c.Dots) != 3 || len(c.Gaps) != 1 || len(c.Segments) != 1 || len(c.News) != 1 || len(c.Alarms) != 1 {
		t.Errorf("%d dots, %d gaps, %d segments, %d news, %d alarms", len(c.Dots), len(c.Gaps), len(c.Segments), len(c.News), len(c.Alarms))
	}
}

// A line of one point, or of gaps alone, is drawn as well.
func TestShortHistory(t *testing.T) {
	line := fixtureLine()
	for name, points := range map[string][]series.Point{"one": line.Points[:1], "gaps": line.Points[2:3], "none": nil} {
		var b bytes.Buffer
		if err := WriteHistory(&b, "nightly", []series.Line{{Candidate: "ours", Points: points}}); err != nil || strings.Contains(b.String(), "NaN") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
