package provider

import (
	"context"

	"github.com/gymline/gymline/internal/llm"
)

// priced puts a price on the answers that had to be paid for: those that the
// ledger did not replay.
func priced(c llm.Chatter, p *llm.Price) llm.Chatter {
	if p == nil {
		return c
	}
	return &pricer{c, *p}
}

type pricer struct {
	llm.Chatter
	price llm.Price
}

func (c *pricer) Chat(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	resp, err := c.Chatter.Chat(ctx, req)
	if err != nil || resp.Usage.Replayed > 0 {
		return resp, err
	}
	paid := *resp
	paid.Usage.USD = c.price.Cost(resp.Usage)
	return &paid, nil
}
