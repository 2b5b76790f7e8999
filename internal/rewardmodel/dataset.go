package rewardmodel

import (
	"cmp"
	"runtime"
	"slices"

	"github.com/gymline/gymline/internal/madeup"
	"github.com/gymline/gymline/internal/trace"
)

// A Dataset is judged rows to train on and to measure by. It keeps each distinct
// text once, and each history as its last event and the turn before, so memory
// grows with the rows and not with the square of a session's length. The zero
// value is empty.
type Dataset struct {
	lexicon lexicon
	texts   []source
	numbers []uint32 // the texts' words, by their number in the lexicon
	groups  []group
	turns   []turn
	rows    []row
	data    []Data
	taught  []madeup.Family   // nil: madeup.Taught; tests leave some out
	parts   map[int32][]int32 // the sentences of tasks that have several

	ids  ids // needed to add rows, not to train
	last struct {
		trace   int32
		history []trace.Event
		path    []int32 // the turns of history
	}
}

// ids number what rows share, by its content.
type ids struct {
	texts, groups, traces map[string]int32
	turns                 map[turnKey]int32
	data                  map[[2]string]int32 // source and split
	traced                map[[2]int32]int32  // data and trace
}

// A source is a distinct text. Its words are Dataset.numbers from words to quoted,
// those between quotation marks from quoted to end.
type source struct {
	text               string
	words, quoted, end uint32
	cues               uint32
}

// A group is what trace.Judged.Group names, such as all sessions of a scene. No
// fold and no bootstrap draw splits it.
type group struct {
	rows   []int32 // in the order they came; once sorted, by turn
	learnt []int32 // the turns of the histories that train
	made   []made  // once sorted, by turn
	tests  int     // rows that never train
	classes
}

// A turn is a distinct history of a trace.
type turn struct {
	before  int32 // the turn of the history without its last event, or none
	text    int32 // of the last event
	first   int32 // row, or none
	seconds float64
	format  uint8            // a trace.TimeFormat
	timed   bool             // false when the time could not be read
	print   [eventBytes]byte // of the last event, for eventSet
	need    bool             // whether help was needed, by the first training row that says
	known   bool             // whether one says
	learnt  bool             // it is part of a history that trains
}

const none = -1

// A turnKey tells histories apart by the turn before and half the SHA-256 of the
// last event. Before a trace's first event stands -2-trace.
type turnKey struct {
	before int32
	event  [16]byte
}

// A row is a task or silence, and its label.
type row struct {
	target             float64 // what the task model learns
	group, trace, turn int32
	task               int32 // its text, or silence
	accepted           bool
	test               bool // never trains
}

const silence = -1

// trains says whether the task model learns from a row.
func (r *row) trains() bool { return r.task != silence && !r.test }

// needOf is what a row says about its turn: the source's own word where there
// is one; otherwise an accepted task or a rejected silence means that help was
// needed, an accepted silence that it was not, and a rejected task leaves open
// whether another one would have helped.
func needOf(r *trace.Judged) (need, known bool) {
	switch {
	case r.HelpNeeded != nil:
		return *r.HelpNeeded, true
	case r.Task == nil:
		return !r.Accepted, true
	}
	return true, r.Accepted
}

// targetOf is half the annotators' mean vote and half the label; the label
// where votes are not known. Close calls pull less than clear ones.
func targetOf(r *trace.Judged) float64 {
	label := flag(r.Accepted)
	if len(r.Votes) == 0 {
		return label
	}
	sum := 0.0
	for _, v := range r.Votes {
		sum += flag(v)
	}
	return (sum/float64(len(r.Votes)) + label) / 2
}

// Add adds a row, whose history has at least one event.
func (d *Dataset) Add(r *trace.Judged) {
	i, tr := int32(len(d.rows)), d.count(r)
	id, fresh := number(&d.ids.groups, r.Group)
	if fresh {
		d.groups = append(d.groups, group{})
	}
	at, task := d.turn(r.History, tr), int32(silence)
	if r.Task != nil {
		task = d.text(*r.Task)
		d.sentences(task)
	}
	row := row{targetOf(r), id, tr, at, task, r.Accepted, r.Split == testSplit}
	d.rows = append(d.rows, row)
	g, t := &d.groups[id], &d.turns[at]
	g.rows = append(g.rows, i)
	if t.first == none {
		t.first = i
	}
	if row.test {
		g.tests++
		return
	}
	for ; at >= 0 && !d.turns[at].learnt; at = d.turns[at].before {
		d.turns[at].learnt = true
		g.learnt = append(g.learnt, at)
	}
	if row.trains() {
		g.accepts[index(r.Accepted)]++
	}
	if need, known := needOf(r); known && !t.known {
		t.need, t.known = need, true
		g.needs[index(need)]++
	}
}

// number numbers the distinct keys of a map, from 0.
func number[K comparable](ids *map[K]int32, key K) (id int32, fresh bool) {
	if id, ok := (*ids)[key]; ok {
		return id, false
	}
	if *ids == nil {
		*ids = map[K]int32{}
	}
	id = int32(len(*ids))
	(*ids)[key] = id
	return id, true
}

// count counts a row among those of its source and split, and returns its trace.
func (d *Dataset) count(r *trace.Judged) int32 {
	tr, _ := number(&d.ids.traces, r.Trace)
	k, fresh := number(&d.ids.data, [2]string{r.Source, r.Split})
	if fresh {
		d.data = append(d.data, Data{Source: r.Source, Split: r.Split})
	}
	c := &d.data[k]
	c.Rows++
	c.Silences += index(r.Task == nil)
	c.Proposals += index(r.Task != nil)
	c.Accepted += index(r.Accepted)
	if _, fresh := number(&d.ids.traced, [2]int32{k, tr}); fresh {
		c.Traces++
	}
	return tr
}

// text returns the number of a text, and cuts it into words when it is new.
func (d *Dataset) text(s string) int32 {
	id, fresh := number(&d.ids.texts, s)
	if fresh {
		at := uint32(len(d.numbers))
		var cues uint32
		d.numbers, cues = d.lexicon.cut(s, d.numbers)
		quoted := uint32(len(d.numbers))
		for q := range quotes(s) {
			d.numbers, _ = d.lexicon.cut(q, d.numbers)
		}
		d.texts = append(d.texts, source{s, at, quoted, uint32(len(d.numbers)), cues})
	}
	return id
}

// words returns a text's words in order, by number.
func (d *Dataset) words(text int32) []uint32 {
	s := &d.texts[text]
	return d.numbers[s.words:s.quoted]
}

// turn returns the turn that a history ends in. Rows of one session come one after
// another: only what differs from the history before is looked up.
func (d *Dataset) turn(history []trace.Event, tr int32) int32 {
	l, n := &d.last, 0
	if tr == l.trace {
		for n < min(len(history), len(l.history)) && history[n] == l.history[n] {
			n++
		}
	}
	l.trace, l.history, l.path = tr, append(l.history[:n], history[n:]...), l.path[:n]
	for _, e := range history[n:] {
		sum, before := e.Digest(), int32(none)
		key := turnKey{-2 - tr, [16]byte(sum[:16])}
		if k := len(l.path); k > 0 {
			before = l.path[k-1]
			key.before = before
		}
		id, fresh := number(&d.ids.turns, key)
		if fresh {
			seconds, format, err := trace.ParseTime(e.Time)
			d.turns = append(d.turns, turn{
				before: before, text: d.text(e.Text), seconds: seconds, format: uint8(format), timed: err == nil,
				print: [eventBytes]byte(sum[:eventBytes]), first: none,
			})
		}
		l.path = append(l.path, id)
	}
	return l.path[len(l.path)-1]
}

// sort ends adding: it ranks the words, and brings the rows of a turn together, in
// the order that they came in, and turns in the order of their first rows.
func (d *Dataset) sort() {
	d.lexicon.sort()
	d.ids, d.lexicon.number, d.lexicon.order = ids{}, nil, nil
	runtime.GC() // or they would stay beside the models' weights: 100 MB and more of 10^6 rows
	for g := range d.groups {
		slices.SortFunc(d.groups[g].rows, func(a, b int32) int {
			return cmp.Or(cmp.Compare(d.turns[d.rows[a].turn].first, d.turns[d.rows[b].turn].first), cmp.Compare(a, b))
		})
		slices.SortStableFunc(d.groups[g].made, func(a, b made) int {
			return cmp.Compare(d.turns[a.turn].first, d.turns[b.turn].first)
		})
	}
}
