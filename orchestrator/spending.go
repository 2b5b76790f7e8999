package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/text"
)

// A spending is how far a run's budget is used. While processes are under way, or
// after one was killed, it counts what they have set aside.
type spending struct {
	Account   store.RunID `json:"account,omitempty"` // the first run that spent from it; "" before there is one
	USD       float64     `json:"usd"`
	BudgetUSD float64     `json:"budgetUSD"`
}

func (s *spending) String() string {
	return fmt.Sprintf("%s of %s, since %s", text.Dollars(s.USD), text.Dollars(s.BudgetUSD), s.Account)
}

// spendingOf is a run's, or nil when it has no budget.
func spendingOf(ctx context.Context, st *store.Store, run store.Run) (*spending, error) {
	var how Execution
	if len(run.Execution) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(run.Execution, &how); err != nil {
		return nil, fmt.Errorf("run %s: execution: %w", run.ID, err)
	}
	if how.BudgetUSD == 0 {
		return nil, nil
	}
	return spent(ctx, st, run.Spending(), how.BudgetUSD)
}

func spent(ctx context.Context, st *store.Store, account store.RunID, budget float64) (*spending, error) {
	last, err := st.LastSpend(ctx, account, store.Spend{})
	return &spending{account, last.Total, budget}, err
}

// accountAfter is the account that the run after another spends from: the same
// until a run succeeds, so that a budget bounds what it costs to get there. A run
// that is not in this store changes nothing.
func accountAfter(ctx context.Context, st *store.Store, id, account store.RunID) (store.RunID, error) {
	before, err := st.ReadRun(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return account, nil
	}
	if err != nil {
		return "", err
	}
	seal, err := st.ReadSeal(ctx, id)
	switch {
	case err == nil && seal.State == store.Succeeded:
		return "", nil
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return "", err
	}
	return before.Spending(), nil
}
