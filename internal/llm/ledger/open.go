package ledger

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/gymline/gymline/internal/llm"
)

// parallel is how many objects are read at once.
const parallel = 32

// openBook reads the index of an identity.
func openBook(ctx context.Context, l *Ledger, id Identity, digest [32]byte) (*book, error) {
	b := newBook(l, id, digest)
	if err := b.catchUp(ctx, ""); err != nil {
		return nil, err
	}
	l.opt.Log.Debug("ledger: opened", "model", id.Model, "segments", len(b.known), "journals", len(b.levels), "exchanges", len(b.index))
	return b, nil
}

// catchUp reads into the index the header of every segment that is not in it, and
// of every level of the journals that no segment ends, or of one journal's only. It
// lists again until there is no level that it has not read, for exchanges may have
// moved on while it read.
func (b *book) catchUp(ctx context.Context, journal string) error {
	read := map[string]bool{}
	for {
		levels, err := b.readSegments(ctx)
		if err != nil {
			return err
		}
		journals := map[string][]object{}
		for _, o := range levels {
			if !read[o.key] && !b.ended[o.journal] && (journal == "" || journal == o.journal) {
				read[o.key] = true
				journals[o.journal] = append(journals[o.journal], o)
			}
		}
		if len(journals) == 0 {
			return nil
		}
		var work [][]object
		for _, name := range slices.Sorted(maps.Keys(journals)) {
			work = append(work, journals[name])
		}
		if err := b.readJournals(ctx, work); err != nil {
			return err
		}
	}
}

// readSegments adds the segments that are not yet known, and returns the levels
// of journals that lie beside them.
func (b *book) readSegments(ctx context.Context) (levels []object, err error) {
	var found []object
	for key, err := range b.ledger.opt.Bucket.List(ctx, b.prefix) {
		if err != nil {
			return nil, fmt.Errorf("ledger: %w", err)
		}
		if o, ok := parseKey(b.prefix, key); ok && o.journal != "" {
			levels = append(levels, o)
		} else if ok {
			found = append(found, o)
		}
	}
	b.mu.Lock()
	found = slices.DeleteFunc(found, func(o object) bool { return b.known[o.key] })
	b.mu.Unlock()
	headers := make([]*header, len(found))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i := range found {
		g.Go(func() (err error) {
			headers[i], err = b.readHeader(gctx, &found[i])
			return err
		})
	}
	if err := g.Wait(); err != nil {
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
	return levels, nil
}

// readJournals adds the levels of journals, each read from its lowest up: that way
// exchanges move.
func (b *book) readJournals(ctx context.Context, journals [][]object) error {
	headers := make([][]*header, len(journals))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i, levels := range journals {
		slices.SortFunc(levels, func(a, b object) int { return a.level - b.level })
		g.Go(func() error {
			for n := range levels {
				h, err := b.readHeader(gctx, &levels[n])
				if err != nil {
					return err
				}
				headers[i] = append(headers[i], h)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, levels := range journals {
		for n, o := range slices.Backward(levels) { // the lower ones are often superfluous
			b.add(segmentOf(o, headers[i][n]), headers[i][n].Keys)
		}
	}
	return nil
}

// readHeader reads a segment's header, or that of a level as it is now.
func (b *book) readHeader(ctx context.Context, o *object) (h *header, err error) {
	switch {
	case o.journal != "":
		return b.readLevel(ctx, o)
	case o.head == 0:
		err = b.withObject(ctx, o.key, func(s *segmentReader) error {
			h, err = s.header(*o)
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
