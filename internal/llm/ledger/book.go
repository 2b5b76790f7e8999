package ledger

import (
	"context"
	"slices"
	"sort"
	"sync"

	"github.com/gymline/gymline/internal/llm"
)

// A book is the exchanges of one model identity: an index of what the bucket
// holds, and what is recorded but not yet there.
type book struct {
	ledger   *Ledger
	identity Identity
	digest   [32]byte
	prefix   string // of its segments' keys

	journal string // its name; "" before its first write. It belongs to who writes.

	reading sync.Mutex      // held while the bucket is read into the index
	ended   map[string]bool // journals that a segment ends; guarded by reading

	mu      sync.Mutex
	known   map[string]bool // keys of the segments that are in the index
	segs    []*segment
	index   map[llm.Key]place
	flights map[llm.Key]*flight // calls under way
	recent  map[llm.Key]recent  // recorded and not yet in a segment
	filling *pending
	full    []*pending // or being written
	closed  bool
}

// A place is where a stored exchange lies: a segment's and a row's number.
type place struct{ seg, row uint32 }

func newBook(l *Ledger, id Identity, digest [32]byte) *book {
	return &book{
		ledger: l, identity: id, digest: digest, prefix: prefixOf(digest), ended: map[string]bool{}, known: map[string]bool{},
		index: map[llm.Key]place{}, recent: map[llm.Key]recent{}, flights: map[llm.Key]*flight{}, filling: &pending{},
	}
}

// A segment is what is kept in memory of a stored one, or of a journal as it was
// when the model was opened.
type segment struct {
	object
	failed []int // rows, ascending
	marks  []mark
	frames []frame // of the answers; none of a journal, which is read whole
}

// A frame is a run of answers that is read alone.
type frame struct {
	row, rows      int
	offset, stored int64
	sum            llm.Key
}

func segmentOf(o object, h *header) *segment {
	s := &segment{object: o, failed: h.Failed, marks: h.marks()}
	if o.journal != "" {
		return s
	}
	f := frame{offset: o.headerSize}
	for i, n := range h.Frames.Rows {
		f.rows, f.stored, f.sum = n, h.Frames.Stored[i], h.Frames.Sums[i]
		s.frames = append(s.frames, f)
		f.row += f.rows
		f.offset += f.stored
	}
	return s
}

// at returns when a row was first written, in microseconds since 1970.
func (s *segment) at(row uint32) int64 {
	i := sort.Search(len(s.marks), func(i int) bool { return s.marks[i].row > int(row) })
	return s.marks[max(i-1, 0)].at
}

func (s *segment) hasFailed(row uint32) bool {
	_, failed := slices.BinarySearch(s.failed, int(row))
	return failed
}

// add puts a segment's or journal's exchanges into the index. One that has no
// exchange which holds is not kept. mu is held.
func (b *book) add(seg *segment, keys keyList) {
	if seg.journal == "" {
		b.known[seg.key] = true
	}
	n, held := uint32(len(b.segs)), false
	b.segs = append(b.segs, seg)
	for row, key := range keys {
		p := place{n, uint32(row)}
		if old, ok := b.index[key]; !ok || b.holds(p, old) {
			b.index[key] = p
			held = true
		}
	}
	if !held {
		b.segs = b.segs[:n]
	}
}

// holds reports whether the exchange at p holds over the one at old with the same
// key; FORMAT.md has the rule. An exchange that is in a journal and in the segment
// that it moved to has the same time in both, and the segment's name is smaller.
func (b *book) holds(p, old place) bool {
	a, c := b.segs[p.seg], b.segs[old.seg]
	if f := a.hasFailed(p.row); f != c.hasFailed(old.row) {
		return !f
	}
	if t, u := a.at(p.row), c.at(old.row); t != u {
		return t < u
	}
	return a.key <= c.key
}

// A found is what there is for a key: an answer that is not yet in a segment, one
// that is stored, or a call under way. With none of them there is nothing.
type found struct {
	line   []byte
	seg    *segment
	row    int
	flight *flight
	leads  bool // the caller is the one who calls: it must land the flight
}

// A flight is a call under way, which others with the same key wait for.
type flight struct {
	done chan struct{}
	resp *llm.Response
	err  error
}

// begin finds a key's answer, or joins the call that is under way for it, or
// leads one. A recorded failure is an answer only to a replay, which never calls.
func (b *book) begin(key llm.Key, replayOnly bool) found {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r, ok := b.recent[key]; ok && !r.failed {
		return found{line: r.line}
	}
	if p, ok := b.index[key]; ok && (replayOnly || !b.segs[p.seg].hasFailed(p.row)) {
		return found{seg: b.segs[p.seg], row: int(p.row)}
	}
	if replayOnly {
		return found{}
	}
	if f, ok := b.flights[key]; ok {
		return found{flight: f}
	}
	f := &flight{done: make(chan struct{})}
	b.flights[key] = f
	return found{flight: f, leads: true}
}

func (b *book) land(key llm.Key, f *flight) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.flights, key)
	close(f.done)
}

// written reports whether the bucket holds a response for every key, or a failure
// that was first written at since or later, in microseconds since 1970.
func (b *book) written(keys []llm.Key, since int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, k := range keys {
		p, ok := b.index[k]
		if !ok {
			return false
		}
		if s := b.segs[p.seg]; s.hasFailed(p.row) && s.at(p.row) < since {
			return false
		}
	}
	return true
}

// answered reports whether the bucket holds a response.
func (b *book) answered() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.index {
		if !b.segs[p.seg].hasFailed(p.row) {
			return true
		}
	}
	return false
}

// read returns a stored answer.
func (b *book) read(ctx context.Context, key llm.Key, f found) ([]byte, error) {
	if f.seg.journal != "" {
		return b.readMoving(ctx, key, f)
	}
	n := sort.Search(len(f.seg.frames), func(i int) bool { return f.seg.frames[i].row > f.row }) - 1
	fr := f.seg.frames[n]
	p, err := b.ledger.cache.get(pageKey{f.seg, n}, func() (p page, err error) {
		data, err := b.readRange(ctx, f.seg.key, fr.offset, fr.stored)
		if err == nil {
			p.lines, err = decodeFrame(b.ledger.zr, f.seg.key, fr.rows, fr.sum, data)
		}
		return p, err
	})
	if err != nil {
		return nil, err
	}
	return p.lines[f.row-fr.row], nil
}

// readMoving returns an answer that was in a journal. A living process may have
// moved it to a segment since, and written the journal over.
func (b *book) readMoving(ctx context.Context, key llm.Key, f found) ([]byte, error) {
	p, err := b.ledger.cache.get(pageKey{f.seg, 0}, func() (p page, err error) {
		o := f.seg.object
		h, lines, err := b.readJournal(ctx, &o)
		if err != nil {
			return p, err
		}
		return page{h.Keys, lines}, nil
	})
	if err != nil {
		return nil, err
	}
	if f.row < len(p.keys) && p.keys[f.row] == key {
		return p.lines[f.row], nil
	}
	b.reading.Lock()
	defer b.reading.Unlock()
	now := b.begin(key, true)
	if now.seg == f.seg { // else somebody else has found it
		if _, err := b.readSegments(ctx); err != nil {
			return nil, err
		}
		now = b.begin(key, true)
	}
	switch {
	case now.line != nil: // asked anew meanwhile
		return now.line, nil
	case now.seg.journal != "":
		return nil, damaged(f.seg.key, "it was written over, and no segment has exchange "+key.String(), nil)
	}
	return b.read(ctx, key, now)
}
