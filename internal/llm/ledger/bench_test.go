package ledger

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/store/folder"
)

// record fills a bucket with n exchanges of a 4 KB prompt.
func fill(b *testing.B, n int) (*store.Mem, func(i int) *llm.Request) {
	bucket := store.NewMem()
	prompt := strings.Repeat("some words of a prompt, ", 170)
	request := func(i int) *llm.Request { return ask(fmt.Sprint(prompt, i)) }
	l := New(Options{Bucket: bucket, Now: steady.now, Log: quiet})
	c, err := l.Wrap(b.Context(), model, &provider{})
	if err != nil {
		b.Fatal(err)
	}
	for i := range n {
		if _, err := c.Chat(b.Context(), request(i)); err != nil {
			b.Fatal(err)
		}
	}
	if err := l.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
	return bucket, request
}

func BenchmarkRecord(b *testing.B) { fill(b, b.N) }

func BenchmarkOpen100k(b *testing.B) {
	bucket, _ := fill(b, 100_000)
	for b.Loop() {
		l := New(Options{Bucket: bucket, Now: steady.now, Log: quiet, ReplayOnly: true})
		if _, err := l.Wrap(b.Context(), model, nil); err != nil {
			b.Fatal(err)
		}
		_ = l.Close(b.Context())
	}
}

// BenchmarkOpenProcesses opens a model for which many short processes have recorded
// 20 exchanges each, and closed, or were killed and left a journal.
func BenchmarkOpenProcesses(b *testing.B) {
	for name, killed := range map[string]bool{"segments": false, "journals": true} {
		b.Run(name, func(b *testing.B) {
			bucket := folderBucket(b)
			g := newGym(1)
			for range *processes {
				l := New(Options{Bucket: bucket, Now: steady.now, Log: quiet})
				id := IdentityOf(model)
				digest, err := id.digest()
				if err != nil {
					b.Fatal(err)
				}
				l.books[digest] = newBook(l, id, digest) // what the others recorded does not matter
				c, err := l.Wrap(b.Context(), model, &provider{})
				if err != nil {
					b.Fatal(err)
				}
				for range 20 {
					if _, err := c.Chat(b.Context(), g.next()); err != nil {
						b.Fatal(err)
					}
				}
				if killed {
					err = l.Flush(b.Context())
					l.books = nil
				}
				if err := errors.Join(err, l.Close(b.Context())); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				l := New(Options{Bucket: bucket, Now: steady.now, Log: quiet, ReplayOnly: true})
				if _, err := l.Wrap(b.Context(), model, nil); err != nil {
					b.Fatal(err)
				}
				_ = l.Close(b.Context())
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N**processes), "µs/process")
		})
	}
}

// BenchmarkChat8K is the CPU that recording adds to a call with 8 KB of history
// and a schema: the canonical request, its key, and its part of a segment.
func BenchmarkChat8K(b *testing.B) {
	l := New(Options{Bucket: store.NewMem(), Now: steady.now, Log: quiet})
	c, err := l.Wrap(b.Context(), model, &provider{chat: func(context.Context, int64, *llm.Request) (*llm.Response, error) {
		return &llm.Response{Content: strings.Repeat("answer ", 30), FinishReason: "stop", Model: "m"}, nil
	}})
	if err != nil {
		b.Fatal(err)
	}
	gym := newGym(64)
	requests := make([]*llm.Request, 4096)
	for i := range requests {
		requests[i] = gym.next()
	}
	var seed uint64
	start := cpu(b)
	for b.Loop() {
		req := *requests[seed%uint64(len(requests))]
		seed++
		req.Seed += seed
		if _, err := c.Chat(b.Context(), &req); err != nil {
			b.Fatal(err)
		}
	}
	if err := l.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64((cpu(b)-start).Microseconds())/float64(b.N), "cpu-µs/op")
}

// cpu returns the CPU time of this process.
func cpu(b *testing.B) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// A gym makes requests like those of package generate: sessions in flight in
// turn, each a history of 2 to 12 KB that grows at its end.
type gym struct {
	rng      *rand.Rand
	sessions [][]llm.Message
	n        int
}

const gymSeed = 7

func newGym(inFlight int) *gym {
	return &gym{rng: rand.New(rand.NewPCG(gymSeed, 0)), sessions: make([][]llm.Message, inFlight)}
}

var (
	gymSystem = strings.Repeat("You watch a person at work and offer help when it is welcome, and stay silent when not. ", 16)
	gymSchema = &llm.Schema{Name: "proposal", Schema: []byte(`{"type":"object","properties":{"tasks":{"type":"array","items":{"type":"string"},"maxItems":3}},"required":["tasks"],"additionalProperties":false}`)}
	gymWords  = strings.Fields("the user opens closes edits saves searches compiles reads writes file page table report browser editor terminal message error after before again without success and then waits for an answer from a colleague about budget draft meeting plan")
)

func (g *gym) text(words int) string {
	var out strings.Builder
	for range words {
		out.WriteString(gymWords[g.rng.IntN(len(gymWords))])
		out.WriteByte(' ')
	}
	return out.String()
}

func (g *gym) next() *llm.Request {
	i := g.n % len(g.sessions)
	g.n++
	s := g.sessions[i]
	if len(s) == 0 || len(s) > 40 {
		s = []llm.Message{{Role: llm.System, Content: gymSystem}, {Role: llm.User, Content: g.text(80)}}
	} else {
		s = append(s[:len(s):len(s)], llm.Message{Role: llm.Assistant, Content: g.text(25)}, llm.Message{Role: llm.User, Content: g.text(50)})
	}
	g.sessions[i] = s
	return &llm.Request{Messages: s, Schema: gymSchema, Seed: g.rng.Uint64() >> 11}
}

// The sizes of the benchmarks. A million exchanges take minutes to record.
var (
	exchanges = flag.Int("exchanges", 20_000, "how many exchanges BenchmarkLedger records")
	processes = flag.Int("processes", 1000, "how many processes record for BenchmarkOpenProcesses")
)

// folderBucket returns a bucket of a folder.
func folderBucket(b *testing.B) store.Bucket {
	bucket, err := folder.Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = bucket.Close() })
	return bucket
}

// BenchmarkLedger records exchanges and reports how long it takes to open them
// and to look one up at random, and what they take up.
func BenchmarkLedger(b *testing.B) {
	b.Run("memory", func(b *testing.B) { scale(b, store.NewMem()) })
	b.Run("folder", func(b *testing.B) { scale(b, folderBucket(b)) })
}

func scale(b *testing.B, bucket store.Bucket) {
	fill := New(Options{Bucket: bucket, Now: steady.now, Log: quiet})
	g := newGym(1000)
	c, err := fill.Wrap(b.Context(), model, &provider{chat: func(_ context.Context, n int64, _ *llm.Request) (*llm.Response, error) {
		return &llm.Response{Content: g.text(15 + int(n%45)), FinishReason: "stop", Model: "m-2024", Usage: llm.Usage{Calls: 1, Prompt: n % 3000, Completion: n % 90}}, nil
	}})
	if err != nil {
		b.Fatal(err)
	}
	var some []*llm.Request // to look up, at random places
	for i := range *exchanges {
		req := g.next()
		if _, err := c.Chat(b.Context(), req); err != nil {
			b.Fatal(err)
		}
		if i%(*exchanges/min(*exchanges, 5000)) == 0 {
			some = append(some, req)
		}
	}
	if err := fill.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
	g.rng.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
	heap := func() float64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	fill, c = nil, nil
	before := heap()
	var opened, looked []time.Duration
	var held float64
	for b.Loop() {
		start := time.Now()
		l := New(Options{Bucket: bucket, Now: steady.now, Log: quiet, ReplayOnly: true})
		c, err := l.Wrap(b.Context(), model, nil)
		if err != nil {
			b.Fatal(err)
		}
		opened = append(opened, time.Since(start))
		held = heap() - before
		for _, req := range some {
			start := time.Now()
			if _, err := c.Chat(b.Context(), req); err != nil {
				b.Fatal(err)
			}
			looked = append(looked, time.Since(start))
		}
		_ = l.Close(b.Context())
	}
	slices.Sort(opened)
	slices.Sort(looked)
	var size int64
	for key, err := range bucket.List(b.Context(), "ledger/") {
		if err != nil {
			b.Fatal(err)
		}
		n, err := bucket.Stat(b.Context(), key)
		if err != nil {
			b.Fatal(err)
		}
		size += n
	}
	b.ReportMetric(0, "ns/op") // says nothing
	b.ReportMetric(opened[len(opened)/2].Seconds()*1e3, "open-ms")
	b.ReportMetric(looked[len(looked)/2].Seconds()*1e6, "lookup-p50-µs")
	b.ReportMetric(looked[len(looked)*99/100].Seconds()*1e6, "lookup-p99-µs")
	b.ReportMetric(float64(size)/float64(*exchanges), "stored-B/exchange")
	b.ReportMetric(held/float64(*exchanges), "heap-B/exchange")
	start := time.Now()
	l := New(Options{Bucket: bucket, Now: steady.now, Log: quiet, ReplayOnly: true})
	defer l.Close(b.Context())
	if c, err = l.Wrap(b.Context(), model, nil); err != nil {
		b.Fatal(err)
	}
	if _, err := c.Chat(b.Context(), g.next()); !errors.Is(err, ErrMiss) {
		b.Fatal(err)
	}
	b.ReportMetric(time.Since(start).Seconds(), "explain-s")
}

func BenchmarkReplay(b *testing.B) {
	bucket, request := fill(b, b.N)
	l := New(Options{Bucket: bucket, Now: steady.now, Log: quiet, ReplayOnly: true})
	defer func() { _ = l.Close(b.Context()) }()
	c, err := l.Wrap(b.Context(), model, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for i := range b.N {
		if _, err := c.Chat(b.Context(), request(i)); err != nil {
			b.Fatal(err)
		}
	}
}
