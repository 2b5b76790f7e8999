package budget

import (
	"context"
	"errors"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/limit"
)

// answerTokens is how long an answer is taken to be before one is known, where
// the model does not bound it further.
const answerTokens = 512

// Wrap returns next with its calls paid from the account. It goes where a call
// is really made: below ledger, retries and limits.
func (a *Account) Wrap(next llm.Chatter, m llm.Model, price llm.Price) llm.Chatter {
	if price.Free() {
		return next
	}
	c := &chatter{account: a, next: next, price: price, answer: answerTokens}
	if m.MaxTokens > 0 {
		c.answer = min(c.answer, int64(m.MaxTokens))
	}
	return c
}

type chatter struct {
	account *Account
	next    llm.Chatter
	price   llm.Price
	answer  int64 // tokens

	guessed, paid float64 // of the calls that were answered; guarded by the account's mu
}

func (c *chatter) Chat(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	prompt := int64(limit.Estimate(req))
	guess := c.price.Cost(llm.Usage{Prompt: prompt, Completion: c.answer})
	price, err := c.account.admit(ctx, c, guess)
	if err != nil {
		return nil, err
	}
	resp, err := c.next.Chat(ctx, req)
	cost := 0.
	switch {
	case err == nil:
		used := resp.Usage
		if used.Prompt+used.Completion == 0 { // some servers do not count
			used = llm.Usage{Prompt: prompt, Completion: int64(len(resp.Content)/4 + 1)}
		}
		cost = c.price.Cost(used)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		cost = price // it was cut off, and may be billed
	}
	c.account.settle(c, guess, price, cost, err == nil)
	return resp, err
}

// expect is what a call is likely to cost: the guess, put right by what the
// calls before cost for theirs.
func (c *chatter) expect(guess float64) float64 {
	if c.guessed == 0 {
		return guess
	}
	return guess * c.paid / c.guessed
}

func (c *chatter) learn(guess, cost float64) {
	c.guessed += guess
	c.paid += cost
}
