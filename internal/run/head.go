package run

import (
	"context"
	"errors"
	"fmt"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// Unsealed is the state of a run that is under way, or was cut off.
const Unsealed = "Unsealed"

// A Head is a run's record and state.
type Head struct {
	store.Run
	State    string          `json:"state"`              // the seal's, or Unsealed
	Failures []store.Failure `json:"failures,omitempty"` // the seal's
	Finished string          `json:"-"`                  // when it was sealed, or ""
}

// ReadHead returns a run's record and state.
func ReadHead(ctx context.Context, st *store.Store, id store.RunID) (Head, error) {
	r, err := st.ReadRun(ctx, id)
	if err != nil {
		return Head{}, missing(err, fmt.Sprintf("run %s", id), "see 'gymline list'")
	}
	head := Head{Run: r, State: Unsealed}
	seal, err := st.ReadSeal(ctx, id)
	switch {
	case err == nil:
		head.State, head.Failures, head.Finished = seal.State, seal.Failures, seal.Finished
	case !errors.Is(err, store.ErrNotFound):
		return head, fmt.Errorf("seal of run %s: %w", id, err)
	}
	return head, nil
}

// Heads returns those of all runs, by name and number.
func Heads(ctx context.Context, st *store.Store) ([]Head, error) {
	ids, err := st.Runs(ctx)
	if err != nil {
		return nil, err
	}
	heads := make([]Head, len(ids))
	return heads, store.SideBySide(ctx, len(ids), func(i int) (err error) {
		heads[i], err = ReadHead(ctx, st, ids[i])
		return err
	})
}

// ReadPlan returns a run's plan.
func ReadPlan(ctx context.Context, st *store.Store, id store.RunID) (*plan.Plan, error) {
	raw, err := st.ReadPlan(ctx, id)
	if err != nil {
		return nil, noPlan(id, err)
	}
	return plan.Decode(raw)
}

// Record returns a shard's record, nil while it is not done.
func Record(ctx context.Context, st *store.Store, id store.RunID, step store.StepName, shard int) (*store.Step, error) {
	rec, err := st.ReadStep(ctx, id, step, shard)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return &rec, err
}

// absent is what somebody asked for and the store does not have.
type absent struct{ what string }

func (a absent) Error() string { return "there is no " + a.what + " in this store" }
func (absent) Unwrap() error   { return store.ErrNotFound }

// missing says in the user's words what is not in the store.
func missing(err error, what, hint string) error {
	if errors.Is(err, store.ErrNotFound) {
		return fault.New(fault.Usage, absent{what}, hint)
	}
	return err
}

func noPlan(id store.RunID, err error) error {
	return missing(err, fmt.Sprintf("plan of run %s", id), "see 'gymline list'")
}
