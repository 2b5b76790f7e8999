//go:build unix

package openai

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sashabaranov/go-openai"

	"github.com/gymline/gymline/internal/llm"
)

// BenchmarkCall compares the CPU of a call with that of the client alone, both
// with the loopback server's own share included: cpu-µs/op is of the process.
func BenchmarkCall(b *testing.B) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, reply("ok"))
	}))
	defer srv.Close()
	prompt := strings.Repeat("some words of a prompt, ", 170) // 4 KB
	zero := 0.0
	b.Run("chatter", func(b *testing.B) {
		client := NewHTTPClient()
		defer client.CloseIdleConnections()
		c, err := New(llm.Model{BaseURL: srv.URL, Model: "m", Temperature: &zero}, Access{Key: NewKey(canary)}, client)
		if err != nil {
			b.Fatal(err)
		}
		req := &llm.Request{Messages: []llm.Message{{Role: llm.User, Content: prompt}}}
		measure(b, func() error { _, err := c.Chat(b.Context(), req); return err })
	})
	b.Run("bare", func(b *testing.B) {
		client := NewHTTPClient()
		defer client.CloseIdleConnections()
		config := openai.DefaultConfig(canary)
		config.BaseURL, config.HTTPClient = srv.URL, client
		c := openai.NewClientWithConfig(config)
		req := openai.ChatCompletionRequest{Model: "m", Messages: []openai.ChatCompletionMessage{{Role: "user", Content: prompt}}}
		measure(b, func() error { _, err := c.CreateChatCompletion(b.Context(), req); return err })
	})
}

func measure(b *testing.B, call func() error) {
	b.ReportAllocs()
	before := cpu()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := call(); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
