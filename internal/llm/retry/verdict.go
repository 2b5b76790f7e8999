package retry

import (
	"context"
	"errors"
	"fmt"

	"github.com/gymline/gymline/internal/llm"
)

// greeting is what a model is asked that has answered nothing in this process,
// such as one whose other answers were all recorded before.
var greeting = &llm.Request{Messages: []llm.Message{{Role: llm.User, Content: "Say yes."}}}

// verdict tells the failure of one request from an outage: whose last failure err
// is has been given up. A server that is overloaded, or asks to wait longer than
// anybody does, says itself that it is its own.
func (r *retrier) verdict(ctx context.Context, err error) error {
	e, ok := errors.AsType[*llm.Error](err)
	if !ok || e.Class != llm.Retryable || e.Overload() || e.RetryAfter > r.policy.Elapsed || ctx.Err() != nil {
		return err
	}
	probe := r.answered.Load()
	if probe == nil {
		probe = greeting
	}
	bounded, cancel := context.WithTimeout(ctx, max(r.policy.Elapsed, r.policy.Max))
	defer cancel()
	if _, failed := r.next.Chat(bounded, probe); failed != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if other, ok := errors.AsType[*llm.Error](failed); ok && other.Class == llm.Denied {
			return other
		}
		return err
	}
	alone := *e
	alone.Class, alone.Setup, alone.Remedy = llm.Refused, false, ""
	alone.Err = fmt.Errorf("%w, while another request was answered", e.Err)
	return &alone
}
