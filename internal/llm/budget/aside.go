package budget

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gymline/gymline/internal/store"
)

const (
	// lasts is how long a sum that is set aside should last: sums double while
	// they last shorter, and halve when they last longer. It bounds what a killed
	// process loses, and how often the account is written.
	lasts = 2 * time.Second
	// part of what remains is the most that is set aside beyond the next call, so
	// that many processes come to the end together.
	part = 1. / 64
	// within is how long setting aside may take. It does not end with the call
	// that asks for it, because then nobody would know whether it had been done.
	within = 30 * time.Second
)

// setAside adds to what this process may spend at least the dollars that it is
// short of, for a call that costs price. It returns false when they are not
// left, and when a timid caller would take too large a part of them.
func (a *Account) setAside(ctx context.Context, short, price float64, timid bool) (bool, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	now := a.opt.Now()
	more := a.more / 2
	if now.Sub(a.setAt) < lasts {
		more = max(2*a.more, price)
	}
	for {
		if err := a.sync(ctx); err != nil {
			return false, err
		}
		rest := a.opt.USD - a.last.Total
		if short > rest || timid && short > part*rest || a.last.UsedUp >= a.opt.USD {
			return false, nil
		}
		took := min(more, part*(rest-short))
		switch err := a.write(ctx, short+took, a.last.UsedUp); {
		case err == nil:
			a.more, a.setAt = took, now
			return true, nil
		case !errors.Is(err, store.ErrExists):
			return false, err
		}
	}
}

// append writes an entry whatever the others write at the same time.
func (a *Account) append(ctx context.Context, usd float64, usedUp bool) error {
	for {
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
	}
}

// sync reads what others wrote.
func (a *Account) sync(ctx context.Context) error {
	last, err := a.opt.Store.LastSpend(ctx, a.opt.Account, a.last)
	if err != nil {
		return fmt.Errorf("account of run %s: %w", a.opt.Account, err)
	}
	a.last = last
	return nil
}

// write puts an entry after the last one. ErrExists means that somebody else's is there.
func (a *Account) write(ctx context.Context, usd, usedUp float64) error {
	e := store.Spend{
		Account: a.opt.Account, Number: a.last.Number + 1, Run: a.opt.Run, Step: a.opt.Step, Shard: a.opt.Shard,
		USD: usd, Total: a.last.Total + usd, UsedUp: usedUp, At: a.opt.Now().UTC().Format(time.RFC3339Nano),
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
