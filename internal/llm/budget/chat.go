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
// is really made: below ledger, retries and limits. The tokens of an answer must
// have been counted.
func (a *Account) Wrap(next llm.Chatter, m llm.Model, price llm.Price) llm.Chatter {
	return a.wrap(next, m, price, false)
}

// WrapBatched does the same for a model that is asked in batches. A call that
// gets no answer costs nothing, for what its batch did of it is paid for by whoever
// takes the batch up; unless the batch was billed and did not show the answer.
func (a *Account) WrapBatched(next llm.Chatter, m llm.Model, price llm.Price) llm.Chatter {
	return a.wrap(next, m, price, true)
}

func (a *Account) wrap(next llm.Chatter, m llm.Model, price llm.Price, batched bool) llm.Chatter {
	if price.Free() {
		return next
	}
	c := &chatter{account: a, next: next, price: price, answer: answerTokens, batched: batched}
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
	batched bool

	// What follows is in dollars, and guarded by the account's mu.
	waiting       float64 // guessed, of the calls that wait for money
	guessed, paid float64 // of the calls that were answered
}

func (c *chatter) Chat(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	guess := c.price.Cost(llm.Usage{Prompt: int64(limit.Estimate(req)), Completion: c.answer})
	price, err := c.account.admit(ctx, c, guess)
	if err != nil {
		return nil, err
	}
	resp, err := c.next.Chat(ctx, req)
	cost := 0.
	switch {
	case err == nil:
		cost = c.price.Cost(resp.Usage)
	case mayBeBilled(err, c.batched):
		cost = price
	}
	c.account.settle(c, guess, price, cost, err == nil)
	return resp, err
}

// mayBeBilled reports whether a provider may have done the work of a call that
// failed: it was cut off, took too long, or its answer could not be used. Of a
// batched call the batcher knows.
func mayBeBilled(err error, batched bool) bool {
	e, ok := errors.AsType[*llm.Error](err)
	if batched {
		return ok && e.Billed
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	return ok && (e.Status/100 == 2 || e.Code == "timeout" || e.Code == "damaged_body" || e.Code == "too_large")
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
