// Package ledger records every exchange with a model before its answer is used,
// and answers a request that it has seen without a call. FORMAT.md beside this
// file is the layout in the bucket.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/gymline/gymline/internal/fault"
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
	// SegmentBytes is how much, decoded, makes a segment full; 0 means 8 MiB.
	SegmentBytes int
}

// A Ledger keeps the exchanges of any number of models in one bucket.
//
// The crash bound: a process that dies loses the calls in flight and what was
// recorded since the last write began, at most Every plus the time of two
// uploads while the bucket works. Close loses nothing.
//
// The memory bound: for each model, maxWaiting full segments, the one being
// filled, and the answers of the calls in flight. When the bucket falls behind,
// calls wait before they are made; when it fails, they fail.
type Ledger struct {
	opt   Options
	zw    *zstd.Encoder
	zr    *zstd.Decoder
	cache *cache

	mu    sync.Mutex
	books map[llm.Key]*book // by identity digest

	opening sync.Mutex // one model after another

	missed  sync.Once // the first request that a replay missed
	first   llm.Key
	because string

	writing chan struct{} // holds one token while a round of uploads runs
	kick    chan struct{} // wakes the flusher
	stop    chan struct{}
	stopped chan struct{}
	cancel  context.CancelFunc // of uploads in the background
	closed  sync.Once
}

// cacheBytes bounds the decoded answers that are kept in memory for lookups.
const cacheBytes = 64 << 20

// New returns a ledger. It reads nothing before Wrap.
func New(opt Options) *Ledger {
	if opt.SegmentBytes <= 0 {
		opt.SegmentBytes = 8 << 20
	}
	ctx, cancel := context.WithCancel(context.Background())
	l := &Ledger{
		opt: opt, books: map[llm.Key]*book{}, cache: newCache(cacheBytes), cancel: cancel,
		writing: make(chan struct{}, 1), kick: make(chan struct{}, 1),
		stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	// Fastest still finds a history's repeats, which is where the size is.
	l.zw, _ = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	l.zr, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxAnswers))
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
		var err error
		select {
		case <-tick:
			err = l.Flush(ctx)
		case <-l.kick:
			err = l.write(ctx, (*book).drain)
		case <-l.stop:
			return
		}
		if err != nil && ctx.Err() == nil { // else Close writes it
			l.opt.Log.Warn("ledger: could not write recorded exchanges, trying again", "error", err)
		}
	}
}

// Flush writes everything recorded so far to the bucket.
func (l *Ledger) Flush(ctx context.Context) error { return l.write(ctx, (*book).flush) }

// write writes every book, side by side, one round at a time.
func (l *Ledger) write(ctx context.Context, write func(*book, context.Context) error) error {
	select {
	case l.writing <- struct{}{}:
		defer func() { <-l.writing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	l.mu.Lock()
	books := slices.Collect(maps.Values(l.books))
	l.mu.Unlock()
	errs := make([]error, len(books))
	var wg sync.WaitGroup
	for i, b := range books {
		wg.Go(func() { errs[i] = write(b, ctx) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// maxWaiting is how many full segments may wait to be written before calls that
// would fill more wait too.
const maxWaiting = 4

// admit lets a call be made that will be recorded in b. When the bucket has
// fallen behind, it waits; when the bucket fails, so does the call, before it is
// paid for.
func (l *Ledger) admit(ctx context.Context, b *book) error {
	if b.waiting() < maxWaiting {
		return nil
	}
	return l.write(ctx, func(other *book, ctx context.Context) error {
		if other != b || b.waiting() < maxWaiting {
			return nil // somebody else has done it
		}
		return b.drain(ctx)
	})
}

// full has full segments written in the background.
func (l *Ledger) full() {
	select {
	case l.kick <- struct{}{}:
	default:
	}
}

// Close writes what is left and ends the ledger; later calls fail. ctx bounds
// how long that may take, and the error says what was lost.
func (l *Ledger) Close(ctx context.Context) error {
	l.closed.Do(func() { close(l.stop) })
	l.cancel() // what a round in the background has not written yet is written here, in all of the time
	<-l.stopped
	err := l.write(ctx, (*book).finish)
	if err == nil {
		return nil
	}
	lost := 0
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.books {
		lost += b.unwritten()
	}
	if lost == 0 { // journals hold it
		return err
	}
	return fault.New(fault.Code(err), fmt.Errorf("%d recorded exchanges were not written: %w", lost, err),
		"run it again when the store works; these exchanges will be asked for, and paid for, again")
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

// Written reports whether the bucket holds, for every key, an answer of m to a
// request that was asked at since: a response, or a failure not written before.
// An older failure is none, for a run asks again what was refused.
func (l *Ledger) Written(ctx context.Context, m llm.Model, keys []llm.Key, since time.Time) (bool, error) {
	b, err := l.book(ctx, m)
	if err != nil {
		return false, err
	}
	return b.written(keys, since.UnixMicro()), nil
}

// Answered reports whether m has ever answered a request.
func (l *Ledger) Answered(ctx context.Context, m llm.Model) (bool, error) {
	b, err := l.book(ctx, m)
	if err != nil {
		return false, err
	}
	return b.answered(), nil
}

// book returns the exchanges of m's identity, opened once.
func (l *Ledger) book(ctx context.Context, m llm.Model) (*book, error) {
	id := IdentityOf(m)
	digest, err := id.digest()
	if err != nil {
		return nil, err
	}
	l.opening.Lock()
	defer l.opening.Unlock()
	l.mu.Lock()
	b, ok := l.books[digest]
	l.mu.Unlock()
	if !ok {
		// Not under mu: what other models record is written meanwhile.
		if b, err = openBook(ctx, l, id, digest); err != nil {
			return nil, err
		}
		l.mu.Lock()
		l.books[digest] = b
		l.mu.Unlock()
	}
	return b, nil
}
