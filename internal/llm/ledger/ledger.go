// Package ledger records every exchange with a model before its answer is used,
// and answers a request that it has seen without a call. FORMAT.md beside this
// file is the layout in the bucket.
package ledger

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/store"
)

// ErrMiss means that a replay asked for an exchange that was never recorded.
var ErrMiss = errors.New("no recorded answer")

var errClosed = errors.New("ledger: used after Close")

// Options say where exchanges are kept and how soon.
type Options struct {
	Bucket store.Bucket
	Now    func() time.Time
	Log    *slog.Logger
	// Every is how often recorded exchanges are written to the bucket; 0 writes
	// only full segments, and the rest at Flush and Close.
	Every time.Duration
	// ReplayOnly answers from the ledger alone: no call is ever made.
	ReplayOnly bool
	// SegmentBytes is how much, decoded, makes a segment full; 0 means 4 MiB.
	SegmentBytes int
}

// A Ledger keeps the exchanges of any number of models in one bucket.
//
// The crash bound: a process that dies loses the calls in flight and what was
// recorded since the last write, at most Every plus the time of one upload.
// Close loses nothing.
type Ledger struct {
	opt   Options
	zw    *zstd.Encoder
	cache *cache

	mu    sync.Mutex
	books map[string]*book // by identity digest

	flushing chan struct{} // holds one token while a round of uploads runs
	kick     chan struct{} // wakes the flusher
	stop     chan struct{}
	stopped  chan struct{}
	cancel   context.CancelFunc // of uploads in the background
	closed   sync.Once
}

// cacheBytes bounds the decoded answers that are kept in memory for lookups.
const cacheBytes = 64 << 20

// New returns a ledger. It reads nothing before Wrap.
func New(opt Options) *Ledger {
	if opt.SegmentBytes <= 0 {
		opt.SegmentBytes = 4 << 20
	}
	ctx, cancel := context.WithCancel(context.Background())
	l := &Ledger{
		opt: opt, books: map[string]*book{}, cache: newCache(cacheBytes), cancel: cancel,
		flushing: make(chan struct{}, 1), kick: make(chan struct{}, 1),
		stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	// Fastest still finds a history's repeats, which is where the size is.
	l.zw, _ = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	go l.flusher(ctx)
	return l
}

// flusher writes what was recorded, at every tick and whenever a segment is full.
func (l *Ledger) flusher(ctx context.Context) {
	defer close(l.stopped)
	var tick <-chan time.Time
	if l.opt.Every > 0 {
		t := time.NewTicker(l.opt.Every)
		defer t.Stop()
		tick = t.C
	}
	for {
		select {
		case <-tick:
		case <-l.kick:
		case <-l.stop:
			return
		}
		if err := l.Flush(ctx); err != nil {
			l.opt.Log.Warn("ledger: could not write recorded exchanges, trying again", "error", err)
		}
	}
}

// Flush writes everything recorded so far to the bucket.
func (l *Ledger) Flush(ctx context.Context) error {
	select {
	case l.flushing <- struct{}{}:
		defer func() { <-l.flushing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	l.mu.Lock()
	books := make([]*book, 0, len(l.books))
	for _, b := range l.books {
		books = append(books, b)
	}
	l.mu.Unlock()
	var errs []error
	for _, b := range books {
		errs = append(errs, b.flush(ctx))
	}
	return errors.Join(errs...)
}

// maxWaiting is how many full segments may wait to be written before the calls
// that fill them wait too.
const maxWaiting = 4

// relieve has full segments written: in the background, or, when the bucket
// falls behind or fails, before the caller goes on and meets its error.
func (l *Ledger) relieve(ctx context.Context, waiting int) error {
	if waiting >= maxWaiting {
		return l.Flush(ctx)
	}
	if waiting > 0 {
		select {
		case l.kick <- struct{}{}:
		default:
		}
	}
	return nil
}

// Close writes what is left and ends the ledger; later calls fail. ctx bounds
// how long that may take.
func (l *Ledger) Close(ctx context.Context) error {
	l.closed.Do(func() { close(l.stop) })
	defer l.cancel()
	select {
	case <-l.stopped:
	case <-ctx.Done():
		l.cancel()
		<-l.stopped
	}
	l.mu.Lock()
	for _, b := range l.books {
		b.close()
	}
	l.mu.Unlock()
	return l.Flush(ctx)
}

// Wrap returns next with every exchange recorded, and recorded ones answered
// without a call. It reads the index of what the bucket holds for m's identity;
// models with the same identity share their exchanges.
func (l *Ledger) Wrap(ctx context.Context, m llm.Model, next llm.Chatter) (llm.Chatter, error) {
	b, err := l.book(ctx, m)
	if err != nil {
		return nil, err
	}
	return &recorder{ledger: l, book: b, model: m.Name, next: next}, nil
}

// Written reports whether the bucket holds an exchange of m for every key.
func (l *Ledger) Written(ctx context.Context, m llm.Model, keys []Key) (bool, error) {
	b, err := l.book(ctx, m)
	if err != nil {
		return false, err
	}
	return b.written(keys), nil
}

// book returns the exchanges of m's identity, opened once.
func (l *Ledger) book(ctx context.Context, m llm.Model) (*book, error) {
	id := IdentityOf(m)
	digest, err := id.digest()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.books[Key(digest).String()]
	if !ok {
		if b, err = openBook(ctx, l, id, digest); err != nil {
			return nil, err
		}
		l.books[Key(digest).String()] = b
	}
	return b, nil
}
