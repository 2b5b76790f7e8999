package run

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
)

// Told is an event with the time that a record gives it.
type Told struct {
	At time.Time
	progress.Event
}

// Story tells a run again from its records, in the order of time and without its end. Of
// attempts that failed and were tried again there is no record; a shard that failed for
// good is told of with the time of the seal.
func (r *Run) Story() (list []Told) {
	if r.Plan == nil {
		return nil
	}
	opened := r.Opened()
	list = append(list, Told{opened, Opened(r.ID, r.Plan)})
	at := func(stamp string, otherwise time.Time, e progress.Event) {
		t, err := store.ParseStamp(stamp)
		if err != nil {
			t = otherwise
		}
		list = append(list, Told{t, e})
	}
	for _, step := range r.Steps {
		for i, shard := range step.Shards {
			is := func(state string) progress.Event {
				return progress.Event{Type: progress.StepState, Step: string(step.Name), Shard: i, State: state}
			}
			switch rec := shard.Record; {
			case rec != nil && rec.Reused:
				at(rec.Finished, opened, is(progress.Reused))
			case rec != nil:
				at(rec.Started, opened, is(progress.Running))
				if done, err := Done(rec); err == nil {
					at(rec.Finished, opened, done)
				}
				at(rec.Finished, opened, is(progress.Succeeded))
			case shard.Failure != nil:
				failed := is(progress.Failed)
				failed.Cause, failed.Hint, failed.ExitCode = shard.Failure.Cause, shard.Failure.Hint, shard.Failure.ExitCode
				at(r.Finished, opened, failed)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b Told) int { return a.At.Compare(b.At) })
	return list
}

// Done is how far a shard came that is done, by its record.
func Done(rec *store.Step) (progress.Event, error) {
	done := progress.Event{Type: progress.Progress, Step: string(rec.Step), Shard: rec.Shard, Usage: new(llm.Usage)}
	if len(rec.Usage) > 0 {
		if err := json.Unmarshal(rec.Usage, done.Usage); err != nil {
			return done, err
		}
	}
	if rows, err := rec.Output(plan.RowsOutput); err == nil {
		done.Done, done.Total = rows.Rows, rows.Rows
	}
	return done, nil
}
