package rewardmodel

import (
	"math"
	"slices"
)

// An event is an observed activity, ready for features.
type event struct {
	id    int32 // of the turn
	*text       // equal sentences share it
	*turn
}

// A moment is what features see of a history: its events so far, at least one.
type moment struct {
	events []event
	last   *event
	near   []word // the words of the last 3 events, sorted and distinct
	all    []word // those of every event
	age    []int  // of each word of all: how many events ago it last occurred, 0 for the last event
	fresh  []word // the last event's words that no earlier event has
	repeat bool   // an earlier event reads exactly like the last one

	weights []float64 // idf by word, and last that of an unknown one: what differs between models
	ages    []uint64  // scratch: a word and an age, of each word of each event
}

// at makes m the moment after events, reusing its memory.
func (m *moment) at(events []event) *moment {
	m.events, m.last, m.repeat = events, &events[len(events)-1], false
	m.ages, m.near, m.all, m.age, m.fresh = m.ages[:0], m.near[:0], m.all[:0], m.age[:0], m.fresh[:0]
	for i := range events {
		for _, w := range events[i].set {
			m.ages = append(m.ages, uint64(w)<<32|uint64(len(events)-1-i))
		}
		m.repeat = m.repeat || i < len(events)-1 && events[i].text == m.last.text
	}
	slices.Sort(m.ages)
	for i := 0; i < len(m.ages); {
		w, age, first := word(m.ages[i]>>32), int(uint32(m.ages[i])), i
		for i++; i < len(m.ages) && word(m.ages[i]>>32) == w; i++ {
		}
		m.all, m.age = append(m.all, w), append(m.age, age)
		if age < recentEvents {
			m.near = append(m.near, w)
		}
		if age == 0 && i == first+1 {
			m.fresh = append(m.fresh, w)
		}
	}
	return m
}

const recentEvents = 3

// recent returns the last 3 events or fewer.
func (m *moment) recent() []event { return m.events[max(0, len(m.events)-recentEvents):] }

// gap is the time in seconds between event i and the one before; 0 for the
// first, where time went backwards, and where either time could not be read.
func (m *moment) gap(i int) float64 {
	if i == 0 {
		return 0
	}
	a, b := &m.events[i-1], &m.events[i]
	if !a.timed || !b.timed || a.format != b.format {
		return 0
	}
	return max(0, b.seconds-a.seconds)
}

// elapsed is the time in seconds since the first event, as the sum of gaps.
func (m *moment) elapsed() float64 {
	sum := 0.0
	for i := range m.events {
		sum += m.gap(i)
	}
	return sum
}

// sum adds up the weights of words.
func (m *moment) sum(words []word) float64 {
	total := 0.0
	for _, w := range words {
		total += m.weights[w]
	}
	return total
}

// novelty is the idf-weighted share of the last event's words that no earlier event has.
func (m *moment) novelty() float64 { return ratio(m.sum(m.fresh), m.sum(m.last.set)) }

// An offer is a task proposed at a moment.
type offer struct {
	*moment
	task   *text
	cosine []float64 // of the task with each event
	inLast overlap   // of the task with the last event
	inNear overlap   // with the last 3
	inAll  overlap
	taken  []word // the task's words that are new in the last event
	echo   echo   // of the last event

	weight  float64 // of the task's words
	unknown float64 // of a word that no text has, or one
}

// An overlap is the words that a task shares with others.
type overlap struct {
	others []word
	both   []word
	weight float64 // of others
}

func (o *overlap) with(task *text, others []word) {
	o.others, o.both = others, shared(o.both[:0], task.set, others)
}

// at makes o the offer of a task at a moment, reusing its memory.
func (o *offer) at(m *moment, task *text) *offer {
	o.moment, o.task, o.cosine = m, task, o.cosine[:0]
	for i := range m.events {
		o.cosine = append(o.cosine, cosine(task, m.events[i].text))
	}
	o.inLast.with(task, m.last.set)
	o.inNear.with(task, m.near)
	o.inAll.with(task, m.all)
	o.taken = shared(o.taken[:0], task.set, m.fresh)
	o.echo.of(task, m.last.text)
	return o
}

// weigh takes a model's weights, for the offer and its moment.
func (o *offer) weigh(weights []float64) *offer {
	o.weights, o.unknown = weights, weights[len(weights)-1]
	o.weight = o.sum(o.task.set)
	for _, l := range []*overlap{&o.inLast, &o.inNear, &o.inAll} {
		l.weight = o.sum(l.others)
	}
	return o
}

// coverage is the idf-weighted share of the task's words that others have.
func (o *offer) coverage(l *overlap) float64 { return ratio(o.sum(l.both), o.weight) }

// jaccard is the idf-weighted overlap of the task's words and others.
func (o *offer) jaccard(l *overlap) float64 {
	hit := o.sum(l.both)
	return ratio(hit, o.weight+l.weight-hit)
}

// ago is the cosine with the event n before the last; 0 when there is none.
func (o *offer) ago(n int) float64 {
	if i := len(o.cosine) - 1 - n; i >= 0 {
		return o.cosine[i]
	}
	return 0
}

func ratio(a, b float64) float64 {
	if b <= 0 {
		return 0
	}
	return a / b
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// logTime turns seconds into a score near [0,1]: ln(1+s)/10.
func logTime(s float64) float64 { return math.Log1p(s) / 10 }
