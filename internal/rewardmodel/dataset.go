package rewardmodel

import (
	"iter"

	"github.com/gymline/gymline/internal/trace"
)

// A Dataset is rows to train on and to measure by. It keeps each distinct text
// once, and of a history its last event and the turn before: it grows with the
// rows and their texts, and not with the square of a session's length. The zero
// value is empty.
type Dataset struct {
	lexicon lexicon
	texts   []source
	numbers []uint32 // the texts' words
	groups  []group
	turns   []turn
	rows    []row
	data    []Data

	ids struct { // by what is added; Train needs none of them
		texts, groups, traces map[string]int32
		turns                 map[turnKey]int32
		data                  map[[2]string]int32
		traced                map[[2]int32]int32 // a trace in a data
	}
	last struct { // the row added last
		trace   int32
		history []trace.Event
		path    []int32 // the turns of its history
	}
}

// A source is a distinct text, and where Dataset.numbers has its words.
type source struct {
	text          string
	at            int
	words, quoted uint32
	cues          uint32
}

// A group is what trace.Judged.Group names, such as all sessions of a scene:
// never cut apart by folds or bootstrap draws. Its turns are in the order of
// their first rows.
type group struct {
	first, last int32 // turns
	rows, tests int32
	trains      bool
}

// A turn is a distinct history of a trace, and what was judged after it.
type turn struct {
	before      int32 // the history without its last event; none is -1
	text        int32 // the last event's
	seconds     float64
	format      trace.TimeFormat
	timed       bool
	need        bool             // whether help was wanted, by the rows that may train,
	known       bool             // if they say
	trains      bool             // any row may train
	print       [eventBytes]byte // of the last event, for eventSet
	first, last int32            // rows, in the order they came; none are -1
	next        int32            // of the group
}

// A turnKey tells histories apart: the turn before, or for a first event what
// -2-trace is, and half the SHA-256 of the event.
type turnKey struct {
	before int32
	event  [16]byte
}

// A row is a task or silence, and its label.
type row struct {
	target       float64 // what the task model learns
	group, trace int32
	task         int32 // its text, or silence
	next         int32 // of the turn
	accepted     bool
	test         bool // never trains
}

const silence = -1

// needOf is what a row says about its turn: the source's own word where there
// is one; otherwise an accepted task or a rejected silence means that help was
// needed, an accepted silence that it was not, and a rejected task leaves open
// whether another one would have helped.
func needOf(r *trace.Judged) *bool {
	switch {
	case r.HelpNeeded != nil:
		return r.HelpNeeded
	case r.Task == nil:
		need := !r.Accepted
		return &need
	case r.Accepted:
		return &r.Accepted
	}
	return nil
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
	g, fresh := number(&d.ids.groups, r.Group)
	if fresh {
		d.groups = append(d.groups, group{first: -1, last: -1})
	}
	grp, tr := &d.groups[g], d.trace(r)
	at := d.turn(r.History, tr)
	i := int32(len(d.rows))
	row := row{target: targetOf(r), group: g, trace: tr, task: silence, next: -1, accepted: r.Accepted, test: r.Split == testSplit}
	if r.Task != nil {
		row.task = d.text(*r.Task)
	}
	d.rows = append(d.rows, row)
	t := &d.turns[at]
	switch {
	case t.first >= 0:
		d.rows[t.last].next = i
	case grp.first >= 0:
		t.first = i
		d.turns[grp.last].next, grp.last = at, at
	default:
		t.first = i
		grp.first, grp.last = at, at
	}
	t.last = i
	grp.rows++
	if row.test {
		grp.tests++
		return
	}
	t.trains, grp.trains = true, true
	if need := needOf(r); need != nil && !t.known {
		t.need, t.known = *need, true
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

// trace counts a row among the data of its source and split.
func (d *Dataset) trace(r *trace.Judged) int32 {
	tr, _ := number(&d.ids.traces, r.Trace)
	k, fresh := number(&d.ids.data, [2]string{r.Source, r.Split})
	if fresh {
		d.data = append(d.data, Data{Source: r.Source, Split: r.Split})
	}
	c := &d.data[k]
	c.Rows++
	if r.Task == nil {
		c.Silences++
	} else {
		c.Proposals++
	}
	if r.Accepted {
		c.Accepted++
	}
	if _, fresh := number(&d.ids.traced, [2]int32{k, tr}); fresh {
		c.Traces++
	}
	return tr
}

// text returns the number of a text, and cuts it when it is new.
func (d *Dataset) text(s string) int32 {
	id, fresh := number(&d.ids.texts, s)
	if fresh {
		at := len(d.numbers)
		var cues uint32
		d.numbers, cues = d.lexicon.cut(s, d.numbers)
		words := len(d.numbers) - at
		for q := range quotes(s) {
			d.numbers, _ = d.lexicon.cut(q, d.numbers)
		}
		d.texts = append(d.texts, source{s, at, uint32(words), uint32(len(d.numbers) - at - words), cues})
	}
	return id
}

// cut returns the words of a text.
func (d *Dataset) cut(text int32) cut {
	s := &d.texts[text]
	n := d.numbers[s.at:][:s.words+s.quoted]
	return cut{n[:s.words], n[s.words:], s.cues}
}

// turn returns the turn that a history ends. What it shares with the one asked
// for before is not looked up anew.
func (d *Dataset) turn(history []trace.Event, tr int32) int32 {
	i := 0
	if tr == d.last.trace {
		for i < min(len(history), len(d.last.history)) && history[i] == d.last.history[i] {
			i++
		}
	}
	shared, path := i, d.last.path[:i]
	for _, e := range history[i:] {
		sum, before := digest(e), int32(-1)
		key := turnKey{-2 - tr, [16]byte(sum[:16])}
		if i > 0 {
			before = path[i-1]
			key.before = before
		}
		id, fresh := number(&d.ids.turns, key)
		if fresh {
			at := newEvent(nil, e.Time)
			d.turns = append(d.turns, turn{
				before: before, text: d.text(e.Text), seconds: at.seconds, format: at.format, timed: at.timed,
				print: [eventBytes]byte(sum[:eventBytes]), first: -1, last: -1, next: -1,
			})
		}
		path, i = append(path, id), i+1
	}
	d.last.trace, d.last.history, d.last.path = tr, append(d.last.history[:shared], history[shared:]...), path
	return path[len(path)-1]
}

// turnsOf yields a group's turns.
func (d *Dataset) turnsOf(g int) iter.Seq2[int32, *turn] {
	return func(yield func(int32, *turn) bool) {
		for t := d.groups[g].first; t >= 0; t = d.turns[t].next {
			if !yield(t, &d.turns[t]) {
				return
			}
		}
	}
}

// cases yields a turn's rows by their index.
func (d *Dataset) cases(t *turn) iter.Seq2[int32, *row] {
	return func(yield func(int32, *row) bool) {
		for i := t.first; i >= 0; i = d.rows[i].next {
			if !yield(i, &d.rows[i]) {
				return
			}
		}
	}
}

// training yields the distinct events of a group's training histories, as the
// turns that they end. seen is of all turns, and false at first.
func (d *Dataset) training(g int, seen []bool) iter.Seq[*turn] {
	return func(yield func(*turn) bool) {
		for t, at := range d.turnsOf(g) {
			if !at.trains {
				continue
			}
			for ; t >= 0 && !seen[t]; t = d.turns[t].before {
				seen[t] = true
				if !yield(&d.turns[t]) {
					return
				}
			}
		}
	}
}
