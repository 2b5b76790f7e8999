package rewardmodel

import (
	"math"
	"slices"
)

// A feature is a named number of a case. Its name is part of the model's
// format: a changed definition wants a changed name.
type feature[T any] struct {
	name string
	// label says in a person's words what is high when the value is high; of a
	// flag, what is there.
	label string
	kind  kind
	value func(T) float64
}

// A kind of feature.
type kind int

const (
	amount   kind = iota
	yesNo         // 1 or 0
	weighted      // an amount that depends on how rare words are
)

// fade is what an event's weight falls to with each later event: half after
// about 7 events. It keeps counts bounded however long a history grows.
const fade = 0.9

// structure features describe a history without looking at any task.
var structure = []feature[*moment]{
	// Past 40 events a history counts as that long: training rows are shorter.
	{"history.length", "number of events so far", amount, func(m *moment) float64 { return float64(min(len(m.events), 40)) / 20 }},
	{"history.start", "the very start of the activity", yesNo, func(m *moment) float64 { return flag(len(m.events) <= 2) }},
	{"gap.last", "time since the event before", amount, func(m *moment) float64 { return logTime(m.gap(len(m.events) - 1)) }},
	{"gap.recent", "time between recent events", amount, func(m *moment) float64 {
		sum, n := 0.0, 0
		for i := max(1, len(m.events)-3); i < len(m.events); i++ {
			sum, n = sum+logTime(m.gap(i)), n+1
		}
		return ratio(sum, float64(n))
	}},
	{"time.elapsed", "time since the first event", amount, func(m *moment) float64 { return logTime(m.elapsed()) }},
	{"time.clock", "times given by day and clock", yesNo, func(m *moment) float64 { return float64(m.last.format) }},
	{"last.words", "length of the last event's text", amount, func(m *moment) float64 { return float64(m.last.length) / 20 }},
	{"recent.words", "length of recent events' texts", amount, func(m *moment) float64 {
		sum := 0.0
		for _, e := range m.recent() {
			sum += float64(e.length) / 20
		}
		return sum / float64(len(m.recent()))
	}},
}

// needFeatures feed the need model: is any help wanted after this event?
var needFeatures = func() []feature[*moment] {
	out := append([]feature[*moment]{}, structure...)
	for i, c := range cues {
		bit := uint32(1) << i
		out = append(out,
			feature[*moment]{"cue.last." + c.name, c.label + " in the last event", yesNo, func(m *moment) float64 {
				return flag(m.last.cues&bit != 0)
			}},
			feature[*moment]{"cue.sofar." + c.name, c.label + " so far", amount, func(m *moment) float64 {
				n := 0.0
				for _, e := range m.events {
					n = fade*n + flag(e.cues&bit != 0)
				}
				return n * (1 - fade)
			}})
	}
	return append(out,
		feature[*moment]{"last.first", "an event not seen before", yesNo, func(m *moment) float64 { return flag(!m.repeat) }},
		feature[*moment]{"last.novelty", "new words in the last event", weighted, (*moment).novelty},
	)
}()

// taskFeatures feed the task model: does this task fit this moment?
var taskFeatures = func() []feature[*offer] {
	var out []feature[*offer]
	for _, f := range structure {
		out = append(out, feature[*offer]{f.name, f.label, f.kind, func(o *offer) float64 { return f.value(o.moment) }})
	}
	return append(append(out, fit...), echoFeatures...)
}()

// A task of manyWords distinct words is as long as half of those that people judged; one
// in twenty has more than longTask.
const (
	manyWords = 8
	longTask  = 14
)

// fit features compare a task with the events.
var fit = []feature[*offer]{
	// Length is of distinct words, and more than manyWords of them earn nothing.
	{"task.distinct", "length of the task", amount, func(o *offer) float64 { return float64(min(len(o.task.set), manyWords)) / 20 }},
	{"task.distinct.few", "a task of a few words", yesNo, func(o *offer) float64 { return flag(len(o.task.set) <= 3) }},
	{"task.distinct.beyond", "very long task text", amount, func(o *offer) float64 { return float64(max(0, len(o.task.set)-longTask)) / 20 }},

	{"cover.last", "share of the task's words found in the last event", weighted, func(o *offer) float64 { return o.coverage(&o.inLast) }},
	{"overlap.last", "word overlap of task and last event", weighted, func(o *offer) float64 { return o.jaccard(&o.inLast) }},
	{"cover.recent", "share of the task's words found in recent events", weighted, func(o *offer) float64 { return o.coverage(&o.inNear) }},
	{"overlap.recent", "word overlap of task and recent events", weighted, func(o *offer) float64 { return o.jaccard(&o.inNear) }},
	{"cover.all", "share of the task's words found in any event", weighted, func(o *offer) float64 { return o.coverage(&o.inAll) }},
	{"overlap.all", "word overlap of task and all events", weighted, func(o *offer) float64 { return o.jaccard(&o.inAll) }},
	{"task.unseen", "share of the task's words that no event has", amount, func(o *offer) float64 {
		return ratio(float64(len(o.task.set)-len(o.inAll.both)), float64(len(o.task.set)))
	}},
	{"task.rarest", "rarity of the task's rarest word", weighted, func(o *offer) float64 {
		most := 0.0
		for _, w := range o.task.set {
			most = max(most, o.weights[w])
		}
		return most / 10
	}},
	{"task.rarity", "rarity of the task's words", weighted, func(o *offer) float64 {
		return ratio(o.weight, float64(len(o.task.set))) / 10
	}},
	{"rare.recency", "a rare word shared with a recent event", weighted, func(o *offer) float64 {
		best := 0.0
		for _, w := range o.inAll.both {
			if o.weights[w] > rare {
				i, _ := slices.BinarySearch(o.all, w)
				best = max(best, 1/float64(1+o.age[i]))
			}
		}
		return best
	}},
	{"rare.shared", "number of rare words shared with the events", weighted, func(o *offer) float64 {
		n := 0.0
		for _, w := range o.inAll.both {
			if o.weights[w] > rare {
				n++
			}
		}
		return math.Log1p(n)
	}},
	{"text.last", "likeness of task and last event", amount, func(o *offer) float64 { return o.ago(0) }},
	{"text.previous", "likeness of task and the event before the last", amount, func(o *offer) float64 { return o.ago(1) }},
	{"text.best", "likeness of task and its closest event", amount, func(o *offer) float64 {
		best := 0.0
		for _, c := range o.cosine {
			best = max(best, c)
		}
		return best
	}},
	{"text.decayed", "likeness of task and the events, recent ones first", amount, func(o *offer) float64 {
		sum, weight := 0.0, 1.0
		for n := range o.cosine {
			sum += weight * o.ago(n)
			weight /= 2
		}
		return sum
	}},
	{"phrases.last", "phrases shared with the last event", amount, func(o *offer) float64 {
		return ratio(float64(len(shared(nil, o.task.bigrams, o.last.bigrams))), float64(len(o.task.bigrams)))
	}},
	{"quoted", "quoted words taken up by the task", amount, func(o *offer) float64 {
		n := 0
		for _, e := range o.recent() {
			n += len(shared(nil, o.task.set, e.quoted))
		}
		return math.Log1p(float64(n))
	}},
	{"fresh.last", "task words that are new in the last event", weighted, func(o *offer) float64 {
		return ratio(o.sum(o.taken), o.weight)
	}},
	{"search.last", "a search in the last event", yesNo, func(o *offer) float64 { return flag(o.last.cues&searchCue != 0) }},
	{"search.text", "likeness of task and a search just made", amount, func(o *offer) float64 {
		return flag(o.last.cues&searchCue != 0) * o.ago(0)
	}},
	{"task.search", "a task that searches", yesNo, func(o *offer) float64 { return flag(o.task.cues&searchCue != 0) }},
	{"task.sameCue", "activities shared by task and last event", amount, func(o *offer) float64 {
		return flag(o.task.cues&o.last.cues != 0)
	}},
	{"error.last", "an error in the last event", yesNo, func(o *offer) float64 { return flag(o.last.cues&errorCue != 0) }},
	{"last.novelty", "new words in the last event", weighted, func(o *offer) float64 { return o.novelty() }},
	{"last.covered", "share of the last event's words taken up by the task", weighted, func(o *offer) float64 {
		return ratio(o.sum(o.inLast.both), o.inLast.weight)
	}},
}

var (
	searchCue = cueBit("search")
	errorCue  = cueBit("error")
)

// fill computes a row of features into x.
func fill[T any](x []float64, features []feature[T], row T) []float64 {
	for i := range features {
		x[i] = features[i].value(row)
	}
	return x
}

func names[T any](features []feature[T]) []string {
	out := make([]string, len(features))
	for i, f := range features {
		out[i] = f.name
	}
	return out
}
