package limit

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/retry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bubble is a clock that synctest moves.
func bubble(seed uint64) Clock {
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(seed, 1))
	return Clock{Now: time.Now, Sleep: retry.Sleep, Jitter: func() float64 {
		mu.Lock()
		defer mu.Unlock()
		return r.Float64()
	}}
}

func ask(bytes int) *llm.Request {
	return &llm.Request{Messages: []llm.Message{{Role: llm.User, Content: strings.Repeat("x", bytes)}}}
}

func TestConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var inFlight, most, done atomic.Int64
		c := Wrap(llm.ChatFunc(func(context.Context, *llm.Request) (*llm.Response, error) {
			n := inFlight.Add(1)
			defer inFlight.Add(-1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			time.Sleep(time.Second)
			if done.Add(1)%3 == 0 {
				return nil, errors.New("a failed call frees its place too")
			}
			return &llm.Response{}, nil
		}), llm.Limits{Concurrency: 8}, bubble(1))
		start := time.Now()
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() { _, _ = c.Chat(t.Context(), ask(1)) })
		}
		wg.Wait()
		if most.Load() != 8 || done.Load() != 200 || time.Since(start) != 25*time.Second {
			t.Errorf("at most %d in flight, %d done in %v", most.Load(), done.Load(), time.Since(start))
		}
	})
}

// starts returns when each of n calls made together reached the model.
func starts(t *testing.T, n int, l llm.Limits, req *llm.Request, usage llm.Usage) []time.Duration {
	var mu sync.Mutex
	var at []time.Duration
	start := time.Now()
	c := Wrap(llm.ChatFunc(func(context.Context, *llm.Request) (*llm.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		at = append(at, time.Since(start))
		return &llm.Response{Usage: usage}, nil
	}), l, bubble(1))
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() { _, _ = c.Chat(t.Context(), req) })
		synctest.Wait()
	}
	wg.Wait()
	return at
}

func within(t *testing.T, at []time.Duration, window time.Duration, most int) {
	t.Helper()
	for i := range at {
		if j := i + most; j < len(at) && at[j]-at[i] < window-time.Millisecond {
			t.Fatalf("%d calls within %v", most+1, at[j]-at[i])
		}
	}
}

func TestRequestsPerMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := starts(t, 360, llm.Limits{RequestsPerMinute: 120}, ask(1), llm.Usage{})
		within(t, at, time.Minute, 120+2) // the rate, and one second's worth
		if last := at[len(at)-1]; last < 178*time.Second || last > 180*time.Second {
			t.Errorf("360 calls took %v", last)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		at := starts(t, 4, llm.Limits{RequestsPerMinute: 6}, ask(1), llm.Usage{})
		within(t, at, 10*time.Second, 1)
		if last := at[3]; last != 30*time.Second {
			t.Errorf("4 calls took %v", last)
		}
	})
}

// TestTokensPerMinute: 10 requests of 1,000 tokens at 6,000 a minute are ten
// seconds apart, though each is more than one second's worth.
func TestTokensPerMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		req := ask(3996) // estimated at 1,000 tokens
		if Estimate(req) != 1000 {
			t.Fatal(Estimate(req))
		}
		at := starts(t, 10, llm.Limits{TokensPerMinute: 6000}, req, llm.Usage{Prompt: 900, Completion: 100})
		within(t, at, 10*time.Second, 1)
		if last := at[9]; last < 89*time.Second || last > 91*time.Second {
			t.Errorf("10 calls took %v", last)
		}
	})
}

// TestTokensAreCorrected: what counts in the end is the provider's count.
func TestTokensAreCorrected(t *testing.T) {
	for name, tt := range map[string]struct {
		used llm.Usage
		want time.Duration // between calls at 60 tokens a second
	}{
		"more than estimated": {llm.Usage{Prompt: 1200, Completion: 600}, 30 * time.Second},
		"less than estimated": {llm.Usage{Prompt: 60, Completion: 60}, 2 * time.Second},
		"not counted":         {llm.Usage{}, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := Wrap(llm.ChatFunc(func(context.Context, *llm.Request) (*llm.Response, error) {
					return &llm.Response{Usage: tt.used}, nil
				}), llm.Limits{TokensPerMinute: 3600}, bubble(1))
				req := ask(2396) // estimated at 600 tokens
				const n = 50
				var start time.Time
				for i := range n + 2 {
					if i == 2 { // the first call waits for its estimate
						start = time.Now()
					}
					if _, err := c.Chat(t.Context(), req); err != nil {
						t.Fatal(err)
					}
				}
				got := time.Since(start) / n
				if d := got - tt.want; d < -tt.want/20 || d > tt.want/20 {
					t.Errorf("a call every %v, want %v", got, tt.want)
				}
			})
		})
	}
}

func TestCancelWhileWaiting(t *testing.T) {
	for name, l := range map[string]llm.Limits{
		"for a place":   {Concurrency: 1},
		"for its turn":  {RequestsPerMinute: 1},
		"for its share": {TokensPerMinute: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				hold := make(chan struct{})
				c := Wrap(llm.ChatFunc(func(context.Context, *llm.Request) (*llm.Response, error) {
					<-hold
					return &llm.Response{}, nil
				}), l, bubble(1))
				go func() { _, _ = c.Chat(context.Background(), ask(1)) }()
				synctest.Wait()
				failed := make(chan error)
				go func() { _, err := c.Chat(ctx, ask(1)); failed <- err }()
				synctest.Wait()
				before := time.Now()
				cancel()
				if err := <-failed; err != context.Canceled || time.Since(before) != 0 {
					t.Errorf("got %v after %v", err, time.Since(before))
				}
				close(hold)
			})
		})
	}
}
