package ledger

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/store"
)

// openBook reads the index of an identity.
func openBook(ctx context.Context, l *Ledger, id Identity, digest [32]byte) (*book, error) {
	b := newBook(l, id, digest)
	b.reading.Lock()
	defer b.reading.Unlock()
	journals, err := b.readSegments(ctx)
	if err != nil {
		return nil, err
	}
	headers := make([]*header, len(journals))
	if err := store.SideBySide(ctx, len(journals), func(i int) (err error) {
		headers[i], _, err = b.readJournal(ctx, &journals[i])
		return err
	}); err != nil {
		return nil, err
	}
	b.mu.Lock()
	for i, o := range journals {
		b.add(segmentOf(o, headers[i]), headers[i].Keys)
	}
	b.mu.Unlock()
	if len(journals) > 0 { // what moved on from a journal before that was read
		if _, err := b.readSegments(ctx); err != nil {
			return nil, err
		}
	}
	l.opt.Log.Debug("ledger: opened", "model", id.Model, "segments", len(b.known), "journals", len(journals), "exchanges", len(b.index))
	return b, nil
}

// readSegments adds the segments that are not yet known, and returns the journals
// that none of them ends. reading is held.
func (b *book) readSegments(ctx context.Context) (journals []object, err error) {
	var found []object
	for key, err := range b.ledger.opt.Bucket.List(ctx, b.prefix) {
		if err != nil {
			return nil, fmt.Errorf("ledger: %w", err)
		}
		o, ok := parseKey(b.prefix, key)
		switch {
		case !ok:
		case o.journal != "":
			journals = append(journals, o)
		default:
			found = append(found, o)
		}
	}
	b.mu.Lock()
	found = slices.DeleteFunc(found, func(o object) bool { return b.known[o.key] })
	b.mu.Unlock()
	headers := make([]*header, len(found))
	if err := store.SideBySide(ctx, len(found), func(i int) (err error) {
		headers[i], err = b.readHeader(ctx, found[i])
		return err
	}); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.index) == 0 { // room for all at once
		n := 0
		for _, h := range headers {
			n += len(h.Keys)
		}
		b.index = make(map[llm.Key]place, n)
	}
	for i, o := range found {
		b.ended[headers[i].Journal] = true
		b.add(segmentOf(o, headers[i]), headers[i].Keys)
		headers[i] = nil
	}
	return slices.DeleteFunc(journals, func(o object) bool { return b.ended[o.journal] }), nil
}

// readHeader reads a segment's header.
func (b *book) readHeader(ctx context.Context, o object) (*header, error) {
	if o.headerSize == 0 {
		return nil, unreleased(o.key)
	}
	data, err := b.readRange(ctx, o.key, 0, o.headerSize)
	if err != nil {
		return nil, err
	}
	line, err := b.ledger.zr.DecodeAll(data, nil)
	if err != nil {
		return nil, damaged(o.key, "truncated or altered", err)
	}
	return parseHeader(o.key, o.digest, line)
}

// readJournal reads the header and answers of a journal as it is now.
func (b *book) readJournal(ctx context.Context, o *object) (h *header, answers [][]byte, err error) {
	err = b.withObject(ctx, o.key, func(r *reader) error {
		if h, err = r.header(o); err == nil {
			answers, err = r.answers(h)
		}
		return err
	})
	return h, answers, err
}

// readRange reads a part of an object that must be there.
func (b *book) readRange(ctx context.Context, key string, offset, length int64) ([]byte, error) {
	body, err := b.ledger.opt.Bucket.GetRange(ctx, key, offset, length)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	defer body.Close()
	data, err := io.ReadAll(body) // to its end, so that the connection can be used again
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	if int64(len(data)) != length {
		return nil, damaged(key, "truncated", nil)
	}
	return data, nil
}

func (b *book) withObject(ctx context.Context, key string, fn func(*reader) error) error {
	body, err := b.ledger.opt.Bucket.Get(ctx, key)
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	defer body.Close()
	r := newReader(key, body)
	defer r.close()
	return fn(r)
}
