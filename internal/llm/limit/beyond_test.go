package limit

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/gymline/gymline/internal/llm"
)

// TestACallBeyondTheLimitOfAMinuteIsRefused: it can never go, and holds up nobody.
func TestACallBeyondTheLimitOfAMinuteIsRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		bytes, limit int
		class        llm.Class
		calls        int
	}{
		"beyond":          {4000, 500, llm.Refused, 1},
		"within":          {400, 500, llm.Retryable, 2},
		"nothing is said": {4000, -1, llm.Retryable, 2},
	} {
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			c := Wrap(llm.ChatFunc(func(context.Context, *llm.Request) (*llm.Response, error) {
				if calls++; calls > 1 {
					return nil, &llm.Error{Status: 500, Err: errors.New("that was enough")}
				}
				e := overload(0)
				e.Rate = &llm.Rate{Requests: llm.Quota{Limit: -1, Remaining: -1, Reset: -1}, Tokens: llm.Quota{Limit: tt.limit, Remaining: -1, Reset: -1}}
				return nil, e
			}), llm.Limits{}, bubble(1))
			_, err := c.Chat(t.Context(), ask(tt.bytes))
			if e, ok := errors.AsType[*llm.Error](err); !ok || e.Class != tt.class || calls != tt.calls {
				t.Errorf("%s: %v after %d calls", name, err, calls)
			}
		})
	}
}
