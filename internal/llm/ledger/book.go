package ledger

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"sort"
	"sync"

	"golang.org/x/sync/errgroup"

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

// parallel is how many objects are read at once.
const parallel = 32

// openBook reads the index of an identity: the header of every segment, and the
// journals that no segment ends. It lists again until there is no level that it
// has not read, for exchanges may have moved on while it read.
func openBook(ctx context.Context, l *Ledger, id Identity, digest [32]byte) (*book, error) {
	b := &book{
		ledger: l, identity: id, digest: digest, prefix: "ledger/" + hex.EncodeToString(digest[:]) + "/",
		index: map[Key]place{}, recent: map[Key]recent{}, flights: map[Key]*flight{}, open: &draft{},
	}
	known, ended := map[string]bool{}, map[string]bool{}
	var read []level
	for {
		levels, err := b.readSegments(ctx, known, ended)
		if err != nil {
			return nil, err
		}
		journals := map[string][]object{}
		for _, o := range levels {
			if !known[o.key] && !ended[o.journal] {
				known[o.key] = true
				journals[o.journal] = append(journals[o.journal], o)
			}
		}
		if len(journals) == 0 {
			break
		}
		var work [][]object
		for _, name := range slices.Sorted(maps.Keys(journals)) {
			work = append(work, journals[name])
		}
		more, err := b.readJournals(ctx, work)
		if err != nil {
			return nil, err
		}
		read = append(read, more...)
	}
	for _, r := range read {
		b.add(r.segment, r.keys)
	}
	l.opt.Log.Debug("ledger: opened", "model", id.Model, "segments", len(b.segs)-len(read), "levels", len(read), "exchanges", len(b.index))
	return b, nil
}

// readSegments adds the segments that are not yet known, and returns the levels
// of journals that lie beside them.
func (b *book) readSegments(ctx context.Context, known, ended map[string]bool) (levels []object, err error) {
	var found []object
	for key, err := range b.ledger.opt.Bucket.List(ctx, b.prefix) {
		if err != nil {
			return nil, fmt.Errorf("ledger: %w", err)
		}
		if o, ok := parseKey(b.prefix, key); ok && o.journal != "" {
			levels = append(levels, o)
		} else if ok && !known[key] {
			known[key] = true
			found = append(found, o)
		}
	}
	headers := make([]*header, len(found))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i, o := range found {
		g.Go(func() (err error) {
			headers[i], err = b.readHeader(gctx, o)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if len(b.index) == 0 { // room for all at once
		n := 0
		for _, h := range headers {
			n += len(h.Keys)
		}
		b.index = make(map[Key]place, n)
	}
	for i, o := range found {
		ended[headers[i].Journal] = true
		b.add(segmentOf(o, headers[i]), headers[i].Keys)
		headers[i] = nil
	}
	return levels, nil
}

// A level is a journal's level as it was read.
type level struct {
	*segment
	keys keyList
}

// readJournals reads the levels of journals, each from its lowest up: that way
// exchanges move.
func (b *book) readJournals(ctx context.Context, journals [][]object) ([]level, error) {
	read := make([][]level, len(journals))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i, levels := range journals {
		g.Go(func() error {
			slices.SortFunc(levels, func(a, b object) int { return a.level - b.level })
			for _, o := range levels {
				seg, keys, err := b.readLevel(gctx, o)
				if err != nil {
					return err
				}
				read[i] = append(read[i], level{seg, keys})
			}
			return nil
		})
	}
	err := g.Wait()
	return slices.Concat(read...), err
}

func (b *book) readHeader(ctx context.Context, o object) (h *header, err error) {
	if o.head == 0 {
		err = b.withObject(ctx, o.key, func(s *segmentReader) error {
			h, err = s.header(o.digest)
			return err
		})
		return h, err
	}
	data, err := b.readRange(ctx, o.key, 0, o.head)
	if err != nil {
		return nil, err
	}
	return decodeHeader(b.ledger.zr, o.key, o.digest, data)
}

// readRange reads a part of an object that must be there.
func (b *book) readRange(ctx context.Context, key string, offset, length int64) ([]byte, error) {
	body, err := b.ledger.opt.Bucket.GetRange(ctx, key, offset, length)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	defer body.Close()
	data, err := io.ReadAll(io.LimitReader(body, length)) // not make: length may be a damaged one
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	if int64(len(data)) < length {
		return nil, damaged(key, "truncated", nil)
	}
	// To its end, so that the connection can be used again.
	_, err = io.Copy(io.Discard, body)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	return data, nil
}

func (b *book) withObject(ctx context.Context, key string, fn func(*segmentReader) error) error {
	body, err := b.ledger.opt.Bucket.Get(ctx, key)
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	defer body.Close()
	s, err := openSegment(key, body)
	if err != nil {
		return err
	}
	defer s.close()
	return fn(s)
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
