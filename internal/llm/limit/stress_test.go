package limit

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gymline/gymline/internal/llm"
)

// TestNoCallIsLost plays random schedules of arrivals, answers, failures and
// cancelled waits. Every call ends, the bounds hold, and nothing is left behind.
func TestNoCallIsLost(t *testing.T) {
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 2))
			limits := llm.Limits{Concurrency: r.IntN(5), RequestsPerMinute: r.IntN(3) * 300, TokensPerMinute: r.IntN(3) * 9000}
			var mu sync.Mutex
			draw := func(n int) int { mu.Lock(); defer mu.Unlock(); return r.IntN(n) }
			var inFlight atomic.Int64
			l := Wrap(llm.ChatFunc(func(ctx context.Context, _ *llm.Request) (*llm.Response, error) {
				n := inFlight.Add(1)
				defer inFlight.Add(-1)
				if limits.Concurrency > 0 && n > int64(limits.Concurrency) {
					t.Errorf("%d in flight, and %d may be", n, limits.Concurrency)
				}
				select {
				case <-ctx.Done():
					return nil, ctx.Err()
				case <-time.After(time.Duration(draw(3000)) * time.Millisecond):
				}
				window := llm.Quota{Limit: draw(900) - 1, Remaining: draw(9) - 1, Reset: time.Duration(draw(3000)-1) * time.Millisecond}
				said := &llm.Rate{Requests: window, Tokens: llm.Quota{Limit: -1, Remaining: -1, Reset: -1}}
				switch draw(8) {
				case 0:
					return nil, &llm.Error{Status: 429, Rate: said, Err: errors.New("slow down")}
				case 1:
					return nil, &llm.Error{Status: 529, RetryAfter: time.Duration(draw(9000)) * time.Millisecond, Err: errors.New("slow down")}
				case 2:
					return nil, &llm.Error{Status: 500, Err: errors.New("broken")}
				case 3:
					return &llm.Response{Rate: said}, nil
				}
				return &llm.Response{Usage: llm.Usage{Prompt: int64(draw(400))}}, nil
			}), limits, bubble(seed))
			var ended atomic.Int64
			const calls = 150
			for range calls {
				time.Sleep(time.Duration(draw(200)) * time.Millisecond)
				ctx, cancel := context.WithCancel(t.Context())
				if draw(3) == 0 {
					time.AfterFunc(time.Duration(draw(20000))*time.Millisecond, cancel)
				}
				go func() {
					defer cancel()
					_, err := l.Chat(ctx, ask(draw(400)))
					if e, ok := errors.AsType[*llm.Error](err); err != nil && ctx.Err() == nil && (!ok || e.Overload()) {
						t.Errorf("seed %d: %v", seed, err)
					}
					ended.Add(1)
				}()
			}
			time.Sleep(time.Hour)
			synctest.Wait()
			if s := l.State(); ended.Load() != calls || s.InFlight != 0 || s.Waiting != 0 || s.Window < 1 {
				t.Fatalf("seed %d: %d of %d calls ended; %+v", seed, ended.Load(), calls, s)
			}
		})
	}
}

// TestCrowd: real threads, for the race detector; a lost wake-up would hang it.
func TestCrowd(t *testing.T) {
	var n atomic.Int64
	l := Wrap(llm.ChatFunc(func(context.Context, *llm.Request) (*llm.Response, error) {
		if n.Add(1)%100 == 0 {
			return nil, &llm.Error{Status: 429, RetryAfter: 100 * time.Microsecond, Err: errors.New("slow down")}
		}
		runtime.Gosched()
		return &llm.Response{}, nil
	}), llm.Limits{Concurrency: 7}, bubble(1))
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			for j := range 100 {
				ctx, cancel := context.WithCancel(t.Context())
				if (i+j)%5 == 0 {
					go cancel()
				}
				if _, err := l.Chat(ctx, ask(1)); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if s := l.State(); s.InFlight != 0 || s.Waiting != 0 {
		t.Errorf("%+v", s)
	}
}

// BenchmarkLimiter is the cost of one call among thousands, alone and while they
// wait for room.
func BenchmarkLimiter(b *testing.B) {
	for _, crowd := range []int{1, 2000, 4000} {
		for _, bound := range []int{0, crowd / 2} {
			b.Run(fmt.Sprintf("callers=%d/concurrency=%d", crowd, bound), func(b *testing.B) {
				l := Wrap(llm.ChatFunc(func(context.Context, *llm.Request) (*llm.Response, error) {
					runtime.Gosched()
					return &llm.Response{}, nil
				}), llm.Limits{Concurrency: bound, RequestsPerMinute: 1e12, TokensPerMinute: 1e12}, bubble(1))
				req := ask(4000)
				b.ReportAllocs()
				var left atomic.Int64
				left.Store(int64(b.N))
				var wg sync.WaitGroup
				for range crowd {
					wg.Go(func() {
						for left.Add(-1) >= 0 {
							_, _ = l.Chat(b.Context(), req)
						}
					})
				}
				wg.Wait()
			})
		}
	}
}
