// Package setup tells a set-up that cannot work from bad luck: a wrong key, model,
// path, region or field that a provider answers with whatever status it likes.
//
// A failure that may be of that kind (llm.Error.Setup) is taken for what it says
// as soon as the model has answered in this process. Before its first answer, the
// third such failure is denied: it ends the run, with the provider's words. One
// that may pass is not where the model has answered in another process: it may be
// down, whatever it says, while a refusal is meant.
package setup

import (
	"context"
	"errors"
	"sync"

	"github.com/gymline/gymline/internal/llm"
)

// Enough is how many failures tell, without one answer, that none will come.
const Enough = 3

// remedy is what a person can do where nothing says more.
const remedy = "mend what the provider names: the key in apiKey's variable, the model's name, baseURL, or a setting that it does not take (it is asked without response_format when the model's schema is text)"

// Wrap returns next, whose failures before its first answer may be denied; before
// says that it has answered other processes. It goes below whatever sends no call
// after a denied one.
func Wrap(next llm.Chatter, before bool) llm.Chatter { return &chatter{next: next, before: before} }

type chatter struct {
	next   llm.Chatter
	before bool

	mu       sync.Mutex
	answered bool
	failed   int // of the kind that tells, before the first answer
}

func (c *chatter) Chat(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	resp, err := c.next.Chat(ctx, req)
	e, ok := errors.AsType[*llm.Error](err)
	if err != nil && !ok {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.answered = true
		return resp, nil
	}
	if !e.Setup || c.answered || c.before && e.Class == llm.Retryable {
		return nil, err
	}
	if c.failed++; c.failed < Enough {
		return nil, err
	}
	denied := *e
	denied.Class = llm.Denied
	if denied.Remedy == "" {
		denied.Remedy = remedy
	}
	return nil, &denied
}
