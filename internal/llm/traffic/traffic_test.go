package traffic

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/gymline/gymline/internal/llm"
)

// places lets so many calls through at once.
func places(n int) func(llm.Chatter) llm.Chatter {
	slots := make(chan struct{}, n)
	return func(next llm.Chatter) llm.Chatter {
		return llm.ChatFunc(func(ctx context.Context, _ *llm.Request) (*llm.Response, error) {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			defer func() { <-slots }()
			return next.Chat(ctx, nil)
		})
	}
}

func TestCallsUnderWayAndWaiting(t *testing.T) {
	var c Counter
	arrived, gate := make(chan struct{}), make(chan struct{})
	m := c.Asked(places(3)(c.Sent(llm.ChatFunc(func(context.Context, *llm.Request) (*llm.Response, error) {
		arrived <- struct{}{}
		<-gate
		return &llm.Response{}, nil
	}))))
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() { _, _ = m.Chat(t.Context(), nil) })
	}
	for range 3 {
		<-arrived
	}
	for c.asked.Load() < 10 { // the others ask for a place
		runtime.Gosched()
	}
	if got := c.Now(); got.InFlight != 3 || got.Waiting != 7 {
		t.Errorf("%+v, want 3 in flight and 7 waiting", got)
	}
	close(gate)
	for range 7 {
		<-arrived
	}
	wg.Wait()
	if got := c.Now(); got != (llm.Traffic{}) {
		t.Errorf("%+v is left over", got)
	}
}

func TestFailuresByKind(t *testing.T) {
	passing := func(status int, code string) error {
		return &llm.Error{Status: status, Code: code, Class: llm.Retryable, Err: errors.New("x")}
	}
	var c Counter
	for _, err := range []error{
		passing(429, ""), passing(429, "rate_limit_exceeded"), passing(500, ""), passing(503, ""), passing(529, ""), passing(408, ""), passing(0, "timeout"),
		passing(0, ""), passing(200, ""), errors.New("no *llm.Error"),
		&llm.Error{Status: 429, Code: "insufficient_quota", Class: llm.Denied, Err: errors.New("x")}, &llm.Error{Status: 400, Class: llm.Refused, Err: errors.New("x")},
		nil,
	} {
		m := c.Asked(c.Sent(llm.ChatFunc(func(context.Context, *llm.Request) (*llm.Response, error) { return nil, err })))
		if _, got := m.Chat(t.Context(), nil); got != err {
			t.Errorf("the failure became %v", got)
		}
	}
	want := llm.Errors{RateLimited: 2, Server: 3, Timeout: 2, Other: 3, Refused: 2}
	if got := c.Now().Errors; got != want || got.Passing() != 10 || got.Sub(got) != (llm.Errors{}) || got.Add(got).Sub(got) != got {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// Who gives up a call has not seen it fail.
func TestAnInterruptIsNoFailure(t *testing.T) {
	var c Counter
	ctx, cancel := context.WithCancel(t.Context())
	m := c.Asked(c.Sent(llm.ChatFunc(func(ctx context.Context, _ *llm.Request) (*llm.Response, error) {
		cancel()
		return nil, &llm.Error{Class: llm.Retryable, Err: ctx.Err()}
	})))
	if _, err := m.Chat(ctx, nil); err == nil || c.Now() != (llm.Traffic{}) {
		t.Errorf("%v, %+v", err, c.Now())
	}
}

func BenchmarkWrap(b *testing.B) {
	var c Counter
	resp := &llm.Response{}
	m := c.Asked(c.Sent(llm.ChatFunc(func(context.Context, *llm.Request) (*llm.Response, error) { return resp, nil })))
	for b.Loop() {
		_, _ = m.Chat(b.Context(), nil)
	}
}
