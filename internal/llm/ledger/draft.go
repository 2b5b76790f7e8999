package ledger

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/gymline/gymline/internal/llm"
)

// A draft is a segment being filled. It only grows, so that what it holds can be
// written while more comes.
type draft struct {
	keys     keyList
	failed   []int
	answers  []byte
	requests []byte
	last     bool // of its process
	// cuts are its writes to the journal. They belong to who writes the book.
	cuts []cut
}

// A cut is where a draft ended when it was written to the journal, and when.
type cut struct {
	rows, answers, requests int
	at                      int64 // microseconds since 1970
}

// A recent exchange lies in a draft.
type recent struct {
	line   []byte
	failed bool
	draft  *draft
}

// record adds an exchange to the open draft, and reports whether full ones wait
// to be written.
func (b *book) record(key llm.Key, request, line []byte, failed bool) (full bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false, errClosed
	}
	_, written := b.index[key]
	_, drafted := b.recent[key]
	if failed && (written || drafted) {
		return false, nil // the same failure again
	}
	d := b.open
	if failed {
		d.failed = append(d.failed, len(d.keys))
	}
	d.keys = append(d.keys, key)
	d.answers = append(append(d.answers, line...), '\n')
	d.requests = append(append(d.requests, request...), '\n')
	b.recent[key] = recent{line, failed, d}
	if len(d.answers)+len(d.requests) >= b.ledger.opt.SegmentBytes {
		b.seal()
	}
	return len(b.sealed) > 0, nil
}

func (b *book) seal() {
	if len(b.open.keys) > 0 {
		full := b.open
		b.sealed = append(b.sealed, full)
		// The next will be as large, and need not grow.
		b.open = &draft{answers: make([]byte, 0, len(full.answers)), requests: make([]byte, 0, len(full.requests))}
	}
}

// waiting returns how many full drafts are not yet written.
func (b *book) waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.sealed)
}

// unwritten returns how many recorded exchanges are neither in a segment nor in
// the journal.
func (b *book) unwritten() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, d := range append(slices.Clone(b.sealed), b.open) {
		n += len(d.keys)
		if len(d.cuts) > 0 {
			n -= d.cuts[len(d.cuts)-1].rows
		}
	}
	return n
}

// finish writes everything, and ends the journal. Later records fail.
func (b *book) finish(ctx context.Context) error {
	b.mu.Lock()
	b.closed = true
	b.seal()
	if n := len(b.sealed); n > 0 {
		b.sealed[n-1].last = true
	}
	b.mu.Unlock()
	return b.drain(ctx)
}

// flush writes everything: full drafts as segments, and what else there is to
// the journal. What could not be written stays for the next time.
func (b *book) flush(ctx context.Context) error {
	if err := b.drain(ctx); err != nil {
		return err
	}
	return b.writeJournal(ctx)
}

// drain writes the full drafts. One of drain, flush and finish runs at a time.
func (b *book) drain(ctx context.Context) error {
	b.mu.Lock()
	todo := slices.Clone(b.sealed)
	b.mu.Unlock()
	for _, d := range todo {
		if err := b.write(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// write stores a sealed draft and moves its exchanges into the index. Its key
// is a digest, so writers side by side cannot collide.
func (b *book) write(ctx context.Context, d *draft) error {
	h := b.headerOf(d, cut{}, b.ledger.cut(d))
	if d.last {
		h.Journal = b.journal
	}
	e, err := encodeSegment(b.ledger.zw, h, d.answers, d.requests)
	if err != nil {
		return err
	}
	o := object{key: segmentKey(b.prefix, e.digest, e.head), digest: e.digest, head: e.head}
	if err := b.ledger.opt.Bucket.Put(ctx, o.key, bytes.NewReader(e.data), int64(len(e.data))); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sealed = slices.DeleteFunc(b.sealed, func(s *draft) bool { return s == d })
	for _, k := range d.keys {
		if b.recent[k].draft == d {
			delete(b.recent, k)
		}
	}
	b.add(segmentOf(o, h), h.Keys)
	return nil
}

// cut returns where a draft ends now. What holds its lock or has it sealed calls.
func (l *Ledger) cut(d *draft) cut {
	return cut{len(d.keys), len(d.answers), len(d.requests), l.opt.Now().UnixMicro()}
}

// headerOf returns the header of a draft's exchanges between two cuts.
func (b *book) headerOf(d *draft, from, to cut) *header {
	h := &header{Model: b.identity, Keys: d.keys[from.rows:to.rows]}
	for _, n := range d.failed {
		if n >= from.rows && n < to.rows {
			h.Failed = append(h.Failed, n-from.rows)
		}
	}
	marks := []mark{}
	row := from.rows
	for _, c := range append(slices.Clone(d.cuts), to) {
		if c.rows > row {
			marks = append(marks, mark{row - from.rows, c.at})
			row = c.rows
		}
	}
	h.setMarks(marks)
	return h
}
