package limit

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/retry"
)

func overload(after time.Duration) *llm.Error {
	return &llm.Error{Model: "m", Status: 429, RetryAfter: after, Err: errors.New("slow down")}
}

// A script answers calls by their number, from 1, and keeps when they came.
type script struct {
	answer func(n int) (*llm.Response, error)

	mu sync.Mutex
	at []time.Time
}

func (s *script) Chat(context.Context, *llm.Request) (*llm.Response, error) {
	s.mu.Lock()
	s.at = append(s.at, time.Now())
	n := len(s.at)
	s.mu.Unlock()
	return s.answer(n)
}

// came returns when the calls came.
func (s *script) came() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.at)
}

func ok(int) (*llm.Response, error) { return &llm.Response{}, nil }

// crowd makes n calls in the background.
func crowd(ctx context.Context, c llm.Chatter, n int) {
	for range n {
		go func() { _, _ = c.Chat(ctx, ask(1)) }()
	}
	synctest.Wait()
}

// together makes n calls at once, in order, and returns their errors.
func together(ctx context.Context, c llm.Chatter, n int) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { _, errs[i] = c.Chat(ctx, ask(1)) })
		synctest.Wait()
	}
	wg.Wait()
	return errs
}

// TestWindow: it doubles each round trip while it is full, is cut once by calls
// that were sent together, and stays as it is while it binds nobody.
func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := false
		l := Wrap(llm.ChatFunc(func(context.Context, *llm.Request) (*llm.Response, error) {
			time.Sleep(time.Second)
			if full {
				return nil, overload(time.Hour) // is given up at once
			}
			return &llm.Response{}, nil
		}), llm.Limits{}, bubble(1))
		together(t.Context(), l, 50)
		if w := l.State().Window; w != 64 {
			t.Errorf("a window that is not full went to %d", w)
		}
		crowd(t.Context(), l, 64+128+256+256)
		for _, want := range []int{64, 128, 256, 256} {
			if s := l.State(); s.InFlight != want {
				t.Errorf("%+v, want %d in flight", s, want)
			}
			time.Sleep(time.Second + time.Millisecond)
			synctest.Wait()
		}
		before := l.State().Window
		full = true
		together(t.Context(), l, before)
		if s := l.State(); s.Window != before*7/10 || s.Refused != int64(before) {
			t.Errorf("a window of %d was cut to %+v", before, s)
		}
	})
}

// TestWindowIsNeverLessThanOne, however often it is cut, and it grows back fast
// to where it last was proven.
func TestWindowIsNeverLessThanOne(t *testing.T) {
	w, now := newWindow(1000), time.Unix(0, 0)
	w.size = 1000
	w.sent(1000, 1)
	for i := range 100 {
		w.cut(now, 0, i == 0)
		if w.room() < 1 {
			t.Fatalf("%+v", w)
		}
	}
	for range 699 {
		w.bound(2)
		w.succeeded(now, 2)
	}
	if w.room() != 700 {
		t.Errorf("after 699 successes: %+v", w)
	}
}

// TestBriefRefusals: a server that refuses one call in fifty, and has room again
// a few milliseconds later, is called about as fast as it answers.
func TestBriefRefusals(t *testing.T) {
	for _, workers := range []int{1, 4, 50} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{answer: func(n int) (*llm.Response, error) {
				time.Sleep(time.Duration(150+n*7919%100) * time.Millisecond)
				if n%50 == 49 {
					return nil, overload(5 * time.Millisecond)
				}
				return ok(n)
			}}
			ctx, stop := context.WithTimeout(t.Context(), time.Minute)
			defer stop()
			l := Wrap(s, llm.Limits{}, bubble(1))
			var wg sync.WaitGroup
			for range workers {
				wg.Go(func() {
					for ctx.Err() == nil {
						_, _ = l.Chat(ctx, ask(1))
					}
				})
			}
			wg.Wait()
			if n, most := len(s.came()), workers*300; n < most*8/10 {
				t.Errorf("%d workers: %d calls in a minute, and the server could answer %d", workers, n, most)
			}
		})
	}
}

// TestRetryAfterPausesAll: one call is told to wait, all do, and come back spread out.
func TestRetryAfterPausesAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answer: func(n int) (*llm.Response, error) {
			if n == 1 {
				return nil, overload(30 * time.Second)
			}
			return ok(n)
		}}
		l := Wrap(s, llm.Limits{}, bubble(1))
		start := time.Now()
		crowd(t.Context(), l, 1)
		crowd(t.Context(), l, 99)
		if st := l.State(); st.Waiting != 100 || st.PausedUntil.Sub(start) < 30*time.Second {
			t.Errorf("%+v", st)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		back := s.came()[1:]
		if len(back) != 100 || back[0].Sub(start) < 30*time.Second || back[0].Sub(start) > 32*time.Second {
			t.Fatalf("%d calls came back, the first after %v", len(back), back[0].Sub(start))
		}
		for i := range back[1:] {
			if d := back[i+1].Sub(back[i]); d < 5*time.Millisecond {
				t.Errorf("call %d came back %v after the one before", i+1, d)
			}
		}
		if !l.State().PausedUntil.IsZero() {
			t.Error("still paused")
		}
	})
}

// TestOrder: calls go in order of arrival, and one that was refused goes first.
func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []int
		refuse := true
		l := Wrap(llm.ChatFunc(func(_ context.Context, req *llm.Request) (*llm.Response, error) {
			order = append(order, req.Replicate)
			time.Sleep(time.Second)
			if req.Replicate == 3 && refuse {
				refuse = false
				return nil, overload(0)
			}
			return &llm.Response{}, nil
		}), llm.Limits{Concurrency: 1}, bubble(1))
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() { _, _ = l.Chat(t.Context(), &llm.Request{Replicate: i}) })
			synctest.Wait()
		}
		wg.Wait()
		if want := []int{0, 1, 2, 3, 3, 4, 5}; !slices.Equal(order, want) {
			t.Errorf("went %v, want %v", order, want)
		}
	})
}

// TestDenied: whatever calls wait for, they get the error at once, and no
// further one is sent.
func TestDenied(t *testing.T) {
	for name, tt := range map[string]struct {
		limits llm.Limits
		pause  time.Duration
	}{
		"waiting for room":      {limits: llm.Limits{Concurrency: 2}},
		"waiting for the clock": {limits: llm.Limits{Concurrency: 1000, RequestsPerMinute: 2}},
		"paused":                {pause: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				denied := &llm.Error{Model: "m", Status: 402, Class: llm.Denied, Err: errors.New("no credit")}
				s := &script{answer: func(n int) (*llm.Response, error) {
					time.Sleep(time.Second)
					if n == 2 {
						return nil, overload(tt.pause)
					}
					time.Sleep(time.Second)
					return nil, denied
				}}
				if tt.limits.RequestsPerMinute > 0 {
					s.answer = func(int) (*llm.Response, error) { time.Sleep(2 * time.Second); return nil, denied }
				}
				l := Wrap(s, tt.limits, bubble(1))
				start := time.Now()
				if tt.pause > 0 { // the others arrive during the pause
					crowd(t.Context(), l, 2)
					time.Sleep(1500 * time.Millisecond)
				}
				errs := together(t.Context(), l, 20)
				for _, err := range errs {
					if err != error(denied) {
						t.Fatalf("got %v", err)
					}
				}
				sent := len(s.came())
				if _, err := l.Chat(t.Context(), ask(1)); err != error(denied) || len(s.came()) != sent || sent > 2 {
					t.Errorf("%d calls were sent, then %v", sent, err)
				}
				if d := time.Since(start); d > 3*time.Second {
					t.Errorf("took %v", d)
				}
			})
		})
	}
}

// TestGivesUp: a call fails after Patience, if nothing else succeeds; a server
// that asks for more fails at once those who called it, and those who wait.
func TestGivesUp(t *testing.T) {
	for _, after := range []time.Duration{0, 80 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			l := Wrap(&script{answer: func(int) (*llm.Response, error) { return nil, overload(after) }}, llm.Limits{}, bubble(1))
			start := time.Now()
			_, err := l.Chat(t.Context(), ask(1))
			if e, ok := errors.AsType[*llm.Error](err); !ok || !e.Overload() || time.Since(start) < Patience || time.Since(start) > Patience+after+time.Minute {
				t.Errorf("%v after %v", err, time.Since(start))
			}
		})
	}
	for refusals, fails := range map[int]bool{7: false, 1000: true} { // while others succeed
		synctest.Test(t, func(t *testing.T) {
			n := 0
			l := Wrap(llm.ChatFunc(func(_ context.Context, req *llm.Request) (*llm.Response, error) {
				if req.Replicate == 1 {
					time.Sleep(50 * time.Second)
					if n++; n <= refusals {
						return nil, overload(0)
					}
				}
				return &llm.Response{}, nil
			}), llm.Limits{}, bubble(1))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				for ctx.Err() == nil {
					_, _ = l.Chat(ctx, ask(1))
					_ = retry.Sleep(ctx, time.Second)
				}
			}()
			if _, err := l.Chat(ctx, &llm.Request{Replicate: 1}); (err != nil) != fails || n != 8 {
				t.Errorf("%d refusals: %v after %d calls", refusals, err, n)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		s := &script{answer: func(int) (*llm.Response, error) { return nil, overload(time.Hour) }}
		l := Wrap(s, llm.Limits{Concurrency: 1}, bubble(1))
		start := time.Now()
		for _, err := range together(t.Context(), l, 10) {
			if e, ok := errors.AsType[*llm.Error](err); !ok || e.RetryAfter != time.Hour {
				t.Errorf("got %v", err)
			}
		}
		if len(s.came()) != 1 || time.Since(start) != 0 {
			t.Errorf("%d calls, %v", len(s.came()), time.Since(start))
		}
	})
}

// TestOnlyOverloadsAreOurs: other failures go up untouched and cut nothing.
func TestOnlyOverloadsAreOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, e := range []*llm.Error{{Status: 500}, {Status: 503}, {Status: 400, Class: llm.Refused}, {Status: 0}} {
			s := &script{answer: func(int) (*llm.Response, error) { return nil, e }}
			l := Wrap(s, llm.Limits{}, bubble(1))
			if _, err := l.Chat(t.Context(), ask(1)); err != error(e) || len(s.came()) != 1 || l.State() != (State{Window: 64}) {
				t.Errorf("%d: %v, %d calls, %+v", e.Status, err, len(s.came()), l.State())
			}
		}
		n := 0
		l := Wrap(llm.ChatFunc(func(context.Context, *llm.Request) (*llm.Response, error) {
			if n++; n == 1 {
				return nil, &llm.Error{Status: 503, RetryAfter: time.Second, Err: errors.New("wait")}
			}
			return &llm.Response{}, nil
		}), llm.Limits{}, bubble(1))
		if _, err := l.Chat(t.Context(), ask(1)); err != nil || n != 2 {
			t.Errorf("503 with retry-after: %v, %d calls", err, n)
		}
	})
}

// TestHeaders: no more goes out before a reset than remains, and what remains is
// spread over the time until then.
func TestHeaders(t *testing.T) {
	unsaid := llm.Quota{Limit: -1, Remaining: -1, Reset: -1}
	for name, tt := range map[string]struct {
		rate    llm.Rate
		size    int
		allowed int
	}{
		"requests": {llm.Rate{Requests: llm.Quota{Limit: 600, Remaining: 4, Reset: 40 * time.Second}, Tokens: unsaid}, 1, 4},
		"none":     {llm.Rate{Requests: llm.Quota{Limit: 600, Remaining: 0, Reset: 40 * time.Second}, Tokens: unsaid}, 1, 0},
		"tokens":   {llm.Rate{Requests: unsaid, Tokens: llm.Quota{Limit: 60000, Remaining: 3500, Reset: 40 * time.Second}}, 3996, 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answer: func(n int) (*llm.Response, error) {
					if n == 1 {
						return &llm.Response{Rate: &tt.rate}, nil
					}
					return ok(n)
				}}
				l := Wrap(s, llm.Limits{}, bubble(1))
				start := time.Now()
				together(t.Context(), l, 1)
				var wg sync.WaitGroup
				for range 20 {
					wg.Go(func() { _, _ = l.Chat(t.Context(), ask(tt.size)) })
				}
				time.Sleep(40*time.Second - time.Millisecond)
				synctest.Wait()
				if n := len(s.came()) - 1; n != tt.allowed {
					t.Errorf("%d calls before the reset, and %d remained", n, tt.allowed)
				}
				for i, at := range s.came()[1:] {
					if want := 40 * time.Second / time.Duration(tt.allowed+1) * time.Duration(i); at.Sub(start) < want {
						t.Errorf("call %d went after %v", i, at.Sub(start))
					}
				}
				wg.Wait()
				if len(s.came()) != 21 {
					t.Errorf("%d calls in all", len(s.came()))
				}
			})
		})
	}
}

// TestHeadersAreLate: what was sent since the call that brings the news is not in it.
func TestHeadersAreLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		unsaid := llm.Quota{Limit: -1, Remaining: -1, Reset: -1}
		s := &script{answer: func(n int) (*llm.Response, error) {
			time.Sleep(time.Second)
			if n > 1 {
				time.Sleep(5 * time.Minute)
			}
			return &llm.Response{Rate: &llm.Rate{Requests: llm.Quota{Limit: 600, Remaining: 12 - n, Reset: time.Minute}, Tokens: unsaid}}, nil
		}}
		l := Wrap(s, llm.Limits{}, bubble(1))
		crowd(t.Context(), l, 10) // the first answer says that 11 remain, and 9 of them are spent
		time.Sleep(1500 * time.Millisecond)
		crowd(t.Context(), l, 10)
		time.Sleep(50 * time.Second)
		synctest.Wait()
		if n := len(s.came()); n < 11 || n > 12 {
			t.Errorf("%d calls before the reset, and 12 are allowed", n)
		}
		time.Sleep(time.Hour)
	})
}

// TestConfiguredLimitsHold, whatever the provider says.
func TestConfiguredLimitsHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		generous := llm.Quota{Limit: 1e6, Remaining: 1e6, Reset: time.Second}
		s := &script{answer: func(int) (*llm.Response, error) {
			return &llm.Response{Rate: &llm.Rate{Requests: generous, Tokens: generous}}, nil
		}}
		together(t.Context(), Wrap(s, llm.Limits{RequestsPerMinute: 60}, bubble(1)), 100)
		at := s.came()
		for i := range at {
			if i >= 10 && at[i].Sub(at[i-10]) < 10*time.Second-time.Millisecond {
				t.Fatalf("11 calls within %v", at[i].Sub(at[i-10]))
			}
		}
	})
}
