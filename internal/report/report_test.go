package report

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/golden"
	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/rewardmodel"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/trace"
)

func render(t *testing.T, d *Data) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, d); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	golden.Check(t, "testdata/report.golden.html", []byte(render(t, fixture()))) // look at it in a browser
}

func TestSameDataSameBytes(t *testing.T) {
	first := render(t, fixture())
	for range 20 {
		if render(t, fixture()) != first {
			t.Fatal("the same data gave other bytes")
		}
	}
}

func TestHostileTextStaysText(t *testing.T) {
	d := fixture()
	d.Title, d.Experiment, d.Digest = hostile, hostile, hostile
	d.Evaluation.Judge, d.Evaluation.JudgeModel = hostile, hostile
	d.Evaluation.Warnings = []string{hostile}
	for i := range d.Evaluation.Candidates {
		c := &d.Evaluation.Candidates[i]
		c.Name, c.Domains[0].Name, c.ByTrace[0].Name = hostile, hostile, hostile
	}
	d.Evaluation.Comparisons[0].A = hostile
	d.Reward.Warnings, d.Reward.TraceHeldOut.Note, d.Reward.Leakage.Note, d.Reward.Data[0].Source = []string{hostile}, hostile, hostile, hostile
	d.Gym.Domains[hostile] = d.Gym.Domains["coding"]
	d.Export.Facts[0], d.Export.Summary = Fact{hostile, hostile}, hostile
	d.Export.Files[0].Path = hostile
	d.Ledger[0].Stage, d.Ledger[0].Causes = hostile, map[string]int{hostile: 3}
	for i := range d.Samples.Traces[0].Turns {
		turn := &d.Samples.Traces[0].Turns[i]
		turn.Time, turn.Event = hostile, hostile
		for k := range turn.Answers {
			turn.Answers[k] = Answer{Candidate: hostile, Proposals: []string{hostile}, Outcome: hostile, Reason: hostile, Note: hostile}
		}
	}
	got := render(t, d)
	for _, bad := range []string{"<script", "<img", "onerror=alert(1)>", `"quoted"`, "ZgotmplZ"} {
		if strings.Contains(got, bad) {
			t.Errorf("%s reached the page unescaped", bad)
		}
	}
	if !strings.Contains(got, "&lt;/script&gt;&lt;script&gt;") {
		t.Error("the text itself is gone")
	}
}

func TestPageAsksForNothing(t *testing.T) {
	d := fixture()
	d.Samples = nil // whose text may name anything
	got := render(t, d)
	for _, bad := range []string{"//", "url(", "@import", "<script", "<link", "<iframe", "src=", "srcset="} {
		if strings.Contains(got, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
}

var (
	tags  = regexp.MustCompile(`<(/?)([a-z][a-z0-9]*)((?:[^<>"]|"[^"]*")*)>`)
	empty = map[string]bool{"meta": true, "line": true, "circle": true, "rect": true, "path": true}
)

// Every element that opens closes, every anchor leads somewhere, and no id is used twice.
func TestPageIsWellFormed(t *testing.T) {
	for name, d := range map[string]*Data{"full": fixture(), "empty": {Title: "nothing"}, "evaluation alone": {Title: "x", Evaluation: fixtureEvaluation()}} {
		got := render(t, d)
		var open []string
		ids := map[string]bool{}
		for _, m := range tags.FindAllStringSubmatch(got, -1) {
			closing, tag, attrs := m[1] == "/", m[2], m[3]
			if id := regexp.MustCompile(` id="([^"]*)"`).FindStringSubmatch(attrs); id != nil {
				if ids[id[1]] {
					t.Errorf("%s: id %q twice", name, id[1])
				}
				ids[id[1]] = true
			}
			switch {
			case empty[tag]:
			case !closing:
				open = append(open, tag)
			case len(open) == 0 || open[len(open)-1] != tag:
				t.Fatalf("%s: </%s> closes %v", name, tag, open)
			default:
				open = open[:len(open)-1]
			}
		}
		if len(open) > 0 {
			t.Errorf("%s: never closed: %v", name, open)
		}
		for _, m := range regexp.MustCompile(`href="#([^"]*)"`).FindAllStringSubmatch(got, -1) {
			if !ids[m[1]] {
				t.Errorf("%s: the link to #%s leads nowhere", name, m[1])
			}
		}
		for _, m := range regexp.MustCompile(`<svg[^>]*>(.{7})?`).FindAllStringSubmatch(got, -1) {
			if !strings.Contains(m[0], `aria-hidden="true"`) && (!strings.Contains(m[0], `role="img"`) || m[1] != "<title>" && m[1] != "<title ") {
				t.Errorf("%s: a drawing without a title: %s", name, m[0])
			}
		}
	}
}

func TestSimulatedIsSaidFirst(t *testing.T) {
	got := render(t, fixture())
	if said := strings.Index(got, "<strong>Simulated: candidate careful.</strong>"); said < 0 || said > strings.Index(got, `<dl class="tiles">`) {
		t.Error("a partly simulated run does not say so before its figures")
	}
}

// Each part is named by itself, so that a figure of real models is not taken for a stand-in's.
func TestSimulatedPartsAreNamed(t *testing.T) {
	for _, c := range []struct {
		name string
		d    Data
		want string // in the line at the top
		tag  string // at a heading
	}{
		{"nothing", Data{Evaluation: &metrics.Evaluation{Candidates: []metrics.Candidate{{Name: "a"}}}, Reward: fixtureReward(), Gym: &trace.Stats{Tally: trace.Tally{Sessions: 2}}, Export: &Export{}}, "", ""},
		{"the gym alone", Data{Evaluation: &metrics.Evaluation{Candidates: []metrics.Candidate{{Name: "a"}}}, Gym: &trace.Stats{Tally: trace.Tally{Sessions: 2, Simulated: 2}}, Export: &Export{Traces: 3, Simulated: 2}},
			"gym sessions, exported rows", `Gym <span class="tag">simulated</span>`},
		{"some exported rows", Data{Export: &Export{Traces: 3, Simulated: 2}}, "exported rows", `Export <span class="tag">partly simulated</span>`},
		{"a session", Data{Gym: &trace.Stats{Tally: trace.Tally{Sessions: 2, Simulated: 1}}}, "gym sessions", `Gym <span class="tag">partly simulated</span>`},
		{"a candidate", Data{Evaluation: &metrics.Evaluation{Simulated: true, Candidates: []metrics.Candidate{{Name: "a"}, {Name: "b", Simulated: true}}}, Samples: &Samples{Simulated: true}},
			"candidate b", `Evaluation <span class="tag">partly simulated</span>`},
		{"every candidate, as by a simulated judge", Data{Evaluation: &metrics.Evaluation{Simulated: true, Candidates: []metrics.Candidate{{Simulated: true}, {Simulated: true}}}},
			"evaluation", `Evaluation <span class="tag">simulated</span>`},
		{"an evaluation of nobody", Data{Evaluation: &metrics.Evaluation{Simulated: true}}, "evaluation", `Evaluation <span class="tag">simulated</span>`},
		{"the reward model", Data{Reward: &rewardmodel.Metrics{Simulated: true}}, "reward model", `Reward model <span class="tag">simulated</span>`},
		{"samples without metrics", Data{Samples: &Samples{Simulated: true}}, "sample traces", `Sample traces <span class="tag">simulated</span>`},
	} {
		got := render(t, &c.d)
		if c.want == "" {
			if strings.Contains(got, "<strong>Simulated") || strings.Contains(got, `<span class="tag">`+all) {
				t.Errorf("%s: a run of real models is called simulated", c.name)
			}
			continue
		}
		if !strings.Contains(got, "<strong>Simulated: "+c.want+".</strong>") || !strings.Contains(got, "<h2>"+c.tag+"</h2>") {
			t.Errorf("%s: the page does not name %q with %s", c.name, c.want, c.tag)
		}
	}
}

// What the judge is worth on these events stands beside what it said of them.
func TestJudgeIsShownWithItsTraining(t *testing.T) {
	d := fixture()
	got := render(t, d)
	for _, want := range []string{
		"It learned from 1,387 judged proposals, of which 34.2% were accepted; 233 of the benchmark's events are in its training data.",
		">Acceptance</abbr></th>",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	for _, c := range d.Evaluation.Candidates {
		if want := fmt.Sprintf(`<td>%s <span class="of">of %d</span></td>`, pct(c.Acceptance), c.Proposals); !strings.Contains(got, want) {
			t.Errorf("the page does not give the acceptance of %s: %s", c.Name, want)
		}
	}
	d.Evaluation.JudgeTraining.Seen = 0
	if got := render(t, d); !strings.Contains(got, "; none of the benchmark's events are in its training data.") {
		t.Error("the page does not say that the judge is new to the events")
	}
	d.Evaluation.JudgeTraining = nil
	if got := render(t, d); strings.Contains(got, "It learnt from") {
		t.Error("a judge that was not trained here is said to have learnt")
	}
}

func TestEveryWarningIsShown(t *testing.T) {
	d := fixture()
	d.Evaluation.Warnings = []string{"first", "second", "third"}
	d.Reward.Warnings = nil
	got := render(t, d)
	if want := `<ul class="warning"><li>first</li><li>second</li><li>third</li></ul>`; strings.Count(got, `<ul class="warning">`) != 1 || !strings.Contains(got, want) {
		t.Error("the page has not one list of its three warnings")
	}
}

func TestCandidatesAreRankedWithoutReordering(t *testing.T) {
	d := fixture()
	before := d.Evaluation.Candidates[0].Name
	got := render(t, d)
	if d.Evaluation.Candidates[0].Name != before {
		t.Error("rendering reordered the data")
	}
	last := 2.0
	for _, c := range ranked(d.Evaluation) {
		if c.F1 > last {
			t.Errorf("%s with F1 %v stands after one with %v", c.Name, c.F1, last)
		}
		last = c.F1
		if !strings.Contains(got, "<b>"+pct(c.F1)+"</b>") {
			t.Errorf("F1 %s of %s is not on the page", pct(c.F1), c.Name)
		}
	}
}

func TestBrokenNumbersDoNotBreakThePage(t *testing.T) {
	d := fixture()
	e := d.Evaluation
	e.Candidates[0].Score = metrics.Score{}
	e.Candidates[0].F1CI = nil
	e.Candidates[1].F1 = math.NaN()
	e.Candidates[1].Recall = math.Inf(1)
	d.Ledger = append(d.Ledger, rows.Counts{Stage: "empty"})
	got := render(t, d)
	for _, attr := range regexp.MustCompile(` (?:x|y|x1|x2|y1|y2|cx|cy|width|d)="[^"]*"`).FindAllString(got, -1) {
		if strings.Contains(attr, "NaN") || strings.Contains(attr, "Inf") {
			t.Fatalf("a position that is no number: %s", attr)
		}
	}
}

func TestAxisHoldsItsValues(t *testing.T) {
	for _, c := range []struct {
		values []float64
		lo, hi float64
		want   []float64 // ends of the axis, number of ticks
	}{
		{[]float64{0.52, 0.71}, 0, 1, []float64{0.50, 0.75, 6}},
		{[]float64{0.5, 0.93}, 0, 1, []float64{0.5, 1.0, 6}},
		{[]float64{0, 1}, 0, 1, []float64{0, 1, 6}},
		{[]float64{1, 1}, 0, 1, []float64{0.95, 1, 2}},
		{[]float64{0, 0}, 0, 1, []float64{0, 0.05, 2}},
		{[]float64{0, -0.21, 0.18}, -1, 1, []float64{-0.3, 0.2, 6}},
	} {
		s, ticks := scaleOf(c.values, c.lo, c.hi)
		if math.Abs(s.lo-c.want[0]) > 1e-9 || math.Abs(s.hi-c.want[1]) > 1e-9 || len(ticks) != int(c.want[2]) {
			t.Errorf("%v: axis %v to %v with %d ticks, want %v", c.values, s.lo, s.hi, len(ticks), c.want)
		}
	}
}

func TestScatterLabelsDoNotCoverEachOther(t *testing.T) {
	e := &metrics.Evaluation{}
	for i := range 12 { // all but on one spot
		e.Candidates = append(e.Candidates, metrics.Candidate{Name: "candidate-" + strings.Repeat("x", i%5),
			Score: metrics.Score{Recall: 0.6 + 0.002*float64(i), Precision: 0.55 + 0.003*float64(i%4), F1: 0.57}})
	}
	if n := labelled(t, scatterOf(e)); n < 8 {
		t.Errorf("only %d of 12 dots have their label", n)
	}
}

// Of dots that crowd where recall is 100 each has its name near it.
func TestLabelsAtTheEdge(t *testing.T) {
	e := &metrics.Evaluation{}
	for i, c := range [][2]float64{{.993, .620}, {1, .612}, {1, .560}, {.909, .404}} {
		e.Candidates = append(e.Candidates, metrics.Candidate{Name: []string{"gpt-4o", "gpt-4o-mini", "qwen2-7b", "llama3.1-8b"}[i],
			Score: metrics.Score{Recall: c[0], Precision: c[1], F1: 2 * c[0] * c[1] / (c[0] + c[1])}})
	}
	s := scatterOf(e)
	if n := labelled(t, s); n != 4 {
		t.Errorf("%d of 4 dots have their label", n)
	}
	for _, p := range s.Points {
		if p.Lead && math.Hypot(p.EndX-p.X, p.EndY-p.Y) > 30 {
			t.Errorf("the label of %s is far off", p.Label)
		}
	}
}

// labelled counts the dots with a label, none of which covers another or leaves the plot.
func labelled(t *testing.T, s *scatter) (n int) {
	t.Helper()
	boxes := make([]box, len(s.Points))
	for i, p := range s.Points {
		if p.Label == "" {
			continue
		}
		n++
		width := widthOf(p.Label)
		x0 := p.LabelX
		switch p.Anchor {
		case "end":
			x0 -= width
		case "middle":
			x0 -= width / 2
		}
		boxes[i] = box{x0 + 0.1, p.LabelY - 4 - glyphHeight/2 + 0.1, x0 + width - 0.1, p.LabelY - 4 + glyphHeight/2 - 0.1}
		if boxes[i].x0 < s.Left-1 || boxes[i].x1 > s.Right+dot {
			t.Errorf("label %d leaves the plot: %+v", i, boxes[i])
		}
		for j := range i {
			if boxes[i].meets(boxes[j]) {
				t.Errorf("label %d covers label %d", i, j)
			}
		}
	}
	return n
}

func TestCausesAreBounded(t *testing.T) {
	c := rows.Counts{Stage: "generate", Causes: map[string]int{"common": 50}}
	for i := range 40 {
		c.Causes[strings.Repeat("x", i+1)] = 1
	}
	got := causes([]rows.Counts{c})
	if len(got) != maxCauses+1 || got[0].Cause != "common" || got[maxCauses] != (cause{"generate", "26 rarer causes", 26}) {
		t.Errorf("%d causes, the last %+v", len(got), got[len(got)-1])
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestWriteReportsAFullDisk(t *testing.T) {
	if err := Write(broken{}, fixture()); err == nil {
		t.Error("no error")
	}
}

// Of candidates that answered several times the spread stands beside the mean.
func TestRepeatsAreShown(t *testing.T) {
	d := fixture()
	if strings.Contains(render(t, d), "pass^") {
		t.Error("a page without repeats speaks of them")
	}
	d.Evaluation.Repeats = 3
	d.Evaluation.Candidates[0].Repetition = &metrics.Repetition{Repeats: 3, F1ByRepeat: []float64{.551, .564, .58}, F1SD: .0151, PassK: []float64{.5, .4, .352}, PassAtK: []float64{.5, .6, .651}}
	got := render(t, d)
	for _, want := range []string{"Each model answered 3 times", ">pass^3<", ">pass@3<", "<td>1.5</td><td>55.1 56.4 58.0</td><td>35.2</td><td>65.1</td></tr>", "<td>–</td><td>–</td><td>–</td><td>–</td></tr>"} {
		if !strings.Contains(got, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}
