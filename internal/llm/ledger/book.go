package ledger

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
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

	mu      sync.Mutex
	index   map[Key]place
	flights map[Key]*flight // calls under way
	recent  map[Key]recent  // recorded and not yet written
	open    *draft          // being filled
	sealed  []*draft        // full, or being written
	closed  bool
}

// A place is where a written exchange lies: its segment, and whether it failed.
type place struct {
	seg    *segment
	failed bool
}

// A segment is a stored segment; its answers are loaded when first needed.
type segment struct {
	digest string
	mu     sync.Mutex // held while its answers load, so that they load once
}

// A flight is a call under way, which others with the same key wait for.
type flight struct {
	done chan struct{}
	resp *llm.Response
	err  error
}

// openBook reads the index of every segment of an identity. When two processes
// recorded the same key side by side, the one written first holds.
func openBook(ctx context.Context, l *Ledger, id Identity, digest [32]byte) (*book, error) {
	b := &book{
		ledger: l, identity: id, digest: digest, prefix: prefixOf(digest),
		index: map[Key]place{}, recent: map[Key]recent{}, flights: map[Key]*flight{}, open: &draft{},
	}
	var names []string
	for key, err := range l.opt.Bucket.List(ctx, b.prefix) {
		if err != nil {
			return nil, fmt.Errorf("ledger: %w", err)
		}
		if name, ok := strings.CutSuffix(path.Base(key), suffix); ok {
			names = append(names, name)
		}
	}
	headers := make([]*header, len(names))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for i, name := range names {
		g.Go(func() (err error) {
			headers[i], err = b.readHeader(gctx, name)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	order := make([]int, len(names)) // by time, then name: List's order
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return strings.Compare(headers[i].Created, headers[j].Created) })
	for _, i := range order {
		b.add(&segment{digest: names[i]}, headers[i])
	}
	l.opt.Log.Debug("ledger: opened", "model", id.Model, "segments", len(names), "exchanges", len(b.index))
	return b, nil
}

func (b *book) objectKey(digest string) string { return b.prefix + digest + suffix }

func (b *book) readHeader(ctx context.Context, digest string) (h *header, err error) {
	err = b.withSegment(ctx, digest, func(s *segmentReader) error {
		h, err = s.header(digest)
		return err
	})
	return h, err
}

func (b *book) withSegment(ctx context.Context, digest string, fn func(*segmentReader) error) error {
	key := b.objectKey(digest)
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

// add puts a segment's exchanges into the index; earlier ones hold, except that
// an answer holds over a failure.
func (b *book) add(seg *segment, h *header) {
	for n, key := range h.Keys {
		_, failed := slices.BinarySearch(h.Failed, n)
		if old, ok := b.index[key]; !ok || old.failed && !failed {
			b.index[key] = place{seg, failed}
		}
	}
}

// begin finds a key's recorded answer, written or not, or joins the call that
// is under way for it. With none, the caller leads: it must call and land.
//
// A recorded failure is an answer only to a replay.
func (b *book) begin(key Key, replayOnly bool) (line []byte, at *segment, f *flight, leader bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r, ok := b.recent[key]; ok && !r.failed {
		return r.line, nil, nil, false
	}
	if p, ok := b.index[key]; ok && (!p.failed || replayOnly) {
		return nil, p.seg, nil, false
	}
	if replayOnly {
		return nil, nil, nil, false
	}
	if f, ok := b.flights[key]; ok {
		return nil, nil, f, false
	}
	f = &flight{done: make(chan struct{})}
	b.flights[key] = f
	return nil, nil, f, true
}

// written reports whether the bucket holds an exchange of every key.
func (b *book) written(keys []Key) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, k := range keys {
		if _, ok := b.index[k]; !ok {
			return false
		}
	}
	return true
}

func (b *book) land(key Key, f *flight) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.flights, key)
	close(f.done)
}

// read returns the answer of a key in a stored segment.
func (b *book) read(ctx context.Context, seg *segment, key Key) ([]byte, error) {
	seg.mu.Lock()
	defer seg.mu.Unlock()
	lines, ok := b.ledger.cache.get(seg)
	if !ok {
		lines = map[Key][]byte{}
		size := 0
		err := b.withSegment(ctx, seg.digest, func(s *segmentReader) error {
			h, err := s.header(seg.digest)
			if err != nil {
				return err
			}
			answers, err := s.answers(h)
			if err != nil {
				return err
			}
			for n, k := range h.Keys {
				lines[k] = answers[n]
				size += len(answers[n]) + len(k) + 64
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		b.ledger.cache.put(seg, lines, size)
	}
	return lines[key], nil
}
