package ledger

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/store"
)

// TestKilledProcessesInMemory: the answers in journals that no segment ends are
// read when they are asked for, and kept only within the cache's bound.
func TestKilledProcessesInMemory(t *testing.T) {
	const processes, calls = 30, 144
	bucket := store.NewMem()
	content := func(p, i int) string {
		answer := make([]byte, 4000)
		_, _ = rand.NewChaCha8([32]byte{byte(p), byte(i)}).Read(answer)
		return hex.EncodeToString(answer)
	}
	for p := range processes {
		l := open(t, bucket)
		c := wrap(t, l, &provider{chat: func(_ context.Context, n int64, _ *llm.Request) (*llm.Response, error) {
			return &llm.Response{Content: content(p, int(n-1))}, nil
		}})
		for i := range calls {
			chat(t, c, ask(fmt.Sprint(p, " ", i)))
			if i%12 == 11 {
				if err := l.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		l.books = nil // the process is gone
	}
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	l := open(t, bucket, replayOnly)
	l.cache = newCache(2 << 20)
	c := wrap(t, l, nil)
	for p := range processes {
		for i := range calls {
			if got := chat(t, c, ask(fmt.Sprint(p, " ", i))); got.Content != content(p, i) {
				t.Fatalf("process %d, request %d: %.40q…", p, i, got.Content)
			}
		}
	}
	if held := heap() - before; held > 8<<20 { // of 34 MB of answers
		t.Errorf("%d bytes are held", held)
	}
	if n := len(l.books[identityDigest(t)].segs); n != processes {
		t.Errorf("%d journals of %d processes are kept", n, processes)
	}
	runtime.KeepAlive(c)
}

// TestReaderBesideWriter: whoever has opened a model finds what it saw then for as
// long as it runs, whatever a living process moves where meanwhile.
func TestReaderBesideWriter(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 0))
		bucket := store.NewMem()
		l := open(t, bucket, func(o *Options) { o.SegmentBytes = 1 << (10 + rng.IntN(6)) })
		c := wrap(t, l, &provider{})
		n := 0
		more := func() {
			for range 1 + rng.IntN(3) {
				chat(t, c, ask(fmt.Sprint(n)))
				n++
			}
			if err := l.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for range 1 + rng.IntN(70) {
			more()
		}
		seen := n
		reader := open(t, bucket, replayOnly)
		reader.cache = newCache(1)
		r := wrap(t, reader, nil)
		find := func(i int) {
			t.Helper()
			if got := chat(t, r, ask(fmt.Sprint(i))); got.Content != fmt.Sprintf("answer %d to %d", i+1, i) {
				t.Fatalf("seed %d, request %d of %d: %q", seed, i, seen, got.Content)
			}
		}
		for range rng.IntN(140) {
			more()
			if rng.IntN(4) == 0 {
				find(rng.IntN(seen))
				find(seen - 1)
			}
		}
		if seed%2 == 0 {
			closeLedger(t, l)
		}
		for i := range seen {
			find(i)
		}
	}
}

// A doubtful bucket says of its second write that it failed, though it took place,
// and calls second before it lists for the second time.
type doubtful struct {
	store.Bucket
	puts, lists int
	second      func()
}

func (d *doubtful) Put(ctx context.Context, key string, body io.ReadSeeker, size int64) error {
	err := d.Bucket.Put(ctx, key, body, size)
	if d.puts++; err == nil && d.puts == 1 {
		return &store.Error{Op: "put", Key: key, Kind: store.Transient, Err: io.ErrUnexpectedEOF}
	}
	return err
}

func (d *doubtful) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	if d.lists++; d.lists == 2 && d.second != nil {
		d.second()
	}
	return d.Bucket.List(ctx, prefix)
}

// TestReaderBesideDoubtfulWrites: a journal whose write seemed to fail is read, and
// then written over by a process that does not know that it was written.
func TestReaderBesideDoubtfulWrites(t *testing.T) {
	mem := store.NewMem()
	l := open(t, &doubtful{Bucket: mem}, func(o *Options) { o.SegmentBytes = 600 })
	c := wrap(t, l, &provider{})
	chat(t, c, ask("a"))
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	chat(t, c, ask("b"))
	if err := l.Flush(t.Context()); err == nil {
		t.Fatal("no doubt")
	}
	r := wrap(t, open(t, &doubtful{Bucket: mem, second: func() {
		for _, text := range []string{"c", "d", "e", "f", "g"} {
			chat(t, c, ask(text))
			if err := l.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}}, replayOnly), nil)
	for _, text := range []string{"b", "a"} {
		chat(t, r, ask(text))
	}
}
