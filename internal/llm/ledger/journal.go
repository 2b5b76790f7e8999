package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gymline/gymline/internal/store"
)

// journalBase is how many writes of a journal's level make one of the next; see
// FORMAT.md.
const journalBase = 8

// writeJournal writes what the open draft holds more than at the last time.
func (b *book) writeJournal(ctx context.Context) error {
	b.mu.Lock()
	d := b.open
	now := *d // as it is now: it only grows
	b.mu.Unlock()
	to := b.ledger.cut(&now)
	var before cut
	if n := len(d.cuts); n > 0 {
		before = d.cuts[n-1]
	}
	if to.rows == before.rows {
		return nil
	}
	n, level, span := len(d.cuts)+1, 0, journalBase
	for n%span == 0 {
		level, span = level+1, span*journalBase
	}
	var from cut // where a higher level ends
	if n > span {
		from = d.cuts[n-n%span-1]
	}
	h := b.headerOf(&now, from, to)
	e, err := encodeSegment(b.ledger.zw, h, now.answers[from.answers:to.answers], now.requests[from.requests:to.requests])
	if err != nil {
		return err
	}
	first, err := json.Marshal(levelLine{e.digest})
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	data := append(b.ledger.zw.EncodeAll(append(first, '\n'), nil), e.data...)
	if err := b.putLevel(ctx, level, e.digest, data); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	d.cuts = append(d.cuts, to)
	return nil
}

// putLevel writes a level in place of what it was; the first write of all finds
// the journal a name that no other process has.
func (b *book) putLevel(ctx context.Context, level int, digest string, data []byte) error {
	bucket := b.ledger.opt.Bucket
	for name := digest; b.journal == ""; name = string(store.DigestOf([]byte(name))) {
		err := bucket.Create(ctx, levelKey(b.prefix, name, level), data)
		if err == nil {
			b.journal = name
			return nil
		}
		if !errors.Is(err, store.ErrExists) {
			return err
		}
	}
	return bucket.Put(ctx, levelKey(b.prefix, b.journal, level), bytes.NewReader(data), int64(len(data)))
}

// readLevel reads a level of a journal, with its answers: it may be written over
// at any moment.
func (b *book) readLevel(ctx context.Context, o object) (seg *segment, keys keyList, err error) {
	err = b.withObject(ctx, o.key, func(s *segmentReader) error {
		h, digest, err := s.levelHeader()
		if err != nil {
			return err
		}
		o.digest = digest
		seg, keys = segmentOf(o, h), h.Keys
		seg.lines, err = s.answers(h)
		return err
	})
	return seg, keys, err
}
