package budget

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gymline/gymline/internal/llm/linger"
	"github.com/gymline/gymline/internal/llm/retry"
	"github.com/gymline/gymline/internal/store"
)

// Tuned in the simulations of aside_test.go: docs/llm.md has what 16 to 100
// processes reach with them.
const (
	// lasts is how long a sum that is set aside should last, or worth times as long
	// as it took to set it aside, whichever is more. It bounds how often the account
	// is written, what a killed process loses, and what of its time it waits.
	lasts = 2 * time.Second
	worth = 16
	// A sum that did not last as long is followed by a larger one, up to grow times.
	grow = 8
	// part of what remains is the most that is set aside beyond the next call, so
	// that many processes come to the end together.
	part = 1. / 64
	// within is how long the store may take for one access.
	within = 30 * time.Second
	// writeGrace is how long a sum that is being written may still take when a stop has
	// come. One that is given up may be written all the same: then it counts as set
	// aside, and nobody gives it back.
	writeGrace = time.Second
	// After a lost race the next try waits up to firstPause, doubling up to maxPause.
	firstPause = 10 * time.Millisecond
	maxPause   = 250 * time.Millisecond
)

// setAside adds to what this process may spend at least the dollars that it is
// short of, and as a rule what all calls that wait need. It returns false when
// they are not left, and when a timid caller would take too large a part of them.
func (a *Account) setAside(ctx context.Context, c *chatter, short, price float64, timid bool) (bool, error) {
	began := a.opt.Now()
	grown := a.more * min(max(max(lasts, worth*a.took).Seconds()/began.Sub(a.setAt).Seconds(), 0.5), grow)
	for lost := 0; ; lost++ {
		if err := a.sync(ctx); err != nil {
			return false, err
		}
		rest := a.opt.USD - a.last.Total
		if short > rest || timid && short > part*rest || a.last.UsedUp >= a.opt.USD {
			return false, nil
		}
		more := min(max(grown, a.awaited(c)), part*(rest-short))
		if more < price {
			more = 0 // a part of a call is of more use to others
		}
		switch err := a.outlast(ctx, short+more); {
		case err == nil:
			a.more, a.setAt = more, a.opt.Now()
			a.took = max(a.setAt.Sub(began), a.took/2) // one quick write says little
			return true, nil
		case !errors.Is(err, store.ErrExists):
			return false, err
		}
		if err := a.pause(ctx, lost); err != nil {
			return false, err
		}
	}
}

// awaited is what the calls to a model that wait for money will cost.
func (a *Account) awaited(c *chatter) float64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return c.expect(c.waiting)
}

// outlast writes that a sum is set aside. It goes on for a while after ctx has
// ended, because an entry that is given up may be lost.
func (a *Account) outlast(ctx context.Context, usd float64) error {
	writing, giveUp := linger.Context(ctx, writeGrace)
	defer giveUp()
	err := a.write(writing, usd, a.last.UsedUp)
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// append writes an entry whatever the others write at the same time.
func (a *Account) append(ctx context.Context, usd float64, usedUp bool) error {
	for lost := 0; ; lost++ {
		if err := a.sync(ctx); err != nil {
			return err
		}
		limit := a.last.UsedUp
		if usedUp {
			if limit >= a.opt.USD {
				return nil
			}
			limit = a.opt.USD
		}
		if err := a.write(ctx, usd, limit); !errors.Is(err, store.ErrExists) {
			return err
		}
		if err := a.pause(ctx, lost); err != nil {
			return err
		}
	}
}

// pause lets others write: processes that lost a race together come back apart.
func (a *Account) pause(ctx context.Context, lost int) error {
	most := min(firstPause<<min(lost, 16), maxPause)
	return retry.Sleep(ctx, time.Duration(a.jitter.Float64()*float64(most)))
}

// sync reads what others wrote.
func (a *Account) sync(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	last, err := a.opt.Store.LastSpend(ctx, a.opt.Account, a.last)
	if err != nil {
		return fmt.Errorf("account of run %s: %w", a.opt.Account, err)
	}
	a.last = last
	return nil
}

// write puts an entry after the last one. ErrExists means that somebody else's is there.
func (a *Account) write(ctx context.Context, usd, usedUp float64) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	e := store.Spend{
		Account: a.opt.Account, Number: a.last.Number + 1, Run: a.opt.Run, Step: a.opt.Step, Shard: a.opt.Shard,
		USD: usd, Total: a.last.Total + usd, UsedUp: usedUp, At: store.Stamp(a.opt.Now()),
	}
	if err := a.opt.Store.AppendSpend(ctx, e); err != nil {
		return fmt.Errorf("account of run %s: %w", a.opt.Account, err)
	}
	a.last = e
	a.mu.Lock()
	a.aside += usd
	a.mu.Unlock()
	return nil
}
