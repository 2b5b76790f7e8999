package ledger

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/store"
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
