package ledger

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"
)

// parallel is how many objects are read at once.
const parallel = 32

// openBook reads the index of an identity: the header of every segment, and the
// journals that no segment ends. It lists again until there is no level that it
// has not read, for exchanges may have moved on while it read.
func openBook(ctx context.Context, l *Ledger, id Identity, digest [32]byte) (*book, error) {
	b := &book{
		ledger: l, identity: id, digest: digest, prefix: prefixOf(digest),
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
