package rewardmodel

import (
	"maps"
	"math"
	"slices"

	"github.com/gymline/gymline/internal/trace"
)

// An event is an observed activity, ready for features.
type event struct {
	*text
	source  string // the sentence as it came
	seconds float64
	format  trace.TimeFormat
	timed   bool // false when the time could not be read
}

// A reader prepares events and tasks, each distinct sentence once.
type reader map[string]*text

func (r reader) text(s string) *text {
	t, ok := r[s]
	if !ok {
		t = newText(s)
		r[s] = t
	}
	return t
}

func (r reader) event(e trace.Event) *event {
	seconds, format, err := trace.ParseTime(e.Time)
	return &event{text: r.text(e.Text), source: e.Text, seconds: seconds, format: format, timed: err == nil}
}

func (r reader) events(history []trace.Event) []*event {
	out := make([]*event, len(history))
	for i, e := range history {
		out[i] = r.event(e)
	}
	return out
}

// A moment is what features see of a history: its events so far, at least one.
type moment struct {
	*Vocabulary
	events []*event
	last   *event
	near   []string       // the words of the last 3 events, sorted and distinct
	all    []string       // those of every event
	age    map[string]int // word → how many events ago it last occurred, 0 for the last event
	before map[string]bool
	repeat bool // an earlier event reads exactly like the last one
}

func newMoment(events []*event, v *Vocabulary) *moment {
	m := &moment{Vocabulary: v, events: events, last: events[len(events)-1], age: map[string]int{}, before: map[string]bool{}}
	for i, e := range events {
		for _, w := range e.set {
			m.age[w] = len(events) - 1 - i
			if i < len(events)-1 {
				m.before[w] = true
			}
		}
		if i < len(events)-1 && e.source == m.last.source {
			m.repeat = true
		}
	}
	m.near = union(m.recent(3))
	m.all = slices.Sorted(maps.Keys(m.age))
	return m
}

// recent returns the last n events or fewer.
func (m *moment) recent(n int) []*event { return m.events[max(0, len(m.events)-n):] }

// gap is the time in seconds between event i and the one before; 0 for the
// first, where time went backwards, and where either time could not be read.
func (m *moment) gap(i int) float64 {
	if i == 0 {
		return 0
	}
	a, b := m.events[i-1], m.events[i]
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

// novelty is the idf-weighted share of the last event's words that no earlier event has.
func (m *moment) novelty() float64 {
	fresh, all := 0.0, 0.0
	for _, w := range m.last.set {
		v := m.idf(w)
		all += v
		if !m.before[w] {
			fresh += v
		}
	}
	return ratio(fresh, all)
}

// union returns the distinct words of events.
func union(events []*event) []string {
	var words []string
	for _, e := range events {
		words = append(words, e.set...)
	}
	return distinct(words)
}

// An offer is a task proposed at a moment.
type offer struct {
	*moment
	task   *text
	cosine []float64 // of the task with each event
}

func newOffer(m *moment, task *text) *offer {
	o := &offer{moment: m, task: task, cosine: make([]float64, len(m.events))}
	for i, e := range m.events {
		o.cosine[i] = cosine(task, e.text)
	}
	return o
}

// coverage is the idf-weighted share of the task's words that are in words (sorted).
func (o *offer) coverage(words []string) float64 {
	hit := 0.0
	shared(o.task.set, words, func(w string) { hit += o.idf(w) })
	return ratio(hit, o.sum(o.task.set))
}

// jaccard is the idf-weighted overlap of the task's words and words (sorted).
func (o *offer) jaccard(words []string) float64 {
	hit := 0.0
	shared(o.task.set, words, func(w string) { hit += o.idf(w) })
	return ratio(hit, o.sum(o.task.set)+o.sum(words)-hit)
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
