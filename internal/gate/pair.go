package gate

import (
	"crypto/sha256"
	"strings"

	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/seed"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/trace"
)

// Answers are what a run's candidates answered and the judge decided. They hold no
// text, so that they grow with the number of events alone.
type Answers struct{ candidates map[string][][]traced } // by repeat

// A traced is a candidate's way through one trace, in the benchmark's order.
type traced struct {
	id     string
	events []answered
}

// An event is known by its time and text, and of equal ones by the how-maniest it is.
type event struct {
	sum [sha256.Size]byte
	nth int
}

type answered struct {
	event
	offers   bool
	says     [sha256.Size]byte // of all proposals
	judged   bool
	accepted bool
	task     int // the accepted one; -1: none
}

func (a *answered) counts() metrics.Counts { return metrics.Of(a.offers, a.accepted) }

// Add takes a line of judged.jsonl.
func (a *Answers) Add(line *trace.JudgedTrace) {
	if a.candidates == nil {
		a.candidates = map[string][][]traced{}
	}
	t := traced{id: line.Trace.ID, events: make([]answered, len(line.Trace.Turns))}
	seen := map[[sha256.Size]byte]int{}
	for i := range line.Trace.Turns {
		turn := &line.Trace.Turns[i]
		e := answered{event: event{sum: turn.Event.Digest()}, offers: len(turn.Proposals) > 0, task: -1}
		e.nth = seen[e.sum]
		seen[e.sum]++
		e.says = sha256.Sum256([]byte(strings.Join(turn.Proposals, "\x00")))
		if j := turn.Judgement; j != nil {
			e.judged, e.accepted = true, j.Accepted
			if j.Task != nil {
				e.task = *j.Task
			}
		}
		t.events[i] = e
	}
	repeats := a.candidates[line.Candidate]
	for len(repeats) <= line.Repeat {
		repeats = append(repeats, nil)
	}
	repeats[line.Repeat] = append(repeats[line.Repeat], t)
	a.candidates[line.Candidate] = repeats
}

// A Comparison is a candidate in a run held against itself in another, on the events
// that both have.
type Comparison struct {
	Candidate string      `json:"candidate"`
	Against   store.RunID `json:"against"`
	// Repeats is how many of both runs are held against each other, where they are several;
	// Before and F1 are means over them, and they are counted apart in what follows.
	Repeats int `json:"repeats,omitempty"`
	// Events are those that both runs have judged, in so many Traces; scores are of them.
	Traces int         `json:"traces"`
	Events int         `json:"events"`
	Before float64     `json:"before"`       // F1 there
	F1     float64     `json:"f1"`           // F1 here
	Delta  float64     `json:"delta"`        // here less there
	CI     *[2]float64 `json:"ci,omitempty"` // of Delta, over traces; absent where nothing varies
	// Answers are the events that both have answered, OtherAnswers those with another
	// answer; EqualAnswers are judged events with an equal one, OtherVerdicts those among
	// them with another verdict.
	Answers       int `json:"answers"`
	OtherAnswers  int `json:"otherAnswers"`
	EqualAnswers  int `json:"equalAnswers"`
	OtherVerdicts int `json:"otherVerdicts"`
	// News are models and prompts that are others.
	News []string `json:"news,omitempty"`

	before, now metrics.Repeated
}

// A Test is how the numbers of a comparison are found out.
type Test struct {
	Seed       uint64
	Resamples  int
	Confidence float64
}

// Compare holds a candidate's answers against its earlier ones; nil where no event is
// in both.
func Compare(name string, earlier, later *Answers, t Test) *Comparison {
	c := &Comparison{Candidate: name}
	n := min(len(earlier.candidates[name]), len(later.candidates[name]))
	for r := range n {
		c.pass(earlier.candidates[name][r], later.candidates[name][r])
	}
	if c.Answers == 0 {
		return nil
	}
	if n > 1 {
		c.Repeats = n
	}
	c.Traces = len(c.now[0])
	c.Before, c.F1 = metrics.MeanOf(c.before.Sums(), metrics.Counts.F1), metrics.MeanOf(c.now.Sums(), metrics.Counts.F1)
	c.Delta = c.F1 - c.Before
	c.CI = metrics.F1DifferenceInterval(c.before, c.now, t.Confidence)
	return c
}

// pass compares one repeat of both runs.
func (c *Comparison) pass(earlier, later []traced) {
	var before, now []metrics.Counts // by trace
	there := map[string]map[event]answered{}
	for _, tr := range earlier {
		events := make(map[event]answered, len(tr.events))
		for _, e := range tr.events {
			events[e.event] = e
		}
		there[tr.id] = events
	}
	for _, tr := range later {
		var was, is metrics.Counts
		for i := range tr.events {
			e := &tr.events[i]
			old, both := there[tr.id][e.event]
			if !both {
				continue
			}
			c.Answers++
			equal := e.says == old.says && e.offers == old.offers
			if !equal {
				c.OtherAnswers++
			}
			if !e.judged || !old.judged {
				continue
			}
			c.Events++
			was, is = was.Add(old.counts()), is.Add(e.counts())
			if equal {
				c.EqualAnswers++
				if e.accepted != old.accepted || e.task != old.task {
					c.OtherVerdicts++
				}
			}
		}
		if is.N() > 0 {
			before, now = append(before, was), append(now, is)
		}
	}
	c.before, c.now = append(c.before, before), append(c.now, now)
}

// Chance is the p-value of the paired randomisation test on a comparison.
func (c *Comparison) Chance(t Test) float64 {
	_, p := metrics.Randomisation(seed.New(t.Seed, "gate", "randomisation", c.Candidate), c.before, c.now, t.Resamples)
	return p
}
