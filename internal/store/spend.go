package store

import (
	"context"
	"errors"
	"fmt"
)

// A Spend is one entry of an account: dollars set aside for the calls of a
// process, or given back. Entries are numbered from 1 without a gap, each written
// once by whoever knew the one before it, so that all processes agree on their
// order and on the sum.
type Spend struct {
	Format  int      `json:"format"`
	Account RunID    `json:"account"` // the run whose account it is
	Number  int      `json:"number"`
	Run     RunID    `json:"run"` // that spends, its step and the process's first shard
	Step    StepName `json:"step"`
	Shard   int      `json:"shard"`
	USD     float64  `json:"usd"`   // set aside; negative: given back
	Total   float64  `json:"total"` // of all entries up to this one
	// UsedUp is the largest budget that was found used up so far: it stays so.
	UsedUp float64 `json:"usedUp,omitempty"`
	At     string  `json:"at"` // RFC 3339, UTC
}

// AppendSpend writes an entry, once; ErrExists means that the number is taken.
func (s *Store) AppendSpend(ctx context.Context, e Spend) error {
	e.Format = FormatVersion
	return s.create(ctx, e)
}

// ReadSpend returns one entry of an account, or ErrNotFound.
func (s *Store) ReadSpend(ctx context.Context, account RunID, number int) (Spend, error) {
	return read(ctx, s, Spend{Account: account, Number: number})
}

// LastSpend returns the last entry of an account, which has the sum of all;
// known is an earlier one, or zero. Without an entry it is zero, too. An entry that
// cannot be read is passed over, because each has the sum of those before it; only
// where it is the last is what was spent not known, and that is an error.
func (s *Store) LastSpend(ctx context.Context, account RunID, known Spend) (Spend, error) {
	// Numbers have no gap: stride ahead until there is none, then halve the gap.
	last, stride := known, 1
	var lost error // last cannot be read
	for up := true; stride > 0; {
		e, err := s.ReadSpend(ctx, account, last.Number+stride)
		switch {
		case err == nil:
			last, lost = e, nil
		case errors.Is(err, ErrUnreadable):
			last, lost = Spend{Account: account, Number: last.Number + stride}, err
		case errors.Is(err, ErrNotFound):
			up = false
		default:
			return Spend{}, err
		}
		if up {
			stride *= 2
		} else {
			stride /= 2
		}
	}
	if lost != nil {
		return Spend{}, fmt.Errorf("what was spent from the budget is not known: %w", lost)
	}
	return last, nil
}
