// Package run is the life of a run: how it is drafted, opens, works, fails and
// ends, and how it stands. It promises that a run's record and plan are written
// once, that it ends once, and that whatever ends a process leaves a run that reads
// as what was done: all of it is in the store, where every process sees the same.
package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
)

// A Registry opens and ends the runs of a store.
type Registry struct {
	*store.Store
	Now     func() time.Time // of records; nothing digested sees it
	Version string           // gymline's, for the records of runs
	// Began is when the work on the run that Open opens began, which is before its
	// inputs were stored; zero: when it opens.
	Began time.Time
	// By opens and ends runs, for a Reason; Binary is what does it for them, nil where
	// nobody asks, and Environment what else is said of where.
	By, Reason  string
	Binary      func() *store.Binary
	Environment map[string]string
	Log         *slog.Logger // nil: nobody is told
}

func (r Registry) stamp() string { return store.Stamp(r.Now()) }

// sign says in a run's record who opened it, and with what.
func (r Registry) sign(record *store.Run) {
	record.Version, record.By, record.Reason = r.Version, r.By, r.Reason
	if r.Binary != nil {
		record.Binary = r.Binary()
	}
}

// Act records what is done to a run, and by whom. step is "" where it is not of one.
func (r Registry) Act(ctx context.Context, id store.RunID, act string, step store.StepName) error {
	return r.AddAct(ctx, store.Act{Run: id, Act: act, By: r.By, Reason: r.Reason, At: r.stamp(), Step: step})
}

// Open claims the next free ID of the draft's experiment and writes the run's
// record and plan: both or, after a crash between them, a run without a plan.
// taken, where it is set, tells of IDs that something else than the store knows.
func (r Registry) Open(ctx context.Context, d Draft, taken func(store.RunID) (bool, error)) (store.RunID, error) {
	if err := r.checkDraft(ctx, d); err != nil {
		return "", err
	}
	record := d.record
	r.sign(&record)
	n, err := r.LastRun(ctx, record.Experiment)
	for err == nil {
		if record.Account, err = accountAfter(ctx, r.Store, numbered(record.Experiment, n), record.Account); err != nil {
			break
		}
		n++
		record.ID = numbered(record.Experiment, n)
		if _, at := store.SplitRun(record.ID); at != n {
			return "", fault.New(fault.Permanent, fmt.Errorf("experiment %s has a run %d, and there is no number after it", record.Experiment, n-1), "give the experiment another name")
		}
		if taken != nil {
			elsewhere, err := taken(record.ID)
			if err != nil {
				return "", err
			}
			if elsewhere {
				continue
			}
		}
		record.Created = r.stamp()
		if !r.Began.IsZero() {
			record.Created = store.Stamp(r.Began)
		}
		whole := context.WithoutCancel(ctx) // an interrupt comes before both writes or after
		if err = r.CreateRun(whole, record); err == nil {
			return record.ID, r.PutPlan(whole, record.ID, d.plan)
		}
		if errors.Is(err, store.ErrExists) {
			err = ctx.Err() // another run was opened at the same moment
		}
	}
	return "", err
}

func numbered(experiment string, n int) store.RunID {
	return store.RunID(fmt.Sprintf("%s-%d", experiment, n))
}

// OpenAs opens the run of that ID. It may be there, of the same draft: an attempt
// before this one was cut off, or a scheduled time came twice.
func (r Registry) OpenAs(ctx context.Context, id store.RunID, d Draft) error {
	if err := r.checkDraft(ctx, d); err != nil {
		return err
	}
	record := d.record
	record.ID, record.Created = id, r.stamp()
	r.sign(&record)
	err := r.CreateRun(ctx, record)
	if errors.Is(err, store.ErrExists) {
		err = r.sameDraft(ctx, id, d)
	}
	if err != nil {
		return err
	}
	return r.PutPlan(ctx, id, d.plan)
}

func (r Registry) sameDraft(ctx context.Context, id store.RunID, d Draft) error {
	want, err := encode(d.record)
	if err != nil {
		return err
	}
	there, err := r.ReadRun(ctx, id)
	if err != nil {
		return err
	}
	have, err := encode(drafted(there))
	if err == nil && !bytes.Equal(have, want) {
		return fault.New(fault.Permanent, fmt.Errorf("run %s is there and was opened from another experiment", id), "submit again: it gets the next number")
	}
	return err
}

// TakeOver records what one run finished in another of the same plan, so that a
// run that was to do all its work anew is also not done twice. A record that is not what
// the earlier run's seal binds is left, and its work is done again; of a run whose seal lost
// its binding, each.
func (r Registry) TakeOver(ctx context.Context, p *plan.Plan, from, to store.RunID) error {
	bound, whole, err := boundBy(ctx, r.Store, from)
	if err != nil {
		return err
	}
	if !whole {
		if r.Log != nil {
			r.Log.Warn("all work is done again: nothing binds the run's records, and its seal does not say why", "run", from)
		}
		return nil
	}
	for i := range p.Steps {
		err := store.SideBySide(ctx, p.Steps[i].Shards, func(shard int) error {
			rec, sum, err := r.StepAsStored(ctx, from, p.Steps[i].Name, shard)
			if errors.Is(err, store.ErrNotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			key, err := store.StepKey(from, p.Steps[i].Name, shard)
			if err != nil {
				return err
			}
			if want, there := bound[key]; there && want != sum {
				if r.Log != nil {
					r.Log.Warn("work is done again: its record is not what the run's seal binds", "record", key, "bound", want, "is", sum)
				}
				return nil
			}
			if !rec.Reused {
				rec.MadeBy = &store.Maker{Run: from, Shard: shard, SHA256: sum}
			}
			rec.Run, rec.Reused, rec.Started, rec.Finished = to, true, r.stamp(), r.stamp()
			return r.CommitStep(ctx, rec)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Opened is the event of a run that is open.
func Opened(id store.RunID, p *plan.Plan) progress.Event {
	e := progress.Event{Type: progress.RunOpened, Run: string(id), Experiment: p.Experiment}
	if p.Anew != nil {
		e.Anew, e.AsOf = p.Anew.Roles, p.Anew.AsOf
	}
	for _, s := range p.Steps {
		e.Steps = append(e.Steps, progress.StepShape{Step: string(s.Name), Shards: s.Shards})
	}
	return e
}
