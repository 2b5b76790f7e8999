package ledger

import (
	"bytes"
	"context"
	"fmt"
	"slices"
)

// A draft is a segment being filled.
type draft struct {
	keys     keyList
	failed   []int
	answers  bytes.Buffer
	requests bytes.Buffer
}

// A recent exchange lies in a draft.
type recent struct {
	line   []byte
	failed bool
	draft  *draft
}

// createdLayout has a fixed width, so that times sort as text.
const createdLayout = "2006-01-02T15:04:05.000000Z"

// record adds an exchange to the open draft, and returns how many full drafts
// wait to be written.
func (b *book) record(key Key, request, line []byte, failed bool) (waiting int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, errClosed
	}
	_, written := b.index[key]
	_, drafted := b.recent[key]
	if failed && (written || drafted) {
		return 0, nil // the same failure again
	}
	d := b.open
	if failed {
		d.failed = append(d.failed, len(d.keys))
	}
	d.keys = append(d.keys, key)
	d.answers.Write(line)
	d.answers.WriteByte('\n')
	d.requests.Write(request)
	d.requests.WriteByte('\n')
	b.recent[key] = recent{line, failed, d}
	if d.answers.Len()+d.requests.Len() >= b.ledger.opt.SegmentBytes {
		b.seal()
	}
	return len(b.sealed), nil
}

func (b *book) seal() {
	if len(b.open.keys) > 0 {
		b.sealed, b.open = append(b.sealed, b.open), &draft{}
	}
}

func (b *book) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
}

// flush writes every draft that holds anything. What could not be written stays
// for the next time. One flush runs at a time.
func (b *book) flush(ctx context.Context) error {
	b.mu.Lock()
	b.seal()
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
	h := header{Created: b.ledger.opt.Now().UTC().Format(createdLayout), Model: b.identity, Keys: d.keys, Failed: d.failed}
	digest, data, err := encodeSegment(b.ledger.zw, h, d.answers.Bytes(), d.requests.Bytes())
	if err != nil {
		return err
	}
	if err := b.ledger.opt.Bucket.Put(ctx, b.objectKey(digest), bytes.NewReader(data), int64(len(data))); err != nil {
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
	b.add(&segment{digest: digest}, &h)
	return nil
}
