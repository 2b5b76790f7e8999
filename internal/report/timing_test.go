package report

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/timing"
)

// timedFixture is fixture with need labels: counts of a real run, cut into two traces.
func timedFixture() *Data {
	d := fixture()
	half := func(c timing.Counts) metrics.Timings {
		other := timing.Counts{Offers: 3, Micros: 60e6, Windows: 2, Caught: 1, Timely: 2, Unneeded: 1, Missed: 2, Quiet: 3, ThenSilent: 1}
		return metrics.Timings{{c, other}}
	}
	e := d.Evaluation
	var list []*metrics.CandidateTiming
	for i := range e.Candidates {
		c := timing.Counts{Offers: 200 + i, Micros: 3600e6, Duplicates: 20, NearDuplicates: 40, Windows: 45, Caught: 45 - 5*i, Delay: 2 * i,
			Timely: 77 - 9*i, Early: 66, Unneeded: 73, Missed: 1 + 9*i, Quiet: 16, ThenSilent: 1 + i, ThenSame: 7, ThenOther: 125}
		list = append(list, metrics.TimingOf(rand.New(rand.NewPCG(1, 2)), half(c), 100, .95))
		e.Candidates[i].Timing = list[i]
		e.Timing = metrics.NewTiming(half(c), .95)
	}
	metrics.Judge(list, .05)
	return d
}

func TestTiming(t *testing.T) {
	page := render(t, timedFixture())
	for _, want := range []string{
		`<a href="#timing">Timing</a>`, `<dt>Highest need F1</dt>`,
		`<strong>By when they offer, no candidate is told from offering after every event (need F1 `,
		"People said of 241 events whether help was wanted: at 82 it was, in 47 windows", // 78 and 4
		`<td class="text">no better</td>`, "silence 1.5%, the same again 5.2%, another offer 93.3%", "<title>gpt-4o-mini: offers that nobody wanted at 58.1% of events, help missed at 1.2%; cheapest for r from ",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(render(t, fixture()), "timing") {
		t.Error("a page without need labels speaks of timing")
	}
}

// The lines of constants end where they must, and candidates in order of need F1.
func TestCosts(t *testing.T) {
	e := timedFixture().Evaluation
	p := costsOf(e)
	if a, s := p.Constants[0].Path, p.Constants[1].Path; !strings.HasPrefix(a, "M52.0 318.0L468.0 ") || !strings.HasSuffix(s, "L468.0 318.0") {
		t.Error(a, s)
	}
	if len(p.Lines) != 4 || p.Lines[0].Y1 <= p.Lines[3].Y1 || !strings.HasPrefix(p.Lines[0].Title, "gpt-4o-mini: ") {
		t.Errorf("%+v", p.Lines)
	}
	e.Candidates[0].Timing.Cheapest = nil
	if got := worthOf(e.Candidates[0].Timing); got != "never the cheapest" {
		t.Error(got)
	}
}
