package retry

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/llm"
)

// A script answers one call after another with its errors, then with success.
type script struct {
	errs  []error
	calls int
}

func (s *script) Chat(context.Context, *llm.Request) (*llm.Response, error) {
	s.calls++
	if s.calls <= len(s.errs) {
		return nil, s.errs[s.calls-1]
	}
	return &llm.Response{Content: "ok"}, nil
}

// A clock keeps what was slept.
type clock struct {
	sleeps []time.Duration
}

func (c *clock) sleep(ctx context.Context, d time.Duration) error {
	c.sleeps = append(c.sleeps, d)
	return ctx.Err()
}

func failure(class llm.Class, after time.Duration) error {
	return &llm.Error{Model: "m", Status: 500, Class: class, RetryAfter: after, Err: errors.New("boom")}
}

// overload is the limiter's to wait for.
var overload = &llm.Error{Model: "m", Status: 429, Class: llm.Retryable, Err: errors.New("slow down")}

var silence = &llm.Error{Model: "m", Code: "timeout", Class: llm.Retryable, Unanswered: true, Err: errors.New("no answer")}

func repeat(err error, n int) []error {
	out := make([]error, n)
	for i := range out {
		out[i] = err
	}
	return out
}

func TestRetry(t *testing.T) {
	policy := Policy{Attempts: 6, Unanswered: 3, Base: time.Second, Max: 4 * time.Second, Elapsed: time.Minute}
	again, s := failure(llm.Retryable, 0), time.Second
	tests := map[string]struct {
		errs   []error
		calls  int             // the last of which, after a request is given up, is of another one
		sleeps []time.Duration // with a jitter of one half
		fails  bool
	}{
		"at once":                  {nil, 1, nil, false},
		"doubles up to the most":   {repeat(again, 5), 6, []time.Duration{s / 2, s, 2 * s, 2 * s, 2 * s}, false},
		"gives up":                 {repeat(again, 7), 7, []time.Duration{s / 2, s, 2 * s, 2 * s, 2 * s}, true},
		"refused":                  {[]error{failure(llm.Refused, 0)}, 1, nil, true},
		"denied, then no more":     {[]error{again, failure(llm.Denied, 0)}, 2, []time.Duration{s / 2}, true},
		"overload":                 {[]error{overload}, 1, nil, true},
		"unavailable":              {[]error{&llm.Error{Status: 503, Err: errors.New("restarting")}}, 2, []time.Duration{s / 2}, false},
		"never answered":           {repeat(silence, 4), 4, []time.Duration{s / 2, s}, true},
		"answered between":         {[]error{silence, again, silence, again}, 5, []time.Duration{s / 2, s, 2 * s, 2 * s}, false},
		"another error":            {[]error{errors.New("defect")}, 1, nil, true},
		"server's wait and jitter": {[]error{failure(llm.Retryable, 20*s)}, 2, []time.Duration{20*s + s/2}, false},
		"server's wait too long":   {[]error{failure(llm.Retryable, time.Hour)}, 1, nil, true},
		"time runs out":            {repeat(failure(llm.Retryable, 25*s), 6), 4, []time.Duration{25*s + s/2, 26 * s}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			next, c := &script{errs: tt.errs}, &clock{}
			r := Wrap(next, policy, Clock{Sleep: c.sleep, Jitter: func() float64 { return 0.5 }}, slog.New(slog.DiscardHandler))
			resp, err := r.Chat(t.Context(), &llm.Request{})
			if next.calls != tt.calls || !reflect.DeepEqual(c.sleeps, tt.sleeps) || (err != nil) != tt.fails || tt.fails == (resp != nil) {
				t.Errorf("%d calls, slept %v, error %v", next.calls, c.sleeps, err)
			}
			if e, ok := errors.AsType[*llm.Error](err); tt.fails && name != "another error" && (!ok || e.Err == nil || !errors.Is(err, e.Err)) {
				t.Errorf("got %#v, not an *llm.Error", err)
			}
		})
	}
}

func TestFullJitter(t *testing.T) {
	next, c := &script{errs: repeat(failure(llm.Retryable, 0), 3)}, &clock{}
	draws := []float64{0, 0.25, 0.999}
	r := Wrap(next, Default, Clock{Sleep: c.sleep, Jitter: func() float64 {
		d := draws[0]
		draws = draws[1:]
		return d
	}}, slog.New(slog.DiscardHandler))
	if _, err := r.Chat(t.Context(), &llm.Request{}); err != nil {
		t.Fatal(err)
	}
	if want := []time.Duration{0, 500 * time.Millisecond, 3996 * time.Millisecond}; !reflect.DeepEqual(c.sleeps, want) {
		t.Errorf("slept %v, want %v", c.sleeps, want)
	}
}

func TestCancelDuringWait(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	next := &script{errs: repeat(failure(llm.Retryable, time.Hour), 2)}
	r := Wrap(next, Policy{Attempts: 3, Elapsed: 24 * time.Hour}, Clock{Jitter: func() float64 { return 0 },
		Sleep: func(ctx context.Context, d time.Duration) error { cancel(); return Sleep(ctx, d) }}, slog.New(slog.DiscardHandler))
	if _, err := r.Chat(ctx, &llm.Request{}); err != context.Canceled || next.calls != 1 {
		t.Errorf("%d calls, error %v", next.calls, err)
	}
}

// TestCancelledCallIsNotRetried: a call that failed because ctx ended says so.
func TestCancelledCallIsNotRetried(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	next := &script{errs: repeat(failure(llm.Retryable, 0), 2)}
	r := Wrap(next, Default, Clock{Sleep: Sleep, Jitter: func() float64 { return 0 }}, slog.New(slog.DiscardHandler))
	if _, err := r.Chat(ctx, &llm.Request{}); err != context.Canceled || next.calls != 1 {
		t.Errorf("%d calls, error %v", next.calls, err)
	}
}

func TestSleep(t *testing.T) {
	if err := Sleep(t.Context(), time.Nanosecond); err != nil {
		t.Error(err)
	}
}

// An answer says how often it was asked for, where that was more than once.
func TestTries(t *testing.T) {
	for fails, want := range map[int]int{0: 0, 1: 2, 3: 4} {
		c := &clock{}
		chat := Wrap(&script{errs: repeat(failure(llm.Retryable, 0), fails)}, Policy{Attempts: 6, Base: time.Second, Max: time.Second, Elapsed: time.Minute},
			Clock{Sleep: c.sleep, Jitter: func() float64 { return 0 }}, slog.New(slog.DiscardHandler))
		if resp, err := chat.Chat(t.Context(), &llm.Request{}); err != nil || resp.Tries != want {
			t.Errorf("after %d failures: %+v, %v", fails, resp, err)
		}
	}
}
