// Package reproduce does a run once more in a store of its own, from what the run's store
// has of it and of what models answered, and says of each step whether it came to the same
// bytes. Nothing is asked of a model, a trainer or any network, and nothing of the run's
// store is changed. docs/audit.md says what the verdicts mean.
package reproduce

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/audit/diff"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// The verdicts on a step.
const (
	BitIdentical = "bit-identical"       // it asks no model that is not part of gymline
	Replayed     = "identical by replay" // of recorded answers
	Drifted      = "drifted"
	NotAuditable = "not auditable"
	Given        = "taken as given" // a trainer's checkpoint
	NotDone      = "not done"       // by the run itself
)

// A Result is what came of a run that was done once more.
type Result struct {
	Run store.RunID `json:"run"`
	// Reproduced says that all that the run made was made once more.
	Reproduced bool   `json:"reproduced"`
	Steps      []Step `json:"steps"`
	// Replayed are the answers that were read from recordings.
	Replayed int64 `json:"replayed"`
}

// A Step is the verdict on one.
type Step struct {
	Step    store.StepName `json:"step"`
	Verdict string         `json:"verdict"`
	Shards  int            `json:"shards"`
	Outputs int            `json:"outputs"` // artifacts with the same digest
	// Because is why a step drifted or cannot be audited.
	Because string `json:"because,omitempty"`
	// First is the first artifact that is another.
	First *Differing `json:"first,omitempty"`
	// Drift are the artifacts that are others, with the first row of each.
	Drift []diff.Artifact `json:"drift,omitempty"`
}

// A Differing is an artifact that a shard made otherwise; one that it did not make has no digest.
type Differing struct {
	Shard  int          `json:"shard"`
	Output string       `json:"output"`
	Was    store.Digest `json:"was,omitempty"`
	Is     store.Digest `json:"is,omitempty"`
}

// A Work does all shards of one step of a run of a store, and says which failed.
type Work func(ctx context.Context, step *plan.Step) ([]store.Failure, error)

// A Rerun is a run that is to be done once more.
type Rerun struct {
	From    *store.Store
	Scratch *store.Store // which has nothing of the run
	Run     store.RunID
	Runs    run.Registry   // of Scratch
	Formats map[string]int // of the jobs' outputs, as this gymline makes them
	Work    Work
	// Pure says to do only steps again that ask no model which is not part of gymline. What
	// the others made is taken as given, and no recorded answer is read.
	Pure bool
}

// rerun is one under way.
type rerun struct {
	Rerun
	was    *run.Run
	result *Result
}

// Do does it.
func (r Rerun) Do(ctx context.Context) (*Result, error) {
	was, err := run.Read(ctx, r.From, r.Run)
	if err == nil {
		err = was.Damage
	}
	if err == nil && was.Plan == nil {
		err = fault.New(fault.Usage, fmt.Errorf("run %s was cut off as it opened: it has no plan", r.Run), "reproduce another; see 'gymline list'")
	}
	if err != nil {
		return nil, err
	}
	u := &rerun{Rerun: r, was: was, result: &Result{Run: r.Run, Reproduced: true, Steps: []Step{}}}
	if err := u.prepare(ctx); err != nil {
		return nil, err
	}
	for i := range was.Steps {
		step, err := u.step(ctx, &was.Steps[i])
		if err != nil {
			return nil, err
		}
		if step.Verdict == Drifted || step.Verdict == NotAuditable {
			u.result.Reproduced = false
		}
		u.result.Steps = append(u.result.Steps, step)
	}
	return u.result, nil
}

// step does one and compares what it made.
func (u *rerun) step(ctx context.Context, s *run.Step) (Step, error) {
	v := Step{Step: s.Name, Shards: s.Step.Shards}
	done := slices.IndexFunc(s.Shards, func(one run.Shard) bool { return one.Record == nil }) < 0
	before := u.open(s.Step)
	asks, err := asks(s.Step)
	if err != nil {
		return v, err
	}
	switch {
	case !done && u.was.State == store.Succeeded:
		v.Verdict, v.Because = NotAuditable, "the run succeeded, and a record of it is missing: 'gymline verify' names it"
		return v, nil
	case !done:
		v.Verdict = NotDone
		return v, nil
	case s.Job == plan.JobTrain, u.Pure && asks:
		v.Verdict = Given
		return v, u.give(ctx, s)
	case before != nil:
		v.Verdict, v.Because = NotAuditable, fmt.Sprintf("%s before it is %s", before.Step, before.Verdict)
		return v, nil
	case u.Formats[s.Job] != s.Format:
		v.Verdict = NotAuditable
		v.Because = fmt.Sprintf("its outputs have format %d, of gymline %s, and this gymline writes format %d: reproduce the run with that one", s.Format, u.was.Version, u.Formats[s.Job])
		return v, nil
	}
	failures, err := u.Work(ctx, s.Step)
	if err != nil {
		return v, err
	}
	if len(failures) > 0 {
		v.Verdict, v.Because = NotAuditable, fmt.Sprintf("%s/%d: %s", failures[0].Step, failures[0].Shard, failures[0].Cause)
		return v, temporary(failures[0])
	}
	return v, u.compare(ctx, s, &v, asks)
}

// temporary is the error of a failure that tells nothing of the run.
func temporary(f store.Failure) error {
	if f.ExitCode == fault.Permanent {
		return nil
	}
	return fault.New(f.ExitCode, fmt.Errorf("%s/%d: %s", f.Step, f.Shard, f.Cause), f.Hint)
}

// open is a step before one that has no outputs to read; nil: all have.
func (u *rerun) open(s *plan.Step) *Step {
	for i := range u.result.Steps {
		before := &u.result.Steps[i]
		if slices.Contains(s.After(), before.Step) && (before.Verdict == NotAuditable || before.Verdict == NotDone) {
			return before
		}
	}
	return nil
}

// compare holds what a step made against what it made then.
func (u *rerun) compare(ctx context.Context, s *run.Step, v *Step, asks bool) error {
	for shard := range s.Shards {
		was := s.Shards[shard].Record
		is, err := u.Scratch.ReadStep(ctx, u.Run, s.Name, shard)
		if err != nil {
			return err
		}
		if err := u.count(is.Usage); err != nil {
			return err
		}
		for _, a := range was.Outputs {
			made, err := is.Output(a.Name)
			if err == nil && made.Digest == a.Digest {
				v.Outputs++
			} else if v.First == nil {
				v.First = &Differing{shard, a.Name, a.Digest, made.Digest}
			}
		}
		for _, a := range is.Outputs {
			if _, err := was.Output(a.Name); err != nil && v.First == nil {
				v.First = &Differing{Shard: shard, Output: a.Name, Is: a.Digest}
			}
		}
	}
	switch {
	case v.First != nil:
		return u.drift(ctx, s, v)
	case asks:
		v.Verdict = Replayed
	default:
		v.Verdict = BitIdentical
	}
	return nil
}

// asks reports whether a step asks models whose answers are recorded.
func asks(s *plan.Step) (bool, error) {
	for shard := range s.Shards {
		models, err := s.Asks(shard)
		if err != nil {
			return false, err
		}
		for _, m := range models {
			if !m.Simulated() {
				return true, nil
			}
		}
	}
	return false, nil
}

// drift says what a step made that is another.
func (u *rerun) drift(ctx context.Context, s *run.Step, v *Step) error {
	v.Verdict = Drifted
	d, err := diff.Of(ctx, diff.Side{Store: u.From, Run: u.Run}, diff.Side{Store: u.Scratch, Run: u.Run}, diff.Options{Step: s.Name, Rows: 1})
	if errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrNotFound) { // what it made then cannot be read: its digest told that it is another
		v.Because = err.Error()
		return nil
	}
	if err != nil {
		return err
	}
	v.Drift = d.Artifacts
	var names []string
	for _, a := range d.Artifacts {
		names = append(names, strings.TrimPrefix(a.Name+" "+a.Output, " "))
	}
	v.Because = "other than then: " + strings.Join(names, ", ")
	return nil
}
