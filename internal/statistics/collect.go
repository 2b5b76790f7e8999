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
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/trace"
)

// Collect reads a run's records. A run that is not there is a store.ErrNotFound.
func Collect(ctx context.Context, s *store.Store, id store.RunID) (*Run, error) {
	head, err := s.ReadRun(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", id, err)
	}
	r := &Run{Run: id, Experiment: head.Experiment, Digest: head.Digest, State: Unsealed, Created: head.Created, Steps: []Step{}}
	if err := r.seal(ctx, s); err != nil {
		return nil, err
	}
	raw, err := s.ReadPlan(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return r, nil // it was cut off as it opened
	}
	if err != nil {
		return nil, fmt.Errorf("plan of run %s: %w", id, err)
	}
	p, err := plan.Decode(raw)
	if err != nil {
		return nil, err
	}
	opened, err := store.ParseStamp(head.Created)
	if err != nil {
		return nil, fmt.Errorf("run %s: created: %w", id, err)
	}
	for i := range p.Steps {
		step, err := r.step(ctx, s, &p.Steps[i], opened)
		if err != nil {
			return nil, fmt.Errorf("run %s: step %s: %w", id, p.Steps[i].Name, err)
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

// seal reads how the run ended, or why it is not likely to end well.
func (r *Run) seal(ctx context.Context, s *store.Store) error {
	kept, err := s.Failures(ctx, r.Run)
	if err != nil {
		return fmt.Errorf("failures of run %s: %w", r.Run, err)
	}
	told := kept
	seal, err := s.ReadSeal(ctx, r.Run)
	switch {
	case err == nil:
		r.State, r.Finished, told = seal.State, seal.Finished, seal.Failures
	case !errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("seal of run %s: %w", r.Run, err)
	}
	for _, f := range told {
		failure := Failure{Failure: f}
		i := slices.IndexFunc(kept, func(k store.Failure) bool { return k.Step == f.Step && k.Shard == f.Shard })
		if i >= 0 && len(kept[i].Progress) > 0 {
			var e progress.Event
			if err := json.Unmarshal(kept[i].Progress, &e); err != nil {
				return fmt.Errorf("failure of %s/%d of run %s: progress: %w", f.Step, f.Shard, r.Run, err)
			}
			failure.Progress, failure.Planned, failure.Ended, failure.FailedRows = nil, e.Total, e.Done, e.Failed
			if e.Usage != nil {
				failure.Used = *e.Usage
			}
		}
		r.Failures = append(r.Failures, failure)
	}
	return nil
}

func (r *Run) step(ctx context.Context, s *store.Store, p *plan.Step, opened time.Time) (*Step, error) {
	step := &Step{Step: p.Name, Shards: make([]Shard, p.Shards)}
	var ledger, gym []store.Artifact
	first, last := -1.0, 0.0 // of the shards worked on; -1 while there is none
	for i := range step.Shards {
		sh := &step.Shards[i]
		sh.State = Pending
		rec, err := s.ReadStep(ctx, r.Run, p.Name, i)
		if errors.Is(err, store.ErrNotFound) {
			if n := slices.IndexFunc(r.Failures, func(f Failure) bool { return f.Step == p.Name && f.Shard == i }); n >= 0 {
				sh.State, sh.Usage = Failed, r.Failures[n].Used
				step.Used = step.Used.Add(sh.Usage)
				step.Failed++
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		roles, err := sh.read(&rec, opened)
		if err != nil {
			return nil, fmt.Errorf("shard %d: %w", i, err)
		}
		for role, used := range roles {
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
		if a, err := rec.Output(plan.StatsOutput); err == nil && p.Job == plan.JobGenerate {
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

// read takes what a shard's record says, and returns its usage by role.
func (sh *Shard) read(rec *store.Step, opened time.Time) (map[string]llm.Usage, error) {
	sh.State, sh.Reused = Succeeded, rec.Reused
	start, err := store.ParseStamp(rec.Started)
	if err != nil {
		return nil, fmt.Errorf("started: %w", err)
	}
	end, err := store.ParseStamp(rec.Finished)
	if err != nil {
		return nil, fmt.Errorf("finished: %w", err)
	}
	// The clocks of two machines may differ: nothing begins before its run.
	sh.Start = max(start.Sub(opened).Seconds(), 0)
	sh.End = max(end.Sub(opened).Seconds(), sh.Start)
	var used llm.UsageByRole
	if len(rec.Usage) > 0 {
		if err := json.Unmarshal(rec.Usage, &used); err != nil {
			return nil, fmt.Errorf("usage: %w", err)
		}
	}
	sh.Usage = used.Usage
	return used.Roles, nil
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
