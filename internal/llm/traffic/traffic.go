// Package traffic counts a process's calls below its retries: those under way,
// those that wait for limits, and those that failed and that retries hide.
package traffic

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/gymline/gymline/internal/llm"
)

// A Counter counts the calls of any number of models. The zero Counter is ready.
type Counter struct {
	asked, sent                                  atomic.Int64 // under way
	rateLimited, server, timeout, other, refused atomic.Int64
}

// Now returns the counts.
func (c *Counter) Now() llm.Traffic {
	sent := c.sent.Load()
	return llm.Traffic{
		InFlight: sent, Waiting: max(c.asked.Load()-sent, 0),
		Errors: llm.Errors{
			RateLimited: c.rateLimited.Load(), Server: c.server.Load(), Timeout: c.timeout.Load(), Other: c.other.Load(), Refused: c.refused.Load(),
		},
	}
}

// Sent returns next, a provider, with the calls that it has in hand and their
// failures counted.
func (c *Counter) Sent(next llm.Chatter) llm.Chatter { return &sent{next, c} }

// Asked returns next with its calls counted. What it has in hand, and Sent does
// not, waits.
func (c *Counter) Asked(next llm.Chatter) llm.Chatter { return &asked{next, c} }

type asked struct {
	next    llm.Chatter
	counter *Counter
}

func (a *asked) Chat(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	a.counter.asked.Add(1)
	defer a.counter.asked.Add(-1)
	return a.next.Chat(ctx, req)
}

type sent struct {
	next    llm.Chatter
	counter *Counter
}

func (s *sent) Chat(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	s.counter.sent.Add(1)
	defer s.counter.sent.Add(-1)
	resp, err := s.next.Chat(ctx, req)
	if err != nil && ctx.Err() == nil { // who gives up sees no failure
		s.counter.kind(err).Add(1)
	}
	return resp, err
}

// kind is the count that a failure belongs to.
func (c *Counter) kind(err error) *atomic.Int64 {
	e, ok := errors.AsType[*llm.Error](err)
	if !ok {
		return &c.other
	}
	switch {
	case e.Class != llm.Retryable:
		return &c.refused
	case e.Status == 429:
		return &c.rateLimited
	case e.Status >= 500:
		return &c.server
	case e.Status == 408, e.Code == "timeout":
		return &c.timeout
	}
	return &c.other
}
