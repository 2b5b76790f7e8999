package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// A provider counts its calls and gives a different answer each time.
type provider struct {
	calls atomic.Int64
	chat  func(ctx context.Context, n int64, req *llm.Request) (*llm.Response, error)
}

func (p *provider) Chat(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	n := p.calls.Add(1)
	if p.chat != nil {
		return p.chat(ctx, n, req)
	}
	return &llm.Response{
		Content: fmt.Sprintf("answer %d to %s", n, req.Messages[0].Content), FinishReason: "stop", Model: "m-2024",
		Usage: llm.Usage{Calls: 1, Prompt: 10, Cached: 4, Completion: 3},
	}, nil
}

var model = llm.Model{Name: "gpt", Provider: llm.OpenAI, BaseURL: "http://127.0.0.1:1/v1", Model: "m"}

func ask(text string) *llm.Request {
	return &llm.Request{Messages: []llm.Message{{Role: llm.User, Content: text}}}
}

type clock struct{ ticks atomic.Int64 }

func (c *clock) now() time.Time {
	return time.Unix(1_700_000_000, 0).Add(time.Duration(c.ticks.Add(1)) * time.Millisecond)
}

var steady clock

func open(t *testing.T, b store.Bucket, edit ...func(*Options)) *Ledger {
	t.Helper()
	opt := Options{Bucket: b, Now: steady.now, Log: quiet}
	for _, e := range edit {
		e(&opt)
	}
	l := New(opt)
	// A test that does not close its ledger has crashed it: this only ends the goroutine.
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = l.Close(ctx)
	})
	return l
}

func replayOnly(o *Options) { o.ReplayOnly = true }

func wrap(t *testing.T, l *Ledger, next llm.Chatter) llm.Chatter {
	t.Helper()
	c, err := l.Wrap(t.Context(), model, next)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func chat(t *testing.T, c llm.Chatter, req *llm.Request) llm.Response {
	t.Helper()
	resp, err := c.Chat(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return *resp
}

func closeLedger(t *testing.T, l *Ledger) {
	t.Helper()
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func segments(t *testing.T, b store.Bucket) []string {
	t.Helper()
	var keys []string
	for k, err := range b.List(t.Context(), "ledger/") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	return keys
}

// TestReplay records, reopens and replays with no provider at all.
func TestReplay(t *testing.T) {
	bucket := store.NewMem()
	requests := []*llm.Request{
		ask("plain"),
		{Messages: ask("plain").Messages, Replicate: 1},
		{Messages: ask("plain").Messages, Seed: 1<<53 - 1},
		{Messages: ask("plain").Messages, Schema: &llm.Schema{Name: "s", Schema: []byte(`{"a": 1}`)}},
		{Messages: []llm.Message{{Role: llm.System, Content: "<&>\u2028\n\x00é"}, {Role: llm.User, Content: "bad \xff\xfe bytes"}}},
	}
	for i := range 200 {
		requests = append(requests, ask(fmt.Sprintf("%d %s", i, strings.Repeat("text ", i))))
	}
	next := &provider{}
	l := open(t, bucket, func(o *Options) { o.SegmentBytes = 8 << 10 })
	c := wrap(t, l, next)
	var want []llm.Response
	for _, req := range requests {
		resp := chat(t, c, req)
		if resp.Usage.Replayed != 0 {
			t.Fatal("a first answer counts as replayed")
		}
		resp.Usage.Replayed = 1
		want = append(want, resp)
	}
	for i, req := range requests { // from memory and, since segments filled up, from the bucket
		if got := chat(t, c, req); got != want[i] {
			t.Errorf("again: %+v, want %+v", got, want[i])
		}
	}
	closeLedger(t, l)
	if n := next.calls.Load(); n != int64(len(requests)) {
		t.Fatalf("%d calls for %d requests", n, len(requests))
	}
	if n := len(segments(t, bucket)); n < 5 {
		t.Fatalf("%d segments: the bound does not bind", n)
	}
	for _, tiny := range []bool{false, true} { // the second evicts all the time
		l = open(t, bucket, replayOnly)
		if tiny {
			l.cache = newCache(1)
		}
		c = wrap(t, l, nil)
		for i, req := range requests {
			if got := chat(t, c, req); got != want[i] {
				t.Errorf("replayed %+v, want %+v", got, want[i])
			}
		}
		closeLedger(t, l)
	}
}

// TestCrashLosesOnlyTheUnwritten: what was flushed is there for the next process.
func TestCrashLosesOnlyTheUnwritten(t *testing.T) {
	bucket, next := store.NewMem(), &provider{}
	l := open(t, bucket)
	c := wrap(t, l, next)
	for i := range 10 {
		chat(t, c, ask(fmt.Sprint(i)))
	}
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := 10; i < 13; i++ {
		chat(t, c, ask(fmt.Sprint(i)))
	}
	// No Close: the process is gone.
	again := &provider{}
	l2 := open(t, bucket)
	c = wrap(t, l2, again)
	for i := range 13 {
		if resp := chat(t, c, ask(fmt.Sprint(i))); (resp.Usage.Replayed == 1) != (i < 10) {
			t.Errorf("request %d: replayed %d", i, resp.Usage.Replayed)
		}
	}
	if n := again.calls.Load(); n != 3 {
		t.Errorf("%d calls, want the 3 that were not written", n)
	}
	closeLedger(t, l2)
}

// TestWrittenInTheBackground: nobody calls Flush.
func TestWrittenInTheBackground(t *testing.T) {
	bucket := store.NewMem()
	c := wrap(t, open(t, bucket, func(o *Options) { o.Every = time.Millisecond }), &provider{})
	chat(t, c, ask("x"))
	for len(segments(t, bucket)) == 0 {
		time.Sleep(time.Millisecond) // the test's own time limit ends a wait in vain
	}
	chat(t, wrap(t, open(t, bucket, replayOnly), nil), ask("x"))
}

// TestTwoWriters: two processes record side by side, the same request among
// theirs; nothing collides, and what was written first holds from then on.
func TestTwoWriters(t *testing.T) {
	bucket := store.NewMem()
	a, b := open(t, bucket), open(t, bucket)
	ca, cb := wrap(t, a, &provider{}), wrap(t, b, &provider{chat: func(_ context.Context, n int64, req *llm.Request) (*llm.Response, error) {
		return &llm.Response{Content: fmt.Sprintf("b's answer %d", n)}, nil
	}})
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() { chat(t, ca, ask(fmt.Sprint("a", i))) })
		wg.Go(func() { chat(t, cb, ask(fmt.Sprint("b", i))) })
	}
	wg.Wait()
	first := chat(t, ca, ask("shared"))
	chat(t, cb, ask("shared"))
	closeLedger(t, a)
	closeLedger(t, b)
	if n := len(segments(t, bucket)); n != 2 {
		t.Fatalf("%d segments, want one of each writer", n)
	}
	c := wrap(t, open(t, bucket, replayOnly), nil)
	for i := range 50 {
		chat(t, c, ask(fmt.Sprint("a", i)))
		chat(t, c, ask(fmt.Sprint("b", i)))
	}
	if got := chat(t, c, ask("shared")); got.Content != first.Content {
		t.Errorf("replayed %q, and %q was written first", got.Content, first.Content)
	}
}

// TestReplayLoadsAFrameOnce: many at once that need cold answers read them once.
func TestReplayLoadsAFrameOnce(t *testing.T) {
	bucket := &flaky{Bucket: store.NewMem()}
	l := open(t, bucket)
	c := wrap(t, l, &provider{})
	for i := range 100 {
		chat(t, c, ask(fmt.Sprint(i)))
	}
	closeLedger(t, l)
	c = wrap(t, open(t, bucket, replayOnly), nil)
	bucket.gets.Store(0)
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() { chat(t, c, ask(fmt.Sprint(i))) })
	}
	wg.Wait()
	if n := bucket.gets.Load(); n != 2 {
		t.Errorf("%d reads of 100 answers, which lie in two frames", n)
	}
}

func TestUseAfterClose(t *testing.T) {
	bucket := store.NewMem()
	l := open(t, bucket)
	c := wrap(t, l, &provider{})
	chat(t, c, ask("before"))
	closeLedger(t, l)
	if _, err := c.Chat(t.Context(), ask("after")); !errors.Is(err, errClosed) {
		t.Errorf("an exchange that is never written: %v", err)
	}
	closeLedger(t, l)
	if n := len(segments(t, bucket)); n != 1 {
		t.Errorf("%d segments", n)
	}
}

// TestModelsShareByIdentity: two names for one model share exchanges; another
// model's are not touched.
func TestModelsShareByIdentity(t *testing.T) {
	l := open(t, store.NewMem())
	next := &provider{}
	chat(t, wrap(t, l, next), ask("x"))
	for name, tt := range map[string]struct {
		edit func(*llm.Model)
		want int64
	}{
		"another name":  {func(m *llm.Model) { m.Name = "alias" }, 1},
		"another model": {func(m *llm.Model) { m.Model = "m2" }, 0},
	} {
		m := model
		tt.edit(&m)
		c, err := l.Wrap(t.Context(), m, next)
		if err != nil {
			t.Fatal(err)
		}
		if resp := chat(t, c, ask("x")); resp.Usage.Replayed != tt.want {
			t.Errorf("%s: replayed %d", name, resp.Usage.Replayed)
		}
	}
	closeLedger(t, l)
}

func stored(t *testing.T, b store.Bucket, key string) []byte {
	t.Helper()
	r, err := b.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func decoded(t *testing.T, b store.Bucket, key string) string {
	t.Helper()
	zr, err := zstd.NewReader(bytes.NewReader(stored(t, b, key)))
	if err != nil {
		t.Fatal(err)
	}
	defer zr.Close()
	data, err := io.ReadAll(zr)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
