// Package madeup makes tasks that no understanding went into: words of the event, whole,
// cut or shuffled, another session's task, or the same sentence always. A judge that
// accepts them judges words and not help. The reward model learns to reject some of these
// families, and an evaluation has its judge say what it thinks of others.
package madeup

import (
	"math/rand/v2"
	"slices"
	"strings"
)

// A From is what a task is made of.
type From struct {
	Event string // the last one
	Task  string // that was proposed after it; "" where none was
	// Other is a task of another group, and OtherEvent what came before it.
	Other, OtherEvent string
}

// A Family is one way of making tasks.
type Family struct {
	Name string
	// Far says that it takes Other's words.
	Far bool
	// Every is in how many rounds through the families it has a turn: 0 is in each.
	Every int
	Make  func(*rand.Rand, From) string
}

// foreign is taught twice as often: nothing else says that help belongs to the moment.
var foreign = Family{"foreign", true, 0, func(r *rand.Rand, f From) string { return opening(r) + join(words(f.OtherEvent)) }}

// Taught are the families that the reward model learns to reject, in turn.
var Taught = []Family{
	{"echo", false, 0, func(r *rand.Rand, f From) string { return opening(r) + join(words(f.Event)) }},
	{"shuffled", false, 0, func(r *rand.Rand, f From) string { return opening(r) + Shuffled(r, f.Event) }},
	{"elsewhere", true, 0, func(_ *rand.Rand, f From) string { return f.Other }},
	foreign,
	{"constant", false, 0, func(*rand.Rand, From) string { return Constant }},
	{"skipping", false, 0, func(r *rand.Rand, f From) string {
		return opening(r) + join(skipping(r, words(f.Event)))
	}},
	foreign,
	{"some", false, 0, func(r *rand.Rand, f From) string {
		return opening(r) + join(some(r, words(f.Event), 0.3+0.1*float64(r.IntN(5))))
	}},
	{"edge", false, 0, func(r *rand.Rand, f From) string { return edge(r, words(f.Event)) }},
	{"reversed", false, 0, func(r *rand.Rand, f From) string {
		w := words(f.Event)
		slices.Reverse(w)
		return opening(r) + strings.Join(w, " ")
	}},
	{"salad", true, 0, func(r *rand.Rand, f From) string {
		w := strings.Fields(f.Other + " " + f.OtherEvent)
		shuffle(r, w)
		return strings.Join(w[:min(10, len(w))], " ")
	}},
	{"padded", true, 3, func(_ *rand.Rand, f From) string {
		return strings.TrimRight(f.Task, ".!?") + " and " + f.Other
	}},
}

// Constant fits any moment, and so none.
const Constant = "Help the user with the current task."

// Echo offers the event itself.
func Echo(event string) string { return "Provide help and resources about this: " + body(event) + "." }

// Shuffled has the event's words in random order.
func Shuffled(r *rand.Rand, event string) string {
	w := words(event)
	shuffle(r, w)
	return strings.Join(w, " ")
}

// Nonsense stands around ten of the event's words.
func Nonsense(event string) string {
	w := strings.Fields(event)
	from := max(0, min(3, len(w)-1))
	return "Purple monkey dishwasher " + strings.Join(w[from:min(from+10, len(w))], " ") + " refrigerate the moon."
}

// Partial offers a random half of the event's words, in their order.
func Partial(r *rand.Rand, event string) string {
	return "Help the user with this: " + join(some(r, words(event), 0.5))
}

// opening is how an offer may begin, whatever follows.
func opening(r *rand.Rand) string { return openings[r.IntN(len(openings))] }

var openings = []string{"", "Provide help about ", "Help with ", "Offer assistance with ", "Provide help and resources about "}

// body is an event without its subject and full stop.
func body(event string) string {
	return strings.TrimSuffix(strings.TrimPrefix(event, "The user "), ".")
}

func words(event string) []string { return strings.Fields(body(event)) }

func join(w []string) string { return strings.Join(w, " ") + "." }

func shuffle(r *rand.Rand, w []string) {
	r.Shuffle(len(w), func(i, j int) { w[i], w[j] = w[j], w[i] })
}

// skipping leaves out every second, third or fourth word.
func skipping(r *rand.Rand, w []string) (left []string) {
	k := 2 + r.IntN(3)
	for i, word := range w {
		if i%k != k-1 {
			left = append(left, word)
		}
	}
	return left
}

// some leaves each word with a chance.
func some(r *rand.Rand, w []string, chance float64) (left []string) {
	for _, word := range w {
		if r.Float64() < chance {
			left = append(left, word)
		}
	}
	return left
}

// edge offers the event's first or last words.
func edge(r *rand.Rand, w []string) string {
	n := min(4+r.IntN(5), len(w))
	if r.IntN(4) == 0 {
		return "Help the user to " + join(w[:n])
	}
	return "Provide help and resources about " + join(w[len(w)-n:])
}
