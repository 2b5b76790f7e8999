package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/store"
)

// TestJournal: after every flush everything recorded so far is found by another
// process, in few objects, with answers and refusals as they were.
func TestJournal(t *testing.T) {
	bucket := store.NewMem()
	next := &provider{chat: func(_ context.Context, n int64, req *llm.Request) (*llm.Response, error) {
		if n%5 == 0 {
			return nil, &llm.Error{Model: "gpt", Status: 400, Class: llm.Refused, Err: errors.New(req.Messages[0].Content)}
		}
		return &llm.Response{Content: "to " + req.Messages[0].Content}, nil
	}}
	l := open(t, bucket)
	c := wrap(t, l, next)
	flushes := 8*8*2 + 3
	for n := 1; n <= flushes; n++ {
		_, _ = c.Chat(t.Context(), ask(fmt.Sprint(n)))
		for range 2 { // the second has nothing to write
			if err := l.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if n%3 != 0 && n < flushes {
			continue
		}
		r := wrap(t, open(t, bucket, replayOnly), nil)
		for i := 1; i <= n; i++ {
			resp, err := r.Chat(t.Context(), ask(fmt.Sprint(i)))
			if i%5 == 0 && (err == nil || errors.Is(err, ErrMiss) || !strings.HasSuffix(err.Error(), ": "+fmt.Sprint(i))) {
				t.Fatalf("after %d flushes, request %d: %v", n, i, err)
			} else if i%5 != 0 && (err != nil || resp.Content != fmt.Sprint("to ", i)) {
				t.Fatalf("after %d flushes, request %d: %v, %v", n, i, resp, err)
			}
		}
	}
	if n := len(segments(t, bucket)); n != 1 {
		t.Errorf("%d objects for %d flushes, want one journal", n, flushes)
	}
	closeLedger(t, l)
	counting := &flaky{Bucket: bucket}
	r := wrap(t, open(t, counting, replayOnly), nil)
	if n := counting.gets.Load(); n != 1 {
		t.Errorf("%d reads to open a segment whose journal has ended", n)
	}
	for i := 1; i <= flushes; i++ {
		if _, err := r.Chat(t.Context(), ask(fmt.Sprint(i))); errors.Is(err, ErrMiss) {
			t.Errorf("request %d: %v", i, err)
		}
	}
}

// TestJournalsOfTheSameName: not even processes that do the same at the same
// time write over each other's journal.
func TestJournalsOfTheSameName(t *testing.T) {
	bucket := store.NewMem()
	frozen := func(o *Options) { o.Now = func() time.Time { return time.Unix(1_700_000_000, 0) } }
	for i := range 3 {
		l := open(t, bucket, frozen)
		l.books[identityDigest(t)] = newBook(l, IdentityOf(model), identityDigest(t)) // opened before the others wrote
		c := wrap(t, l, &provider{})
		for _, text := range []string{"same", fmt.Sprint("own ", i)} {
			chat(t, c, ask(text))
			if err := l.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := len(segments(t, bucket)); n != 3 {
		t.Errorf("%d journals of 3 processes", n)
	}
	c := wrap(t, open(t, bucket, replayOnly), nil)
	for _, text := range []string{"same", "own 0", "own 1", "own 2"} {
		chat(t, c, ask(text))
	}
}

// TestFirstWrittenHolds: which of two answers holds does not change when the one
// that was written first moves from its journal to a segment.
func TestFirstWrittenHolds(t *testing.T) {
	bucket := store.NewMem()
	saying := func(text string) *provider {
		return &provider{chat: func(context.Context, int64, *llm.Request) (*llm.Response, error) {
			return &llm.Response{Content: text}, nil
		}}
	}
	early, late := open(t, bucket), open(t, bucket)
	ce, cl := wrap(t, early, saying("early")), wrap(t, late, saying("late"))
	holds := func(when, text, want string) {
		t.Helper()
		if got := chat(t, wrap(t, open(t, bucket, replayOnly), nil), ask(text)); got.Content != want {
			t.Errorf("%s: %q holds for %s", when, got.Content, text)
		}
	}
	chat(t, ce, ask("other")) // the segment's first exchange is older than either answer
	if err := early.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	chat(t, cl, ask("y"))
	if err := late.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	chat(t, ce, ask("x"))
	chat(t, ce, ask("y"))
	if err := early.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	chat(t, cl, ask("x"))
	holds("both in journals", "y", "late")
	closeLedger(t, late)
	holds("one in a segment", "x", "early")
	holds("one in a segment", "y", "late")
	closeLedger(t, early)
	holds("both in segments", "x", "early")
	holds("both in segments", "y", "late")
}

// TestOpenWhileWritten: whoever opens a model finds everything that was written
// before, whatever is being moved meanwhile.
func TestOpenWhileWritten(t *testing.T) {
	bucket := store.NewMem()
	l := open(t, bucket, func(o *Options) { o.SegmentBytes = 1 << 10 })
	c := wrap(t, l, &provider{})
	var written atomic.Int64
	var wg sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for {
				n := int(written.Load())
				r := wrap(t, open(t, bucket, replayOnly), nil)
				for i := max(0, n-40); i < n; i++ {
					if _, err := r.Chat(t.Context(), ask(fmt.Sprint(i))); err != nil {
						t.Errorf("request %d of %d: %v", i, n, err)
						return
					}
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range 400 {
		chat(t, c, ask(fmt.Sprint(i)))
		if err := l.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		written.Store(int64(i + 1))
	}
	close(done)
	wg.Wait()
}

// An unsure bucket fails one write in three, and of those half took place.
type unsure struct {
	store.Bucket
	rng *rand.Rand
}

func (u *unsure) fails(write func() error) error {
	n := u.rng.IntN(6)
	if n > 0 {
		if err := write(); err != nil {
			return err
		}
	}
	if n < 2 {
		return &store.Error{Op: "put", Kind: store.Transient, Err: errors.New("reset")}
	}
	return nil
}

func (u *unsure) Put(ctx context.Context, key string, body io.ReadSeeker, size int64) error {
	return u.fails(func() error { return u.Bucket.Put(ctx, key, body, size) })
}

func (u *unsure) Create(ctx context.Context, key string, body []byte) error {
	return u.fails(func() error { return u.Bucket.Create(ctx, key, body) })
}

// TestCrashAfterUnsureWrites: whatever a flush that succeeded has promised is
// there after a crash, though flushes before it failed, or seemed to.
func TestCrashAfterUnsureWrites(t *testing.T) {
	for seed := range uint64(20) {
		mem := store.NewMem()
		l := open(t, &unsure{mem, rand.New(rand.NewPCG(seed, 0))}, func(o *Options) { o.SegmentBytes = 6 << 10 })
		c := wrap(t, l, &provider{})
		kept := 0
		for i := range 150 {
			if _, err := c.Chat(t.Context(), ask(fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
			if l.Flush(t.Context()) == nil {
				kept = i + 1
			}
		}
		r := wrap(t, open(t, mem, replayOnly), nil)
		for i := range kept {
			if got := chat(t, r, ask(fmt.Sprint(i))); !strings.HasSuffix(got.Content, fmt.Sprint(" to ", i)) {
				t.Fatalf("seed %d: request %d: %q", seed, i, got.Content)
			}
		}
	}
}

// A slow bucket takes its time for every write.
type slow struct {
	store.Bucket
	by time.Duration
}

func (s slow) Put(ctx context.Context, key string, body io.ReadSeeker, size int64) error {
	select {
	case <-time.After(s.by):
		return s.Bucket.Put(ctx, key, body, size)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TestSlowBucket: a bucket that falls behind slows the calls down, so that what
// waits in memory stays within the bound, and nothing fails.
func TestSlowBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, sessions, calls = 4 << 10, 50, 40
		l := New(Options{Bucket: slow{store.NewMem(), time.Minute}, Now: time.Now, Log: quiet, Every: 2 * time.Second, SegmentBytes: size})
		c := wrap(t, l, &provider{chat: func(context.Context, int64, *llm.Request) (*llm.Response, error) {
			time.Sleep(time.Second)
			return &llm.Response{Content: "ok"}, nil
		}})
		b := l.books[identityDigest(t)]
		var wg sync.WaitGroup
		var most atomic.Int64
		text := strings.Repeat("x", 300)
		for s := range sessions {
			wg.Go(func() {
				for i := range calls {
					chat(t, c, ask(fmt.Sprint(s, " ", i, text)))
					b.mu.Lock()
					held := len(b.filling.answers) + len(b.filling.requests)
					for _, p := range b.full {
						held += len(p.answers) + len(p.requests)
					}
					b.mu.Unlock()
					most.Store(max(most.Load(), int64(held)))
				}
			})
		}
		wg.Wait()
		// The calls that were admitted together may all be recorded after.
		if bound := int64((maxWaiting+1)*size + (sessions+1)*500); most.Load() > bound {
			t.Errorf("%d bytes waited, want at most %d", most.Load(), bound)
		}
		if err := l.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestCrashBound: every answer that is older than the flush interval and two
// writes is in the bucket, whenever the process dies.
func TestCrashBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const every, put = 2 * time.Second, 500 * time.Millisecond
		mem := store.NewMem()
		l := New(Options{Bucket: delayed{mem, put}, Now: time.Now, Log: quiet, Every: every, SegmentBytes: 2 << 10})
		c := wrap(t, l, &provider{})
		recorded := map[string]time.Time{}
		for i := range 300 {
			text := fmt.Sprint(i)
			chat(t, c, ask(text))
			recorded[text] = time.Now()
			time.Sleep(time.Duration(i*37%101) * time.Millisecond)
			if i%10 != 0 {
				continue
			}
			late := New(Options{Bucket: mem, Now: time.Now, Log: quiet, ReplayOnly: true})
			r := wrap(t, late, nil)
			for text, at := range recorded {
				if _, err := r.Chat(t.Context(), ask(text)); err != nil && time.Since(at) > every+2*put {
					t.Fatalf("an answer recorded %v ago is lost: %v", time.Since(at), err)
				}
			}
			_ = late.Close(t.Context())
		}
		if err := l.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A delayed bucket takes its time for every write.
type delayed struct {
	store.Bucket
	by time.Duration
}

func (d delayed) Put(ctx context.Context, key string, body io.ReadSeeker, size int64) error {
	time.Sleep(d.by)
	return d.Bucket.Put(ctx, key, body, size)
}

func (d delayed) Create(ctx context.Context, key string, body []byte) error {
	time.Sleep(d.by)
	return d.Bucket.Create(ctx, key, body)
}

// TestDamagedJournal: one that was cut or altered is refused like a segment, and
// never answers differently.
func TestDamagedJournal(t *testing.T) {
	mem := store.NewMem()
	l := open(t, mem)
	c := wrap(t, l, &provider{})
	for _, text := range []string{"a", "b", "c"} {
		chat(t, c, ask(text))
	}
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	key := segments(t, mem)[0]
	data := stored(t, mem, key)
	needed := damageHurts(t, key, data)
	if needed < len(data)/2 {
		t.Fatalf("%d of %d bytes are needed", needed, len(data))
	}
	for n := range data {
		flipped := slices.Clone(data)
		flipped[n] ^= 0x10
		for what, bad := range map[string][]byte{"cut": data[:n], "flipped": flipped} {
			b := store.NewMem()
			put(t, b, key, bad)
			err := replayAll(t, b)
			if err == nil && (what == "flipped" || n >= needed) {
				continue
			}
			if !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), key) || fault.Code(err) != fault.Permanent {
				t.Fatalf("%s at %d of %d bytes: %v", what, n, len(data), err)
			}
		}
	}
}

// TestJournalThatLostExchanges: one that was written over by something else is refused.
func TestJournalThatLostExchanges(t *testing.T) {
	mem, other := store.NewMem(), store.NewMem()
	for text, b := range map[string]store.Bucket{"a": mem, "z": other} {
		l := open(t, b)
		chat(t, wrap(t, l, &provider{}), ask(text))
		if err := l.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	c := wrap(t, open(t, mem, replayOnly), nil)
	key := segments(t, mem)[0]
	put(t, mem, key, stored(t, other, segments(t, other)[0]))
	if _, err := c.Chat(t.Context(), ask("a")); !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), key) {
		t.Errorf("got %v", err)
	}
}

// A hooked bucket does something else before each read of an object.
type hooked struct {
	store.Bucket
	before func()
}

func (h hooked) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	h.before()
	return h.Bucket.Get(ctx, key)
}

// TestOpenWhileJournalMoves: a process writes on, and full segments too, before its
// journal is read.
func TestOpenWhileJournalMoves(t *testing.T) {
	for i := range 2 * 74 {
		before, from := i/2+1, i%2 // what moves, moves from this read on
		bucket := store.NewMem()
		l := open(t, bucket, func(o *Options) { o.SegmentBytes = 300 + 37*i })
		c := wrap(t, l, &provider{})
		n, reads := 0, 0
		more := func() {
			chat(t, c, ask(fmt.Sprint(n)))
			n++
			if err := l.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for range before {
			more()
		}
		r := wrap(t, open(t, hooked{bucket, func() {
			if reads++; reads > from {
				more()
				more()
			}
		}}, replayOnly), nil)
		for i := range before {
			if _, err := r.Chat(t.Context(), ask(fmt.Sprint(i))); err != nil {
				t.Fatalf("request %d of %d: %v", i, before, err)
			}
		}
	}
}
