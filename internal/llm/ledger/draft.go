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

// A draft is a segment being filled. It only grows, so that what it holds can be
// written while more comes.
type draft struct {
	keys     keyList
	failed   []int
	answers  []byte
	requests []byte
	marks    []mark // when its exchanges were first written, or tried to be
	marked   int    // how many have a mark
	written  int    // how many the journal holds
	last     bool   // of its process
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
		n += len(d.keys) - d.written
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
	h, e, err := b.encode(d)
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

// writeJournal writes the open draft over what the journal held, if it has more.
func (b *book) writeJournal(ctx context.Context) error {
	b.mu.Lock()
	d := b.open
	n := len(d.keys)
	b.mu.Unlock()
	if n == d.written {
		return nil
	}
	h, e, err := b.encode(d)
	if err != nil {
		return err
	}
	if err := b.putJournal(ctx, e.digest, e.asJournal(b.ledger.zw)); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	d.written = len(h.Keys)
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

// encode encodes a draft as it is now.
func (b *book) encode(d *draft) (*header, encoded, error) {
	b.mu.Lock()
	d.mark(b.ledger.opt.Now())
	now := *d
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
func (d *draft) mark(now time.Time) {
	if d.marked < len(d.keys) {
		d.marks = append(d.marks, mark{d.marked, now.UnixMicro()})
		d.marked = len(d.keys)
	}
}
