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
	known   map[string]bool       // keys of the segments that are in the index
	levels  map[string][]*segment // by journal, as they were read
	segs    []*segment
	index   map[llm.Key]place
	flights map[llm.Key]*flight // calls under way
	recent  map[llm.Key]recent  // recorded and not yet in a segment
	open    *draft              // being filled
	sealed  []*draft            // full, or being written
	closed  bool
}

// A place is where a stored exchange lies: a segment's and a row's number.
type place struct{ seg, row uint32 }

func newBook(l *Ledger, id Identity, digest [32]byte) *book {
	return &book{
		ledger: l, identity: id, digest: digest, prefix: prefixOf(digest),
		ended: map[string]bool{}, known: map[string]bool{}, levels: map[string][]*segment{},
		index: map[llm.Key]place{}, recent: map[llm.Key]recent{}, flights: map[llm.Key]*flight{}, open: &draft{},
	}
}

// A segment is what is kept in memory of a stored one, or of a journal's level
// as it was when it was read.
type segment struct {
	object
	failed []int // rows, ascending
	marks  []mark
	frames []frame // of the answers; nil in format 1
	bytes  int64   // of requests, decoded
	moved  bool    // a level whose exchanges are looked for anew; guarded by the book's mu
}

// A frame is a run of answers that is read alone.
type frame struct {
	row, rows      int
	offset, stored int64
	sum            llm.Key
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

// add puts a segment's exchanges into the index. One of which none holds is not
// kept: superfluous levels are many.
func (b *book) add(seg *segment, keys keyList) {
	n, held := uint32(len(b.segs)), false
	b.segs = append(b.segs, seg)
	for row, key := range keys {
		p := place{n, uint32(row)}
		if old, ok := b.index[key]; !ok || b.holds(p, old) {
			b.index[key] = p
			held = true
		}
	}
	switch {
	case !held:
		b.segs = b.segs[:n]
	case seg.journal != "":
		b.levels[seg.journal] = append(b.levels[seg.journal], seg)
	}
	if seg.journal == "" {
		b.known[seg.key] = true
	}
}

// holds reports whether the exchange at p holds over the one at old with the same
// key; FORMAT.md has the rule. Where they are the same one, it stays for longest in
// a segment, then in the highest level.
func (b *book) holds(p, old place) bool {
	a, c := b.segs[p.seg], b.segs[old.seg]
	if c.moved {
		return true
	}
	if f := a.hasFailed(p.row); f != c.hasFailed(old.row) {
		return !f
	}
	if t, u := a.at(p.row), c.at(old.row); t != u {
		return t < u
	}
	switch {
	case a.journal == "" && c.journal == "":
		return a.digest <= c.digest
	case a.journal == c.journal:
		return a.level >= c.level
	}
	return a.journal < c.journal // "" for a segment
}

// begin finds a key's recorded answer, written or not, or joins the call that
// is under way for it. With none, the caller leads: it must call and land.
//
// A recorded failure is an answer only to a replay.
func (b *book) begin(key llm.Key, replayOnly bool) (line []byte, seg *segment, row int, f *flight, leader bool) {
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

func (b *book) land(key llm.Key, f *flight) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.flights, key)
	close(f.done)
}

// read returns the answer in a row of a stored segment.
func (b *book) read(ctx context.Context, seg *segment, row int) ([]byte, error) {
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
			h, err := s.header(seg.object)
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
