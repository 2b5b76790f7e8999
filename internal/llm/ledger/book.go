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

	mu      sync.Mutex
	segs    []*segment
	index   map[Key]place
	flights map[Key]*flight // calls under way
	recent  map[Key]recent  // recorded and not yet in a segment
	open    *draft          // being filled
	sealed  []*draft        // full, or being written
	closed  bool
}

// A place is where a stored exchange lies: a segment's and a row's number.
type place struct{ seg, row uint32 }

// A segment is what is kept in memory of a stored one, or of a journal's level.
type segment struct {
	object
	failed []int // rows, ascending
	marks  []mark
	frames []frame  // of the answers; nil in format 1
	lines  [][]byte // the answers, of a journal
	bytes  int64    // of requests, decoded
}

// A frame is a run of answers that is read alone.
type frame struct {
	row, rows      int
	offset, stored int64
	sum            Key
}

func segmentOf(o object, h *header) *segment {
	s := &segment{object: o, failed: h.Failed, marks: h.marks(), bytes: h.Requests.Bytes}
	if h.Frames == nil || o.head == 0 {
		return s
	}
	f := frame{offset: o.head}
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

// A flight is a call under way, which others with the same key wait for.
type flight struct {
	done chan struct{}
	resp *llm.Response
	err  error
}

// add puts a segment's exchanges into the index.
func (b *book) add(seg *segment, keys keyList) {
	n := uint32(len(b.segs))
	b.segs = append(b.segs, seg)
	for row, key := range keys {
		p := place{n, uint32(row)}
		if old, ok := b.index[key]; !ok || b.holds(p, old) {
			b.index[key] = p
		}
	}
}

// holds reports whether the exchange at p holds over the one at old with the same
// key; FORMAT.md has the rule. A segment stands in for a journal of its own.
func (b *book) holds(p, old place) bool {
	a, c := b.segs[p.seg], b.segs[old.seg]
	if f := a.hasFailed(p.row); f != c.hasFailed(old.row) {
		return !f
	}
	if t, u := a.at(p.row), c.at(old.row); t != u {
		return t < u
	}
	if a.lines != nil || c.lines != nil {
		return a.lines == nil
	}
	return a.digest <= c.digest
}

// begin finds a key's recorded answer, written or not, or joins the call that
// is under way for it. With none, the caller leads: it must call and land.
//
// A recorded failure is an answer only to a replay.
func (b *book) begin(key Key, replayOnly bool) (line []byte, seg *segment, row int, f *flight, leader bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r, ok := b.recent[key]; ok && !r.failed {
		return r.line, nil, 0, nil, false
	}
	if p, ok := b.index[key]; ok && (replayOnly || !b.segs[p.seg].hasFailed(p.row)) {
		return nil, b.segs[p.seg], int(p.row), nil, false
	}
	if replayOnly {
		return nil, nil, 0, nil, false
	}
	if f, ok := b.flights[key]; ok {
		return nil, nil, 0, f, false
	}
	f = &flight{done: make(chan struct{})}
	b.flights[key] = f
	return nil, nil, 0, f, true
}

// written reports whether the bucket holds an exchange of every key.
func (b *book) written(keys []Key) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, k := range keys {
		if _, ok := b.index[k]; !ok {
			return false
		}
	}
	return true
}

func (b *book) land(key Key, f *flight) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.flights, key)
	close(f.done)
}

// read returns the answer in a row of a stored segment.
func (b *book) read(ctx context.Context, seg *segment, row int) ([]byte, error) {
	if seg.lines != nil {
		return seg.lines[row], nil
	}
	n := sort.Search(len(seg.frames), func(i int) bool { return seg.frames[i].row > row }) - 1
	lines, err := b.ledger.cache.get(frameKey{seg, n}, func() ([][]byte, error) { return b.readAnswers(ctx, seg, n) })
	if err != nil {
		return nil, err
	}
	if n >= 0 {
		row -= seg.frames[n].row
	}
	return lines[row], nil
}

// readAnswers reads a frame of a segment, or all of one of format 1.
func (b *book) readAnswers(ctx context.Context, seg *segment, n int) (lines [][]byte, err error) {
	if seg.frames == nil {
		err = b.withObject(ctx, seg.key, func(s *segmentReader) error {
			h, err := s.header(seg.digest)
			if err != nil {
				return err
			}
			lines, err = s.answers(h)
			return err
		})
		return lines, err
	}
	f := seg.frames[n]
	data, err := b.readRange(ctx, seg.key, f.offset, f.stored)
	if err != nil {
		return nil, err
	}
	return decodeFrame(b.ledger.zr, seg.key, f, data)
}
