package run

import (
	"context"
	"errors"

	"github.com/gymline/gymline/internal/store"
)

// A Spending is how far a run's budget is used. While processes are under way, or
// after one was killed, it counts what they have set aside.
type Spending struct {
	Account   store.RunID `json:"account,omitempty"` // the first run that spent from it; "" before there is one
	USD       float64     `json:"usd"`
	BudgetUSD float64     `json:"budgetUSD"`
}

// SpendingOf is a run's, or nil when it has no budget.
func SpendingOf(ctx context.Context, st *store.Store, r store.Run) (*Spending, error) {
	how, err := ExecutionOf(r)
	if err != nil || how.BudgetUSD == 0 {
		return nil, err
	}
	return spent(ctx, st, r.Spending(), how.BudgetUSD)
}

// SpendingAhead is the account that the experiment's next run would spend from,
// or nil when it has no budget.
func SpendingAhead(ctx context.Context, st *store.Store, experiment string, how Execution) (*Spending, error) {
	if how.BudgetUSD == 0 {
		return nil, nil
	}
	n, err := st.LastRun(ctx, experiment)
	if err != nil {
		return nil, err
	}
	account, err := accountAfter(ctx, st, numbered(experiment, n), "")
	if err != nil || account == "" {
		return &Spending{BudgetUSD: how.BudgetUSD}, err
	}
	return spent(ctx, st, account, how.BudgetUSD)
}

func spent(ctx context.Context, st *store.Store, account store.RunID, budget float64) (*Spending, error) {
	last, err := st.LastSpend(ctx, account, store.Spend{})
	return &Spending{account, last.Total, budget}, err
}

// accountAfter is the account that the run after another spends from: the same
// until a run succeeds, so that a budget bounds what it costs to get there. A run
// that is not in this store changes nothing. Where a record cannot be read, the
// run counts as what costs its account most: it went on with the one before it,
// and did not succeed.
func accountAfter(ctx context.Context, st *store.Store, id, account store.RunID) (store.RunID, error) {
	before, err := st.ReadRun(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return account, nil
	}
	if errors.Is(err, store.ErrUnreadable) {
		before = store.Run{ID: id, Account: account}
		if experiment, n := store.SplitRun(id); account == "" && n > 1 {
			before.Account, err = accountAfter(ctx, st, numbered(experiment, n-1), "")
		} else {
			err = nil
		}
	}
	if err != nil {
		return "", err
	}
	seal, err := st.ReadSeal(ctx, id)
	switch {
	case err == nil && seal.State == store.Succeeded:
		return "", nil
	case err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrUnreadable):
		return "", err
	}
	return before.Spending(), nil
}
