// Package batch answers chat requests through a provider's Batch API. A request
// waits until no other has come for a while; then all that wait go out as one
// file, and each is answered when its batch has ended. So callers advance in
// lock-step by themselves: all wait for the same batch, and ask their next
// question together.
//
// Nothing is paid twice. A batch is written down in the bucket before its file
// is sent, and a process that asks again what another one has asked takes up
// that batch instead; FORMAT.md in package ledger is the layout. Answers are
// kept by the ledger above, and a batch is closed once the ledger has written
// all of them.
//
// A provider's word may come late, so what it does not show is looked for again,
// a poll apart, before anything follows from it: a batch that it does not find, an
// empty list, a file that it is still taking in, an ended batch without its files,
// a file without its lines. What follows is bounded, and said:
//
//   - A batch that was made here and is never shown, or shows nothing of what it
//     was billed for, ends the run with the provider's words. It stays open, and
//     the next run looks again.
//   - Any other answer that a batch may have been billed for and does not show is
//     asked anew, counted as a try like any other and paid for by itself: see Anew.
//   - A batch in an unknown state has ended when it names its answers. One that
//     goes on beyond its deadline is waited for with a word, and not for ever.
//   - Waiting says at any time what is waited for and how that stands.
package batch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/store"
)

const (
	// fileBytes is what a batch's file holds at most. Providers take 200 MB; less
	// bounds the memory that sending one takes, up to four times as much.
	fileBytes = 64_000_000
	// maxTries bounds how many batches a request is put into.
	maxTries = 5
	// heldBack is how many polls a batch waits that was too much for the
	// account's queue.
	heldBack = 10
)

// An API is a provider's Batch API for one model; openai.Batches is one. Its
// errors are as a Chatter's.
type API interface {
	// Line is a request's line of a file, with the body of a direct call, and Answer
	// reads what a direct call would be answered.
	Line(ctx context.Context, key llm.Key, req *llm.Request) ([]byte, error)
	Answer(ctx context.Context, status int, body []byte) (*llm.Response, error)

	Upload(ctx context.Context, name string, data []byte) (llm.File, error)
	File(ctx context.Context, id string) (llm.File, error)
	Create(ctx context.Context, file, mark string) (llm.Batch, error)
	Get(ctx context.Context, id string) (llm.Batch, error)
	Cancel(ctx context.Context, id string) error
	List(ctx context.Context, after string) (page []llm.Batch, more bool, err error)
	Content(ctx context.Context, file string) (io.ReadCloser, error)
}

// Options are how requests are gathered and where batches are written down.
type Options struct {
	llm.Batching
	Model string // the experiment's name for it
	// FileBytes bounds a batch's file; 0 means 64 MB.
	FileBytes int
	Bucket    store.Bucket
	Prefix    string // of what the bucket keeps of the model; ends in a slash
	Key       func(*llm.Request) (llm.Key, error)
	// Written reports whether the ledger has an answer to every key in the bucket;
	// a failure from before since is none.
	Written func(ctx context.Context, keys []llm.Key, since time.Time) (bool, error)
	// Retry makes a call again that failed for a while.
	Retry func(ctx context.Context, call func() error) error
	Now   func() time.Time
	Log   *slog.Logger
}

// A Batcher is a Chatter. Close it.
type Batcher struct {
	api   API
	opt   Options
	notes notes

	ctx    context.Context // of the work behind the callers
	cancel context.CancelFunc
	wg     sync.WaitGroup
	upload sync.Mutex // files are sent one after another: they are large

	mu       sync.Mutex
	closed   bool
	most     int                  // requests of a batch
	asks     map[llm.Key]*ask     // not answered yet
	vain     map[llm.Key]tries    // of requests that are asked anew
	answered bool                 // some request was
	refusals int                  // before that, for what may be wrong with all requests
	gathered []*ask               // not in a batch yet
	bytes    int                  // of gathered
	timer    *time.Timer          // submits what is gathered
	entries  map[string]*entry    // batches that are not closed, by mark
	byKey    map[llm.Key][]*entry // where an answer may be found, the latest last
}

// An ask is a request that callers wait for.
type ask struct {
	key     llm.Key
	req     *llm.Request
	line    []byte // of the file, until it is sent
	callers int
	tries   tries
	failure error         // of the last try, if it was told
	done    chan struct{} // closed with resp or err set
	resp    *llm.Response
	err     error
}

// Tries are batches that ended without a request's answer.
type tries struct {
	number int
	beside bool // another request of one of them was answered
}

// New returns the batcher of a model, with the batches that were left open.
func New(ctx context.Context, api API, opt Options) (*Batcher, error) {
	if opt.FileBytes == 0 {
		opt.FileBytes = fileBytes
	}
	b := &Batcher{
		api: api, opt: opt, notes: notes{opt.Bucket, opt.Prefix + folder}, most: opt.Requests,
		asks: map[llm.Key]*ask{}, vain: map[llm.Key]tries{}, entries: map[string]*entry{}, byKey: map[llm.Key][]*entry{},
	}
	if err := b.recall(ctx); err != nil {
		return nil, err
	}
	b.ctx, b.cancel = context.WithCancel(context.WithoutCancel(ctx))
	b.mu.Lock() // the timer runs from here on
	defer b.mu.Unlock()
	b.timer = time.AfterFunc(opt.Gather, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.submit()
	})
	return b, nil
}

// Chat answers a request in one of the next batches, or from one under way.
func (b *Batcher) Chat(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	a, err := b.join(ctx, req)
	if err != nil {
		return nil, err
	}
	select {
	case <-a.done:
	case <-ctx.Done():
		if b.leave(a) {
			return nil, ctx.Err()
		}
	}
	if a.err != nil {
		return nil, a.err
	}
	own := *a.resp // the caller may change its own
	return &own, nil
}

var errClosed = errors.New("batch: used after Close")

// join finds the ask of a request, or makes it.
func (b *Batcher) join(ctx context.Context, req *llm.Request) (*ask, error) {
	key, err := b.opt.Key(req)
	if err != nil {
		return nil, err
	}
	line, err := b.api.Line(ctx, key, req)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, errClosed
	}
	a := b.asks[key]
	if a == nil {
		a = &ask{key: key, req: req, line: line, tries: b.vain[key], done: make(chan struct{})}
		b.asks[key] = a
		b.place(a)
	}
	a.callers++
	return a, nil
}

// leave takes a caller away, unless the answer is there: then it must be used.
func (b *Batcher) leave(a *ask) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	a.callers--
	return b.asks[a.key] == a
}

// place puts an ask where its answer may come from: the latest batch that holds
// it and may have the answer, or else the next one. b.mu is held.
func (b *Batcher) place(a *ask) {
	if known := b.byKey[a.key]; len(known) > 0 {
		e := known[len(known)-1]
		e.waiting[a.key] = a
		a.line = nil
		b.follow(e)
		return
	}
	if b.bytes+len(a.line) > b.opt.FileBytes {
		b.submit()
	}
	b.gathered = append(b.gathered, a)
	b.bytes += len(a.line)
	if len(b.gathered) >= b.most {
		b.submit()
		return
	}
	b.timer.Reset(b.opt.Gather)
}

// again places asks that a batch did not answer.
func (b *Batcher) again(asks []*ask) {
	for _, a := range asks {
		if a.line != nil {
			continue
		}
		line, err := b.api.Line(b.ctx, a.key, a.req)
		if err != nil {
			b.answer(a, nil, err)
			continue
		}
		a.line = line
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range asks {
		if b.asks[a.key] == a {
			b.place(a)
		}
	}
}

// answer gives a result to whoever waits for it. When nobody does any more, it
// is not kept: the batch still has it.
func (b *Batcher) answer(a *ask, resp *llm.Response, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.asks[a.key] != a {
		return
	}
	delete(b.asks, a.key)
	if _, lost := errors.AsType[lostError](err); !lost {
		delete(b.vain, a.key)
	}
	for _, e := range b.byKey[a.key] {
		delete(e.waiting, a.key)
	}
	if e, ok := errors.AsType[*llm.Error](err); a.callers > 0 && (resp != nil || ok && e.Class == llm.Refused) {
		delete(b.byKey, a.key) // the ledger has it from here on
	}
	b.answered = b.answered || resp != nil
	a.resp, a.err = resp, err
	close(a.done)
}

// give answers all with the same error.
func (b *Batcher) give(asks []*ask, err error) {
	for _, a := range asks {
		b.answer(a, nil, err)
	}
}

// turnedDown returns the answer that refuses a call for good; nil if err is none.
func turnedDown(err error) *llm.Error {
	if e, ok := errors.AsType[*llm.Error](err); ok && e.Class != llm.Retryable {
		return e
	}
	return nil
}

// refusedCall makes of an answer that refuses a call of the Batch API an end of
// the run: it is no fault of a request's.
func refusedCall(opt Options, err error) error {
	e := turnedDown(err)
	if e == nil {
		return err
	}
	denied := *e
	denied.Class = llm.Denied
	return fault.New(fault.Config, fmt.Errorf("batch: %w", &denied),
		"check the API key, the account's credit, and that the server has a Batch API for this model; without one, remove batch."+opt.Model+" from the profile")
}

// Close ends the work behind the callers. Batches stay open at the provider,
// and the next process that asks for their answers takes them up.
func (b *Batcher) Close() {
	b.mu.Lock()
	b.closed = true
	b.timer.Stop()
	left := 0
	for _, e := range b.entries {
		if len(e.waiting) > 0 {
			left++
		}
	}
	asks := slices.Collect(maps.Values(b.asks))
	b.mu.Unlock()
	b.cancel()
	b.wg.Wait()
	b.give(asks, errClosed)
	if left > 0 {
		b.opt.Log.Info("batches stay open at the provider; the next run takes them up", "model", b.opt.Model, "batches", left)
	}
}
