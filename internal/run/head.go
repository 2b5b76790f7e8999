package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// The states of a run that its seal does not tell.
const (
	Unsealed   = "Unsealed"   // it is under way, or was cut off
	Unreadable = "Unreadable" // its record or seal cannot be read
)

// A Head is a run's record and state.
type Head struct {
	store.Run
	State    string          `json:"state"`              // the seal's, Unsealed or Unreadable
	Failures []store.Failure `json:"failures,omitempty"` // the seal's
	Finished string          `json:"-"`                  // when it was sealed, or ""
	// Summary is the seal's, nil where it has none: SummaryOf then finds out.
	Summary *Summary `json:"-"`
	// Unread is why a run that is Unreadable could not be read.
	Unread error `json:"-"`
}

// ReadHead returns a run's record and state. A seal that cannot be read makes it
// Unreadable, and is no error: the record says all the rest.
func ReadHead(ctx context.Context, st *store.Store, id store.RunID) (Head, error) {
	r, err := st.ReadRun(ctx, id)
	if err != nil {
		return Head{}, missing(err, fmt.Sprintf("run %s", id), "see 'gymline list'")
	}
	head := Head{Run: r, State: Unsealed}
	seal, err := st.ReadSeal(ctx, id)
	switch {
	case err == nil:
		head.State, head.Failures, head.Finished, head.Summary = seal.State, seal.Failures, seal.Finished, summaryIn(seal)
	case isolated(err):
		head.State, head.Unread = Unreadable, fmt.Errorf("seal of run %s: %w", id, err)
	case !errors.Is(err, store.ErrNotFound):
		return head, fmt.Errorf("seal of run %s: %w", id, err)
	}
	return head, nil
}

// Heads returns those of all runs, by name and number. A run whose record cannot
// be read hides no other: it is Unreadable.
func Heads(ctx context.Context, st *store.Store) ([]Head, error) {
	ids, err := st.Runs(ctx)
	if err != nil {
		return nil, err
	}
	return headsOf(ctx, st, ids)
}

// HeadsOf returns those of an experiment's runs, as Heads does, in the order of time. One
// whose record cannot be read is among them where its ID may be the experiment's.
func HeadsOf(ctx context.Context, st *store.Store, experiment string) ([]Head, error) {
	ids, err := st.RunsOf(ctx, experiment)
	if err != nil {
		return nil, err
	}
	heads, err := headsOf(ctx, st, ids)
	heads = slices.DeleteFunc(heads, func(h Head) bool { return h.Experiment != experiment && h.Experiment != "" })
	slices.SortFunc(heads, InTime)
	return heads, err
}

// InTime orders runs by the time that they opened, and then by name and number. One whose
// record cannot be read comes first.
func InTime(a, b Head) int {
	an, ai := store.SplitRun(a.ID)
	bn, bi := store.SplitRun(b.ID)
	return cmp.Or(a.Opened().Compare(b.Opened()), cmp.Compare(an, bn), cmp.Compare(ai, bi))
}

// Opened is when the run opened; zero where its record does not say.
func (h *Head) Opened() time.Time {
	at, err := store.ParseStamp(h.Created)
	if err != nil {
		return time.Time{}
	}
	return at
}

func headsOf(ctx context.Context, st *store.Store, ids []store.RunID) ([]Head, error) {
	heads := make([]Head, len(ids))
	err := store.SideBySide(ctx, len(ids), func(i int) (err error) {
		heads[i], err = ReadHead(ctx, st, ids[i])
		switch {
		case isolated(err):
			heads[i], err = Head{Run: store.Run{ID: ids[i]}, State: Unreadable, Unread: fmt.Errorf("run %s: %w", ids[i], err)}, nil
		case errors.Is(err, store.ErrNotFound): // what is left of a run without its record
			err = nil
		}
		return err
	})
	return slices.DeleteFunc(heads, func(h Head) bool { return h.ID == "" }), err
}

// isolated reports whether what cannot be read is one object, rather than the store.
func isolated(err error) bool {
	e, ok := errors.AsType[*store.Error](err)
	return errors.Is(err, store.ErrUnreadable) || ok && e.Kind != store.Transient
}

// ReadPlan returns a run's plan, which is the one that its record names.
func ReadPlan(ctx context.Context, st *store.Store, id store.RunID) (*plan.Plan, error) {
	var record store.Run
	var raw []byte
	err := store.SideBySide(ctx, 2, func(i int) (err error) {
		if i == 0 {
			record, err = st.ReadRun(ctx, id)
			return missing(err, fmt.Sprintf("run %s", id), "see 'gymline list'")
		}
		raw, err = st.ReadPlan(ctx, id)
		return noPlan(id, err)
	})
	if err != nil {
		return nil, err
	}
	return job.PlanOf(record, raw)
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
