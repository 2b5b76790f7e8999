package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/store"
)

// TestMiss: a replay that lacks an exchange fails, and says which.
func TestMiss(t *testing.T) {
	bucket := store.NewMem()
	l := open(t, bucket)
	chat(t, wrap(t, l, &provider{}), ask("known"))
	closeLedger(t, l)
	c := wrap(t, open(t, bucket, replayOnly), &provider{chat: func(context.Context, int64, *llm.Request) (*llm.Response, error) {
		t.Error("a replay called the model")
		return nil, errors.New("called")
	}})
	d, _ := IdentityOf(model).digest()
	_, key, _ := keyOf(d, ask("unknown"))
	_, err := c.Chat(t.Context(), ask("unknown"))
	if !errors.Is(err, ErrMiss) || !strings.Contains(err.Error(), key.String()) || fault.Code(err) != fault.Permanent || fault.Hint(err) == "" {
		t.Errorf("got %v", err)
	}
	if _, ok := errors.AsType[*llm.Error](err); ok {
		t.Error("a miss looks like a provider's failure, which would fail a row and not the run")
	}
}

// TestFailures: no failure is an answer to a later run; a refusal, which failed
// its row, fails it again in a replay.
func TestFailures(t *testing.T) {
	bucket := store.NewMem()
	fail := func(class llm.Class) func(context.Context, int64, *llm.Request) (*llm.Response, error) {
		return func(context.Context, int64, *llm.Request) (*llm.Response, error) {
			return nil, &llm.Error{Model: "gpt", Status: 400, Code: "content_policy", Class: class, Err: errors.New("no \"way\"")}
		}
	}
	var refused string
	for _, class := range []llm.Class{llm.Retryable, llm.Denied, llm.Refused} {
		l := open(t, bucket)
		p := &provider{chat: fail(class)}
		c := wrap(t, l, p)
		for range 2 {
			_, err := c.Chat(t.Context(), ask("x"))
			if e, ok := errors.AsType[*llm.Error](err); !ok || e.Class != class {
				t.Fatalf("got %v", err)
			}
			refused = err.Error()
		}
		if p.calls.Load() != 2 {
			t.Errorf("class %d: a failure was answered from the ledger", class)
		}
		closeLedger(t, l)
		if _, err := wrap(t, open(t, bucket, replayOnly), nil).Chat(t.Context(), ask("x")); class != llm.Refused && !errors.Is(err, ErrMiss) {
			t.Errorf("class %d was recorded: %v", class, err)
		}
	}
	if n := len(segments(t, bucket)); n != 1 {
		t.Errorf("%d segments, want the refusal's only", n)
	}
	_, err := wrap(t, open(t, bucket, replayOnly), nil).Chat(t.Context(), ask("x"))
	if e, ok := errors.AsType[*llm.Error](err); !ok || e.Class != llm.Refused || e.Status != 400 || err.Error() != refused {
		t.Errorf("replayed %v\nwant %s", err, refused)
	}
	l := open(t, bucket) // the provider has changed its mind
	c := wrap(t, l, &provider{})
	if resp := chat(t, c, ask("x")); resp.Usage.Replayed != 0 {
		t.Error("a refusal was taken for an answer")
	}
	chat(t, c, ask("x"))
	closeLedger(t, l)
	if resp := chat(t, wrap(t, open(t, bucket, replayOnly), nil), ask("x")); resp.Content == "" {
		t.Error("the refusal holds over the answer")
	}
}

// A flaky bucket refuses writes while down, and counts reads.
type flaky struct {
	store.Bucket
	down atomic.Bool
	gets atomic.Int64
}

func (f *flaky) Put(ctx context.Context, key string, body io.ReadSeeker, size int64) error {
	if f.down.Load() {
		return &store.Error{Op: "put", Key: key, Kind: store.Transient, Err: errors.New("down")}
	}
	return f.Bucket.Put(ctx, key, body, size)
}

func (f *flaky) GetRange(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	f.gets.Add(1)
	return f.Bucket.GetRange(ctx, key, offset, length)
}

func (f *flaky) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	f.gets.Add(1)
	return f.Bucket.Get(ctx, key)
}

// TestBucketDown: nothing recorded is lost while the bucket fails, and the
// memory that holds it is bounded: calls fail before it grows on.
func TestBucketDown(t *testing.T) {
	bucket := &flaky{Bucket: store.NewMem()}
	bucket.down.Store(true)
	l := open(t, bucket, func(o *Options) { o.SegmentBytes = 4 << 10 })
	next := &provider{}
	c := wrap(t, l, next)
	var err error
	n := 0
	for ; err == nil && n < 1000; n++ {
		_, err = c.Chat(t.Context(), ask(fmt.Sprint(n, strings.Repeat("x", 200))))
	}
	if n == 1000 || fault.Code(err) != fault.Temporary {
		t.Fatalf("after %d calls: %v", n, err)
	}
	if paid := next.calls.Load(); paid != int64(n-1) {
		t.Errorf("%d calls were made, and %d answers are kept", paid, n-1)
	}
	if err := l.Flush(t.Context()); fault.Code(err) != fault.Temporary {
		t.Fatalf("flush: %v", err)
	}
	bucket.down.Store(false)
	closeLedger(t, l)
	c = wrap(t, open(t, bucket, replayOnly), nil)
	for i := range n - 1 { // the last was refused before it was paid for
		chat(t, c, ask(fmt.Sprint(i, strings.Repeat("x", 200))))
	}
}
