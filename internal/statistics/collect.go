package statistics

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/trace"
)

// Collect sums up a run. A run that is not there is a store.ErrNotFound.
func Collect(ctx context.Context, s *store.Store, id store.RunID) (*Run, error) {
	stands, err := run.Read(ctx, s, id)
	if err != nil {
		return nil, err
	}
	r := &Run{Run: id, Experiment: stands.Experiment, Digest: stands.Digest, State: stands.State, Created: stands.Created, Finished: stands.Finished, Steps: []Step{}, Damage: errors.Join(stands.Damage, stands.Altered)}
	for _, f := range stands.Failed {
		failure, err := failureOf(f)
		if err != nil {
			return nil, fmt.Errorf("failure of %s/%d of run %s: %w", f.Step, f.Shard, id, err)
		}
		r.Failures = append(r.Failures, failure)
	}
	if stands.Plan == nil {
		return r, nil // it was cut off as it opened
	}
	r.Prompts = stands.Plan.Prompts
	if r.Models, err = modelsOf(stands); err != nil {
		return nil, fmt.Errorf("run %s: %w", id, err)
	}
	opened, err := store.ParseStamp(r.Created)
	if err != nil {
		return nil, fmt.Errorf("run %s: created: %w", id, err)
	}
	for _, from := range stands.Steps {
		step, err := r.step(ctx, s, from, opened)
		if err != nil {
			return nil, fmt.Errorf("run %s: step %s: %w", id, from.Name, err)
		}
		r.Used, r.Before = r.Used.Add(step.Used), r.Before.Add(step.Before)
		r.Steps = append(r.Steps, *step)
	}
	if r.Finished != "" {
		sealed, err := store.ParseStamp(r.Finished)
		if err != nil {
			return nil, fmt.Errorf("run %s: finished: %w", id, err)
		}
		r.Seconds = max(sealed.Sub(opened).Seconds(), r.Seconds)
	}
	return r, nil
}

// failureOf takes how far an attempt came from what its job left.
func failureOf(f store.Failure) (Failure, error) {
	failure := Failure{Failure: f}
	if len(f.Progress) == 0 {
		return failure, nil
	}
	var e progress.Event
	if err := json.Unmarshal(f.Progress, &e); err != nil {
		return failure, fmt.Errorf("progress: %w", err)
	}
	failure.Progress, failure.Planned, failure.Ended, failure.FailedRows = nil, e.Total, e.Done, e.Failed
	if e.Usage != nil {
		failure.Used = *e.Usage
	}
	return failure, nil
}

func (r *Run) step(ctx context.Context, s *store.Store, from run.Step, opened time.Time) (*Step, error) {
	step := &Step{Step: from.Name, Shards: make([]Shard, len(from.Shards))}
	var ledger, gym []store.Artifact
	first, last := -1.0, 0.0 // of the shards worked on; -1 while there is none
	for i := range step.Shards {
		sh, rec := &step.Shards[i], from.Shards[i].Record
		if rec == nil {
			sh.State = Pending
			if from.Shards[i].Failure != nil {
				n := slices.IndexFunc(r.Failures, func(f Failure) bool { return f.Step == from.Name && f.Shard == i })
				sh.State, sh.Usage = Failed, r.Failures[n].Used
				step.Used = step.Used.Add(sh.Usage)
				step.Failed++
			}
			continue
		}
		all, err := sh.read(rec, opened)
		if err != nil {
			return nil, fmt.Errorf("shard %d: %w", i, err)
		}
		r.Redacted = r.Redacted.Add(all.Redacted)
		if all.Served != nil {
			r.Served = append(r.Served, Served{from.Name, i, all.Served})
		}
		for role, used := range all.Roles {
			if step.Roles == nil {
				step.Roles = map[string]llm.Usage{}
			}
			step.Roles[role] = step.Roles[role].Add(used)
		}
		r.Seconds = max(r.Seconds, sh.End)
		step.Done++
		if sh.Reused {
			step.Reused++
			step.Before = step.Before.Add(sh.Usage)
		} else {
			if first < 0 || sh.Start < first {
				first = sh.Start
			}
			last = max(last, sh.End)
			step.Used = step.Used.Add(sh.Usage)
		}
		if a, err := rec.Output(plan.RowsOutput); err == nil {
			ledger = append(ledger, a)
		}
		if a, err := rec.Output(plan.StatsOutput); err == nil && from.Job == plan.JobGenerate {
			gym = append(gym, a)
		}
	}
	step.Seconds = last - max(first, 0)
	if len(ledger) > 0 {
		if err := step.count(ctx, s, ledger); err != nil {
			return nil, err
		}
	}
	return step, r.addGym(ctx, s, gym)
}

// read takes what a shard's record says, and returns what it used.
func (sh *Shard) read(rec *store.Step, opened time.Time) (used llm.UsageByRole, err error) {
	sh.State, sh.Reused = Succeeded, rec.Reused
	start, err := store.ParseStamp(rec.Started)
	if err != nil {
		return used, fmt.Errorf("started: %w", err)
	}
	end, err := store.ParseStamp(rec.Finished)
	if err != nil {
		return used, fmt.Errorf("finished: %w", err)
	}
	// The clocks of two machines may differ: nothing begins before its run.
	sh.Start = max(start.Sub(opened).Seconds(), 0)
	sh.End = max(end.Sub(opened).Seconds(), sh.Start)
	if len(rec.Usage) > 0 {
		if err := json.Unmarshal(rec.Usage, &used); err != nil {
			return used, fmt.Errorf("usage: %w", err)
		}
	}
	sh.Usage = used.Usage
	return used, nil
}

// count sums the row ledgers of the shards that are done.
func (s *Step) count(ctx context.Context, st *store.Store, ledger []store.Artifact) error {
	var sums rows.Counts
	causes := map[Cause]int{}
	r := st.Concat(ctx, ledger)
	defer r.Close()
	err := job.Decode(r, plan.RowsOutput, func(_ int, row *rows.Row) error {
		if row.Cause != "" {
			causes[Cause{State: row.State, Cause: row.Cause}]++
		}
		return sums.Add(*row)
	})
	if err != nil {
		return err
	}
	s.Rows = &Rows{Planned: sums.Planned, Accepted: sums.Accepted, Rejected: sums.Rejected, Truncated: sums.Truncated, Failed: sums.Failed}
	if used := s.Used.Add(s.Before); sums.Accepted > 0 && used.Calls > 0 {
		usd, tokens := used.USD/float64(sums.Accepted), float64(used.Prompt+used.Completion)/float64(sums.Accepted)
		s.Rows.USDPerAccepted, s.Rows.TokensPerAccepted = &usd, &tokens
	}
	for c, n := range causes {
		c.Rows = n
		s.Causes = append(s.Causes, c)
	}
	slices.SortFunc(s.Causes, func(a, b Cause) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), cmp.Compare(a.State, b.State), cmp.Compare(a.Cause, b.Cause))
	})
	return nil
}

func (r *Run) addGym(ctx context.Context, s *store.Store, parts []store.Artifact) error {
	for _, a := range parts {
		data, err := s.ReadBlob(ctx, a.Digest)
		if err != nil {
			return err
		}
		var part trace.Stats
		if err := json.Unmarshal(data, &part); err != nil {
			return fmt.Errorf("%s: %w", plan.StatsOutput, err)
		}
		if r.Gym == nil {
			r.Gym = &trace.Stats{}
		}
		r.Gym.Merge(&part)
	}
	return nil
}
