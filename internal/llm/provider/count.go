package provider

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/limit"
)

// absurd is a count of tokens that no call has.
const absurd = 100_000_000

// counted has the tokens of every answer counted, before anybody pays for them:
// what the provider does not say, or counts as cannot be, is a quarter of the
// bytes, and the answer says that it is an estimate.
func counted(next llm.Chatter, model string, log *slog.Logger) llm.Chatter {
	return &counter{next: next, model: model, log: log}
}

type counter struct {
	next  llm.Chatter
	model string
	log   *slog.Logger
	told  atomic.Bool // of a count that cannot be
}

func (c *counter) Chat(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	resp, err := c.next.Chat(ctx, req)
	if err != nil {
		return nil, err
	}
	used, odd := possible(resp.Usage)
	if odd != "" && c.told.CompareAndSwap(false, true) {
		c.log.Warn("the provider counts tokens as cannot be; such counts are bounded or estimated", "model", c.model, "counted", odd)
	}
	if used.Prompt == 0 {
		used.Prompt, used.Estimated = int64(limit.Estimate(req)), 1
	}
	if used.Completion == 0 && strings.TrimSpace(resp.Content) != "" {
		used.Completion, used.Estimated = int64(len(resp.Content)/4+1), 1
	}
	used.Cached = min(used.Cached, used.Prompt)
	known := *resp
	known.Usage = used
	return &known, nil
}

// possible leaves out counts that cannot be, and says what they were. More cached
// tokens than the prompt has are as many as it has.
func possible(u llm.Usage) (_ llm.Usage, odd string) {
	said := u
	for _, n := range []*int64{&u.Prompt, &u.Cached, &u.Completion} {
		if *n < 0 || *n > absurd {
			*n = 0
		}
	}
	if u.Prompt > 0 {
		u.Cached = min(u.Cached, u.Prompt)
	}
	if u != said {
		odd = fmt.Sprintf("%d prompt tokens, %d of them cached, %d of the answer", said.Prompt, said.Cached, said.Completion)
	}
	return u, odd
}
