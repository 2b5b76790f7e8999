// Package leak is the one gate between a benchmark and the rest of an experiment: what
// goes into the gym (sample events of seeds, examples of scenes, prompts), what its rows
// are and what a candidate is trained on are held against the same events, in the same
// way.
//
// Two texts are as alike as package similar says, once with each character of a script
// without spaces as a word, and once with each run of them as one; the larger similarity
// counts. So a Chinese sentence is compared by its characters, and a Chinese title within
// an English one that was translated, which is most of what re-words ProactiveBench's
// events, is one word of it.
//
// A text that says the same in other words is not found, nor is a translation.
package leak

import (
	"strings"
	"unicode/utf8"

	"github.com/gymline/gymline/internal/similar"
	"github.com/gymline/gymline/internal/trace"
)

// Similarity is the one from which a text is taken for an event of the benchmark, unless
// the experiment names another.
const Similarity = 0.5

// What is done with what goes into the gym and is in the benchmark.
const (
	Report = "report" // it is counted, and used
	Drop   = "drop"   // it is left out before the gym uses it
	Fail   = "fail"   // the gym is not played
)

// A Gate knows the events of a benchmark. A nil one finds nothing.
type Gate struct {
	events []Event
	texts  map[string]int // to the first event of that text
	traces int
	runs   *similar.Lookup
	chars  *similar.Lookup // nil where the benchmark has no script without spaces
}

// An Event is one of the benchmark, and its name: code_11/3.
type Event struct{ ID, Text string }

// New is the gate of a benchmark, with the similarity from which it finds a text.
func New(traces []trace.Trace, similarity float64) *Gate {
	g := &Gate{traces: len(traces), texts: map[string]int{}}
	characters, runs := &similar.Corpus{}, similar.Runs()
	for _, tr := range traces {
		for n, turn := range tr.Turns {
			text := turn.Event.Text
			if _, ok := g.texts[text]; !ok {
				g.texts[text] = len(g.events)
			}
			g.events = append(g.events, Event{trace.TurnID(tr.ID, n), text})
			characters.Add([]string{text}, nil)
			runs.Add([]string{text}, nil)
		}
	}
	g.runs = similar.Against(runs, similarity)
	if !characters.Same(runs) {
		g.chars = similar.Against(characters, similarity)
	}
	return g
}

// Traces is how many the benchmark has.
func (g *Gate) Traces() int { return g.traces }

// Events are the benchmark's, in its order.
func (g *Gate) Events() []Event {
	if g == nil {
		return nil
	}
	return g.events
}

// Find is the benchmark's event that a text is most like, the first of several, by its
// number; false when none is alike.
func (g *Gate) Find(text string) (best similar.Match, found bool) {
	if g == nil {
		return best, false
	}
	if i, ok := g.texts[text]; ok {
		return similar.Match{Text: i, Similarity: 1}, true
	}
	for _, index := range g.lookups(text) {
		m, ok := index.Nearest(text)
		if ok && (!found || m.Similarity > best.Similarity || m.Similarity == best.Similarity && m.Text < best.Text) {
			best, found = m, true
		}
	}
	return best, found
}

// lookups are those that can find a text: without such characters of its own, those of an
// event only set the two apart, and the other way round.
func (g *Gate) lookups(text string) []*similar.Lookup {
	both := [2]*similar.Lookup{g.runs, g.chars}
	if g.chars == nil || strings.IndexFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 {
		return both[:1]
	}
	return both[:]
}

// Unfinished is how many searches were given up; see package similar.
func (g *Gate) Unfinished() (n int) {
	if g == nil {
		return 0
	}
	n = g.runs.Effort().Unfinished
	if g.chars != nil {
		n += g.chars.Effort().Unfinished
	}
	return n
}
