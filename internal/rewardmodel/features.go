package rewardmodel

import "math"

// A feature is a named number of a case. Its name is part of the model's
// format: a changed definition wants a changed name.
type feature[T any] struct {
	name string
	// label says in a person's words what is high when the value is high; of a
	// flag, what is there.
	label string
	flag  bool
	value func(T) float64
}

// fade is what an event's weight falls to with each later event: half after
// about 7 events. It keeps counts bounded however long a history grows.
const fade = 0.9

// structure features describe a history without looking at any task.
var structure = []feature[*moment]{
	// Past 40 events a history counts as that long: training rows are shorter.
	{"history.length", "number of events so far", false, func(m *moment) float64 { return float64(min(len(m.events), 40)) / 20 }},
	{"history.start", "the very start of the activity", true, func(m *moment) float64 { return flag(len(m.events) <= 2) }},
	{"gap.last", "time since the event before", false, func(m *moment) float64 { return logTime(m.gap(len(m.events) - 1)) }},
	{"gap.recent", "time between recent events", false, func(m *moment) float64 {
		sum, n := 0.0, 0
		for i := max(1, len(m.events)-3); i < len(m.events); i++ {
			sum, n = sum+logTime(m.gap(i)), n+1
		}
		return ratio(sum, float64(n))
	}},
	{"time.elapsed", "time since the first event", false, func(m *moment) float64 { return logTime(m.elapsed()) }},
	{"time.clock", "times given by day and clock", true, func(m *moment) float64 { return float64(m.last.format) }},
	{"last.words", "length of the last event's text", false, func(m *moment) float64 { return float64(len(m.last.words)) / 20 }},
	{"recent.words", "length of recent events' texts", false, func(m *moment) float64 {
		sum := 0.0
		for _, e := range m.recent(3) {
			sum += float64(len(e.words)) / 20
		}
		return sum / float64(len(m.recent(3)))
	}},
}

// needFeatures feed the need model: is any help wanted after this event?
var needFeatures = func() []feature[*moment] {
	out := append([]feature[*moment]{}, structure...)
	for i, c := range cues {
		bit := uint32(1) << i
		out = append(out,
			feature[*moment]{"cue.last." + c.name, c.label + " in the last event", true, func(m *moment) float64 {
				return flag(m.last.cues&bit != 0)
			}},
			feature[*moment]{"cue.sofar." + c.name, c.label + " so far", false, func(m *moment) float64 {
				n := 0.0
				for _, e := range m.events {
					n = fade*n + flag(e.cues&bit != 0)
				}
				return n * (1 - fade)
			}})
	}
	return append(out,
		feature[*moment]{"last.first", "an event not seen before", true, func(m *moment) float64 { return flag(!m.repeat) }},
		feature[*moment]{"last.novelty", "new words in the last event", false, (*moment).novelty},
	)
}()

// taskFeatures feed the task model: does this task fit this moment?
var taskFeatures = func() []feature[*offer] {
	var out []feature[*offer]
	for _, f := range structure {
		out = append(out, feature[*offer]{f.name, f.label, f.flag, func(o *offer) float64 { return f.value(o.moment) }})
	}
	return append(out, fit...)
}()

// fit features compare a task with the events.
var fit = []feature[*offer]{
	{"task.words", "length of the task", false, func(o *offer) float64 { return float64(len(o.task.words)) / 20 }},
	{"task.words.squared", "very long task text", false, func(o *offer) float64 { return math.Pow(float64(len(o.task.words))/20, 2) }},
	{"task.short", "a task of a few words", true, func(o *offer) float64 { return flag(len(o.task.words) <= 3) }},
	{"task.long", "a task of many words", true, func(o *offer) float64 { return flag(len(o.task.words) >= 14) }},

	{"cover.last", "share of the task's words found in the last event", false, func(o *offer) float64 { return o.coverage(o.last.set) }},
	{"overlap.last", "word overlap of task and last event", false, func(o *offer) float64 { return o.jaccard(o.last.set) }},
	{"cover.recent", "share of the task's words found in recent events", false, func(o *offer) float64 { return o.coverage(o.near) }},
	{"overlap.recent", "word overlap of task and recent events", false, func(o *offer) float64 { return o.jaccard(o.near) }},
	{"cover.all", "share of the task's words found in any event", false, func(o *offer) float64 { return o.coverage(o.all) }},
	{"overlap.all", "word overlap of task and all events", false, func(o *offer) float64 { return o.jaccard(o.all) }},
	{"task.unseen", "share of the task's words that no event has", false, func(o *offer) float64 {
		n := 0.0
		for _, w := range o.task.set {
			if _, ok := o.age[w]; !ok {
				n++
			}
		}
		return ratio(n, float64(len(o.task.set)))
	}},
	{"task.rarest", "rarity of the task's rarest word", false, func(o *offer) float64 {
		most := 0.0
		for _, w := range o.task.set {
			most = max(most, o.idf(w))
		}
		return most / 10
	}},
	{"task.rarity", "rarity of the task's words", false, func(o *offer) float64 {
		return ratio(o.sum(o.task.set), float64(len(o.task.set))) / 10
	}},
	{"rare.recency", "a rare word shared with a recent event", false, func(o *offer) float64 {
		best := 0.0
		for _, w := range o.task.set {
			if age, ok := o.age[w]; ok && o.isRare(w) {
				best = max(best, 1/float64(1+age))
			}
		}
		return best
	}},
	{"rare.shared", "number of rare words shared with the events", false, func(o *offer) float64 {
		n := 0.0
		for _, w := range o.task.set {
			if _, ok := o.age[w]; ok && o.isRare(w) {
				n++
			}
		}
		return math.Log1p(n)
	}},
	{"text.last", "likeness of task and last event", false, func(o *offer) float64 { return o.ago(0) }},
	{"text.previous", "likeness of task and the event before the last", false, func(o *offer) float64 { return o.ago(1) }},
	{"text.best", "likeness of task and its closest event", false, func(o *offer) float64 {
		best := 0.0
		for _, c := range o.cosine {
			best = max(best, c)
		}
		return best
	}},
	{"text.decayed", "likeness of task and the events, recent ones first", false, func(o *offer) float64 {
		sum, weight := 0.0, 1.0
		for n := range o.cosine {
			sum += weight * o.ago(n)
			weight /= 2
		}
		return sum
	}},
	{"phrases.last", "phrases shared with the last event", false, func(o *offer) float64 {
		n := 0.0
		shared(o.task.bigrams, o.last.bigrams, func(string) { n++ })
		return ratio(n, float64(len(o.task.bigrams)))
	}},
	{"quoted", "quoted words taken up by the task", false, func(o *offer) float64 {
		n := 0.0
		for _, e := range o.recent(3) {
			shared(o.task.set, e.quoted, func(string) { n++ })
		}
		return math.Log1p(n)
	}},
	{"fresh.last", "task words that are new in the last event", false, func(o *offer) float64 {
		hit := 0.0
		shared(o.task.set, o.last.set, func(w string) {
			if !o.before[w] {
				hit += o.idf(w)
			}
		})
		return ratio(hit, o.sum(o.task.set))
	}},
	{"search.last", "a search in the last event", true, func(o *offer) float64 { return flag(o.last.cues&searchCue != 0) }},
	{"search.text", "likeness of task and a search just made", false, func(o *offer) float64 {
		return flag(o.last.cues&searchCue != 0) * o.ago(0)
	}},
	{"task.search", "a task that searches", true, func(o *offer) float64 { return flag(o.task.cues&searchCue != 0) }},
	{"task.sameCue", "activities shared by task and last event", false, func(o *offer) float64 {
		return flag(o.task.cues&o.last.cues != 0)
	}},
	{"error.last", "an error in the last event", true, func(o *offer) float64 { return flag(o.last.cues&errorCue != 0) }},
	{"last.novelty", "new words in the last event", false, func(o *offer) float64 { return o.novelty() }},
	{"last.covered", "share of the last event's words taken up by the task", false, func(o *offer) float64 {
		hit := 0.0
		shared(o.task.set, o.last.set, func(w string) { hit += o.idf(w) })
		return ratio(hit, o.sum(o.last.set))
	}},
}

var (
	searchCue = cueBit("search")
	errorCue  = cueBit("error")
)

// values computes a row of features.
func values[T any](features []feature[T], x T) []float64 {
	out := make([]float64, len(features))
	for i, f := range features {
		out[i] = f.value(x)
	}
	return out
}

func names[T any](features []feature[T]) []string {
	out := make([]string, len(features))
	for i, f := range features {
		out[i] = f.name
	}
	return out
}
