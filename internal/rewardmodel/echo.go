package rewardmodel

import "slices"

// An echo is how far a task repeats the last event: of the words of both as they stand, stop
// words among them.
type echo struct {
	run     float64 // the longest run of words that both have
	inOrder float64 // the longest sequence of words that both have, whatever stands between
	taken   float64 // the share of the event's distinct words that the task takes up
	given   float64 // the share of the task's distinct words that are the event's
	length  float64 // of the task, in lengths of the event
	share   float64 // inOrder as a share of the event's words

	runs, orders []int // scratch, by the event's word
	both         []uint32
}

// of compares a task with an event, in time that grows with the product of their
// lengths: no more than mostSpoken words of each count.
func (e *echo) of(task, event *text) {
	a, b, run := task.spoken, event.spoken, 0
	e.runs, e.orders = zeros(e.runs, len(b)+1), zeros(e.orders, len(b)+1)
	runs, orders := e.runs, e.orders
	for _, w := range a {
		before, diagonal := 0, 0 // of the event's word before and the task's, in runs and in orders
		for j, o := range b {
			was, order := runs[j+1], orders[j+1]
			runs[j+1] = 0
			if w == o {
				runs[j+1] = before + 1
				run = max(run, before+1)
				orders[j+1] = diagonal + 1
			} else {
				orders[j+1] = max(order, orders[j])
			}
			before, diagonal = was, order
		}
	}
	e.both = shared(e.both[:0], task.said, event.said)
	both := float64(len(e.both))
	e.run, e.inOrder = float64(run), float64(orders[len(b)])
	e.taken, e.given = ratio(both, float64(len(event.said))), ratio(both, float64(len(task.said)))
	e.length, e.share = ratio(float64(len(a)), float64(len(b))), ratio(e.inOrder, float64(len(b)))
}

// zeros returns n of them, in the memory of s where it has room.
func zeros(s []int, n int) []int {
	s = slices.Grow(s[:0], n)[:n]
	clear(s)
	return s
}

// mostSpoken bounds what a long text costs.
const mostSpoken = 200

// spoken are the words of a sentence in order, by hash, and the distinct ones of them,
// sorted.
func spoken(s string) (words, said []uint32) {
	for w := range split(s) {
		h := uint32(2166136261) // FNV-1a
		for i := range len(w) {
			h = (h ^ uint32(w[i])) * 16777619
		}
		if words = append(words, h); len(words) == mostSpoken {
			break
		}
	}
	said = slices.Clone(words)
	slices.Sort(said)
	return words, slices.Compact(said)
}

// echoFeatures tell a repeated event from an offer. Up to a knee, which about one in seven
// tasks that people judged is beyond, a shared word may speak for a task; what lies beyond
// has a weight of its own. Made-up tasks are what it is learned from.
var echoFeatures = []feature[*offer]{
	{"echo.run", "words in a row of the last event", amount, func(o *offer) float64 { return o.echo.run / 20 }},
	{"echo.taken", "share of the last event repeated", amount, func(o *offer) float64 { return o.echo.taken }},
	{"echo.given", "share of the task that repeats the last event", amount, func(o *offer) float64 { return o.echo.given }},
	{"echo.order", "share of the last event repeated in order", amount, func(o *offer) float64 { return o.echo.share }},
	{"echo.length", "length of the task against the last event's", amount, func(o *offer) float64 { return min(o.echo.length, 4) / 4 }},
	{"echo.words", "share of the last event's own words repeated", amount, (*offer).repeats},
	{"echo.run.beyond", "many words in a row of the last event", amount, func(o *offer) float64 { return max(0, o.echo.run-2) / 20 }},
	{"echo.order.long", "many words of the last event in order", amount, func(o *offer) float64 { return max(0, o.echo.inOrder-4) / 20 }},
	{"echo.order.beyond", "much of the last event repeated in order", amount, func(o *offer) float64 { return max(0, o.echo.share-0.2) }},
	{"echo.taken.beyond", "much of the last event repeated", amount, func(o *offer) float64 { return max(0, o.echo.taken-0.28) }},
	{"echo.given.beyond", "a task that mostly repeats the last event", amount, func(o *offer) float64 { return max(0, o.echo.given-0.33) }},
	{"echo.taken.most", "most of the last event repeated", amount, func(o *offer) float64 { return max(0, o.echo.taken-0.65) }},
	{"echo.order.most", "most of the last event repeated in order", amount, func(o *offer) float64 { return max(0, o.echo.share-0.6) }},
	{"echo.words.most", "nearly all of the last event's own words repeated", amount, func(o *offer) float64 { return max(0, o.repeats()-0.8) }},
	{"own.words", "words of the task's own, as other texts have them", weighted, func(o *offer) float64 { own, _ := o.own(); return own / 10 }},
	{"own.words.few", "few words of the task's own, as other texts have them", weighted, func(o *offer) float64 { own, _ := o.own(); return max(0, 0.25-own/10) }},
	{"own.rarity", "rarity of the task's own words, as other texts have them", weighted, func(o *offer) float64 { _, mean := o.own(); return mean }},
	{"own.rarity.low", "words of the task's own that say little", weighted, func(o *offer) float64 { _, mean := o.own(); return max(0, 0.5-mean) }},
	{"cover.recent.little", "hardly a word of recent events", weighted, func(o *offer) float64 { return max(0, 0.2-o.coverage(&o.inNear)) }},
	{"cover.all.little", "hardly a word of any event", weighted, func(o *offer) float64 { return max(0, 0.2-o.coverage(&o.inAll)) }},
	{"text.best.little", "nothing like any event", amount, func(o *offer) float64 { return max(0, 0.15-slices.Max(o.cosine)) }},
	{"echo.words.beyond", "most of the last event's own words repeated", amount, func(o *offer) float64 { return max(0, o.repeats()-0.25) }},
}

// repeats is the share of the last event's words, without stop words, that the task has.
func (o *offer) repeats() float64 {
	return ratio(float64(len(o.inLast.both)), float64(len(o.last.set)))
}

// own is what the task says that the last event does not, in words as rare as can be, and
// the mean of it. A word that no other text has says nothing: it may be nonsense.
func (o *offer) own() (sum, mean float64) {
	n, i := 0, 0
	for _, w := range o.task.set {
		if i < len(o.inLast.both) && o.inLast.both[i] == w {
			i++
			continue
		}
		n++
		if o.weights[w] < o.unknown {
			sum += o.weights[w] / o.unknown
		}
	}
	return sum, ratio(sum, float64(n))
}
