// Package retry tries a chat request again after a failure that may pass:
// exponential backoff with full jitter, at least as long as the server asks for.
//
// It owns every failure that may pass, but for overloads (429, 529, 503 with
// retry-after). Those package limit, below it, owns: it alone waits and sends
// again, and what it gives up on is final here. So an overload is no attempt,
// and the waits of the two do not multiply. Nor does the time in the limiter's
// queue count: a long queue leaves a call as many attempts as a short one.
//
// A request that is given up, not for an overload, may be one that can never be answered, or the first
// to meet an outage. To tell, the first request that the model answered in this
// process is sent once more: if it is answered again, only the one fails
// (llm.Refused), and else the provider (llm.Retryable).
package retry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/gymline/gymline/internal/llm"
)

// A Policy bounds the tries of one request.
type Policy struct {
	Attempts int // calls at most, the first included
	// Unanswered is how many calls at most, where each of them took all the time that
	// a call may and nothing came; 0 is Attempts.
	Unanswered int
	Base       time.Duration // the first wait is drawn from [0, Base), and the bound doubles each time
	Max        time.Duration // the bound's own bound
	// Elapsed bounds the waits of one request, all together. A server that asks
	// to wait beyond it fails the request at once.
	Elapsed time.Duration
}

// Default outlasts a short outage, and no silence for more than half an hour.
var Default = Policy{Attempts: 8, Unanswered: 3, Base: time.Second, Max: 30 * time.Second, Elapsed: 5 * time.Minute}

// A Clock is the time that waits are measured in. Jitter gives numbers in
// [0,1) and is safe for concurrent use.
type Clock struct {
	Sleep  func(ctx context.Context, d time.Duration) error
	Jitter func() float64
}

// Wrap returns next with retries of failures whose class is llm.Retryable, less
// overloads. What is still failing at the end is the last call's *llm.Error.
func Wrap(next llm.Chatter, p Policy, c Clock, log *slog.Logger) llm.Chatter {
	return &retrier{next: next, policy: p, clock: c, log: log}
}

// Caller returns what Wrap does, overloads included, for calls that fail as a
// Chatter's do and that no limiter holds back.
func Caller(p Policy, c Clock, log *slog.Logger) func(ctx context.Context, call func() error) error {
	return (&retrier{policy: p, clock: c, log: log, overloads: true}).do
}

type retrier struct {
	next      llm.Chatter
	policy    Policy
	clock     Clock
	log       *slog.Logger
	overloads bool                        // are tried again, too
	told      atomic.Bool                 // of the first failure; the others are for debugging
	answered  atomic.Pointer[llm.Request] // the first that was
}

func (r *retrier) Chat(ctx context.Context, req *llm.Request) (resp *llm.Response, err error) {
	tries := 0
	err = r.do(ctx, func() error {
		tries++
		resp, err = r.next.Chat(ctx, req)
		return err
	})
	if err != nil {
		return nil, r.verdict(ctx, err)
	}
	if tries > 1 {
		again := *resp
		again.Tries = tries
		resp = &again
	}
	if r.answered.Load() == nil {
		r.answered.Store(req)
	}
	return resp, nil
}

func (r *retrier) do(ctx context.Context, call func() error) error {
	var waited time.Duration
	unanswered := 0
	for attempt := 1; ; attempt++ {
		err := call()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		e, ok := errors.AsType[*llm.Error](err)
		if !ok || e.Class != llm.Retryable || e.Overload() && !r.overloads {
			return err
		}
		if e.Unanswered {
			unanswered++
		}
		wait := r.wait(attempt, e.RetryAfter)
		if waited += wait; attempt >= r.policy.Attempts || waited > r.policy.Elapsed || r.policy.Unanswered > 0 && unanswered >= r.policy.Unanswered {
			last := *e
			last.Err = fmt.Errorf("%w (after %d attempts)", e.Err, attempt)
			return &last
		}
		level := slog.LevelDebug
		if r.told.CompareAndSwap(false, true) {
			level = slog.LevelWarn
		}
		r.log.Log(ctx, level, "model call failed, trying again", "err", e.Err, "model", e.Model, "status", e.Status, "code", e.Code, "attempt", attempt, "wait", wait)
		if err := r.clock.Sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// wait returns how long to wait after the attempt of that number (from 1). The
// jitter comes on top of what the server asks for, so that callers who were
// turned away together do not come back together.
func (r *retrier) wait(attempt int, asked time.Duration) time.Duration {
	bound := r.policy.Max
	if shift := attempt - 1; shift < 32 {
		bound = min(bound, r.policy.Base<<shift)
	}
	return asked + time.Duration(r.clock.Jitter()*float64(bound))
}

// Sleep waits for d, or until ctx ends and then returns its error.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
