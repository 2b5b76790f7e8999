package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/gymline/gymline/internal/engine/argo"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// A Status is how a run stands: the store's side and, where it was submitted, the cluster's.
type Status struct {
	Run      store.RunID     `json:"run"`
	State    string          `json:"state"` // the seal's, or the workflow's while there is none
	Steps    []Step          `json:"steps"`
	Failures []store.Failure `json:"failures,omitempty"`
	Spent    *run.Spending   `json:"spent,omitempty"`
	Workflow *argo.State     `json:"workflow,omitempty"` // nil once the cluster has forgotten it
}

// A Step counts a step's shards.
type Step struct {
	Step    store.StepName `json:"step"`
	Shards  int            `json:"shards"`
	Done    int            `json:"done"`
	Reused  int            `json:"reused"`
	Failed  int            `json:"failed"`
	Running int            `json:"running"` // pods
	Retries int            `json:"retries"` // attempts after the first, of pods
}

// Status tells how a run stands.
func (c Cluster) Status(ctx context.Context, id store.RunID) (*Status, error) {
	s := &Status{Run: id, Steps: []Step{}}
	state, err := c.Client.State(ctx, id)
	switch {
	case err == nil:
		s.Workflow, s.State = state, state.Phase
	case !errors.Is(err, argo.ErrNoWorkflow):
		return nil, err
	}
	r, err := run.Read(ctx, c.Runs.Store, id)
	if err != nil {
		if s.Workflow != nil && errors.Is(err, store.ErrNotFound) {
			return s, nil // the pod that opens it has not come so far
		}
		return nil, err
	}
	if r.State != run.Unsealed || s.State == "" {
		s.State = r.State
	}
	if s.Workflow != nil && argo.Ended(s.Workflow.Phase) {
		c.keepImages(ctx, id)
	}
	s.Failures = r.Failed
	if s.Workflow != nil {
		s.Failures = explained(s.Failures, s.Workflow.Pods)
	}
	if s.Spent, err = run.SpendingOf(ctx, c.Runs.Store, r.Run); err != nil {
		return nil, err
	}
	for _, step := range r.Steps {
		s.Steps = append(s.Steps, s.count(step))
	}
	return s, nil
}

// Stored tells how a run of one machine stands, from its records alone.
func Stored(ctx context.Context, st *store.Store, id store.RunID, now time.Time) (*Status, error) {
	r, err := run.Read(ctx, st, id)
	if err != nil {
		return nil, err
	}
	s := &Status{Run: id, Steps: []Step{}, Failures: r.Failed}
	if s.State, err = run.StandingOf(ctx, st, r.Head, now); err != nil {
		return nil, err
	}
	if s.Spent, err = run.SpendingOf(ctx, st, r.Run); err != nil {
		return nil, err
	}
	for _, step := range r.Steps {
		s.Steps = append(s.Steps, s.count(step))
	}
	return s, nil
}

// Again reports whether a failure is of a shard that is still tried.
func (s *Status) Again(f store.Failure) bool {
	return !run.Lasting(f) && !argo.Ended(s.State) && s.State != store.Interrupted && s.State != run.CutOff
}

func (s *Status) count(from run.Step) Step {
	step := Step{Step: from.Name, Shards: len(from.Shards)}
	for _, shard := range from.Shards {
		if shard.Record != nil {
			step.Done++
			if shard.Record.Reused {
				step.Reused++
			}
		}
	}
	for _, f := range s.Failures {
		if f.Step == step.Step && !s.Again(f) {
			step.Failed++
		}
	}
	if s.Workflow == nil {
		return step
	}
	for _, pod := range s.Workflow.Pods {
		if pod.Step != string(step.Step) {
			continue
		}
		if pod.Phase == argo.Running {
			step.Running++
		}
		if pod.Attempt > 1 {
			step.Retries++
		}
	}
	return step
}
