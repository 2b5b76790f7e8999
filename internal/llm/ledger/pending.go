package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/store"
)

// A pending segment is being filled, or full and not yet written. It only grows, so
// that what it holds can be written while more comes.
type pending struct {
	keys     keyList
	failed   []int
	answers  []byte
	requests []byte
	marks    []mark // when its exchanges were first written, or tried to be
	marked   int    // how many have a mark
	written  int    // how many the journal holds
	last     bool   // of its process
}

// A recent exchange lies in a pending segment.
type recent struct {
	line   []byte
	failed bool
	in     *pending
}

// record adds an exchange to the segment being filled, and reports whether full
// ones wait to be written.
func (b *book) record(key llm.Key, request, line []byte, failed bool) (full bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false, errClosed
	}
	_, written := b.index[key]
	_, recorded := b.recent[key]
	if failed && (written || recorded) {
		return false, nil // the same failure again
	}
	p := b.filling
	if failed {
		p.failed = append(p.failed, len(p.keys))
	}
	p.keys = append(p.keys, key)
	p.answers = append(append(p.answers, line...), '\n')
	p.requests = append(append(p.requests, request...), '\n')
	b.recent[key] = recent{line, failed, p}
	if len(p.answers)+len(p.requests) >= b.ledger.opt.SegmentBytes {
		b.startNext()
	}
	return len(b.full) > 0, nil
}

// startNext puts what is being filled, if it holds anything, with the full ones. mu
// is held.
func (b *book) startNext() {
	if len(b.filling.keys) > 0 {
		full := b.filling
		b.full = append(b.full, full)
		// The next will be as large, and need not grow.
		b.filling = &pending{answers: make([]byte, 0, len(full.answers)), requests: make([]byte, 0, len(full.requests))}
	}
}

// waiting returns how many full segments are not yet written.
func (b *book) waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.full)
}

// unwritten returns how many recorded exchanges are neither in a segment nor in
// the journal.
func (b *book) unwritten() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range append(slices.Clone(b.full), b.filling) {
		n += len(p.keys) - p.written
	}
	return n
}

// finish writes everything, and ends the journal. Later records fail.
func (b *book) finish(ctx context.Context) error {
	b.mu.Lock()
	b.closed = true
	b.startNext()
	if n := len(b.full); n > 0 {
		b.full[n-1].last = true
	}
	b.mu.Unlock()
	return b.drain(ctx)
}

// flush writes everything: what is full as segments, and what else there is to
// the journal. What could not be written stays for the next time.
func (b *book) flush(ctx context.Context) error {
	if err := b.drain(ctx); err != nil {
		return err
	}
	return b.writeJournal(ctx)
}

// drain writes the full segments. One of drain, flush and finish runs at a time.
func (b *book) drain(ctx context.Context) error {
	b.mu.Lock()
	todo := slices.Clone(b.full)
	b.mu.Unlock()
	for _, p := range todo {
		if err := b.write(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// write stores a full segment and moves its exchanges into the index. Its key
// is a digest, so writers side by side cannot collide.
func (b *book) write(ctx context.Context, p *pending) error {
	h, e, err := b.encode(p)
	if err != nil {
		return err
	}
	o := object{key: segmentKey(b.prefix, e.digest, e.headerSize), digest: e.digest, headerSize: e.headerSize}
	if err := b.ledger.opt.Bucket.Put(ctx, o.key, bytes.NewReader(e.data), int64(len(e.data))); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.full = slices.DeleteFunc(b.full, func(s *pending) bool { return s == p })
	for _, k := range p.keys {
		if b.recent[k].in == p {
			delete(b.recent, k)
		}
	}
	b.add(segmentOf(o, h), h.Keys)
	return nil
}

// writeJournal writes the segment being filled over what the journal held, if it
// has more.
func (b *book) writeJournal(ctx context.Context) error {
	b.mu.Lock()
	p := b.filling
	n := len(p.keys)
	b.mu.Unlock()
	if n == p.written {
		return nil
	}
	h, e, err := b.encode(p)
	if err != nil {
		return err
	}
	if err := b.putJournal(ctx, e.digest, e.asJournal(b.ledger.zw)); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p.written = len(h.Keys)
	return nil
}

// putJournal writes the journal; the first write of all finds it a name that no
// other process has.
func (b *book) putJournal(ctx context.Context, digest string, data []byte) error {
	bucket := b.ledger.opt.Bucket
	for name := digest; b.journal == ""; name = string(store.DigestOf([]byte(name))) {
		err := bucket.Create(ctx, journalKey(b.prefix, name), data)
		if err == nil {
			b.journal = name
			return nil
		}
		if !errors.Is(err, store.ErrExists) {
			return err
		}
	}
	return bucket.Put(ctx, journalKey(b.prefix, b.journal), bytes.NewReader(data), int64(len(data)))
}

// encode encodes a pending segment as it is now.
func (b *book) encode(p *pending) (*header, encoded, error) {
	b.mu.Lock()
	p.mark(b.ledger.opt.Now())
	now := *p
	b.mu.Unlock()
	h := &header{Model: b.identity, Keys: now.keys, Failed: now.failed}
	h.setMarks(now.marks)
	if now.last {
		h.Journal = b.journal
	}
	e, err := encodeSegment(b.ledger.zw, h, now.answers, now.requests)
	return h, e, err
}

// mark gives those exchanges a time that have none. They keep it, even if they could
// not be written now, so that it is the same in the journal and in the segment.
func (p *pending) mark(now time.Time) {
	if p.marked < len(p.keys) {
		p.marks = append(p.marks, mark{p.marked, now.UnixMicro()})
		p.marked = len(p.keys)
	}
}
