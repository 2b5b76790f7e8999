package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sashabaranov/go-openai"
)

// A Rate is what a client achieved in its steady part.
type Rate struct {
	CallsPerSecond float64 `json:"callsPerSecond"`
	CPUMicros      float64 `json:"cpuMicrosPerCall"`
}

// bareClient calls with the client library alone, as many at once as asked for,
// and prints its Rate: the peer that gymline is measured against.
func bareClient(ctx context.Context, url string, inFlight, prompt int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	config := openai.DefaultConfig("")
	config.BaseURL = url + "/v1"
	config.HTTPClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: inFlight}}
	client := openai.NewClientWithConfig(config)
	req := openai.ChatCompletionRequest{Model: "bench", Messages: []openai.ChatCompletionMessage{
		{Role: "user", Content: strings.Repeat("some words of a prompt, ", prompt/24)},
	}}
	var calls atomic.Int64
	var wg sync.WaitGroup
	for range inFlight {
		wg.Go(func() {
			for ctx.Err() == nil {
				if _, err := client.CreateChatCompletion(ctx, req); err == nil {
					calls.Add(1)
				}
			}
		})
	}
	time.Sleep(4 * latency) // connections are made
	began, before, cpu := time.Now(), calls.Load(), cpuTime()
	time.Sleep(12 * latency)
	n := float64(calls.Load() - before)
	rate := Rate{CallsPerSecond: n / time.Since(began).Seconds(), CPUMicros: float64((cpuTime() - cpu).Microseconds()) / n}
	cancel()
	wg.Wait()
	return json.NewEncoder(os.Stdout).Encode(rate)
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
