// Package limit holds calls back so that one process stays within a model's
// limits: calls in flight, requests per minute and tokens per minute.
package limit

import (
	"context"
	"time"

	"github.com/gymline/gymline/internal/llm"
)

// A Clock is the time that rates are measured in.
type Clock struct {
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
}

// Wrap returns next within limits; a limit of zero does not bind. A call waits
// for its turn, in order of arrival, until ctx ends.
//
// Rates are spread evenly: at most one second's worth goes out at once. A
// call's tokens are estimated as a quarter of its bytes before it is sent, and
// put right by the provider's count after; a call that failed or gave up waiting
// keeps its estimate.
func Wrap(next llm.Chatter, l llm.Limits, c Clock) llm.Chatter {
	if l == (llm.Limits{}) {
		return next
	}
	lim := &limiter{next: next, clock: c, requests: newBucket(l.RequestsPerMinute), tokens: newBucket(l.TokensPerMinute)}
	if l.Concurrency > 0 {
		lim.slots = make(chan struct{}, l.Concurrency)
	}
	return lim
}

type limiter struct {
	next     llm.Chatter
	clock    Clock
	slots    chan struct{} // nil: unbounded
	requests *bucket       // nil: unbounded
	tokens   *bucket
}

func (l *limiter) Chat(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	if l.slots != nil {
		select {
		case l.slots <- struct{}{}:
			defer func() { <-l.slots }()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	estimate := Estimate(req)
	now := l.clock.Now()
	wait := max(l.requests.take(now, 1), l.tokens.take(now, estimate))
	if wait > 0 {
		if err := l.clock.Sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
	resp, err := l.next.Chat(ctx, req)
	if err == nil {
		if used := int(resp.Usage.Prompt + resp.Usage.Completion); used > 0 { // some servers do not count
			l.tokens.correct(l.clock.Now(), estimate, used)
		}
	}
	return resp, err
}

// Estimate returns about how many prompt tokens a request has: a quarter of its bytes.
func Estimate(req *llm.Request) int {
	n := 0
	for _, m := range req.Messages {
		n += len(m.Content)
	}
	if req.Schema != nil {
		n += len(req.Schema.Schema)
	}
	return n/4 + 1
}
