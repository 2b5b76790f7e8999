package origin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/gymline/gymline/internal/dataset"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// A Training is a hand-off: who trained on what, and what came back.
type Training struct {
	plan.Train
	// Came is what came back, nil while nothing has; Put is when, "" of a run that took
	// over an earlier one's.
	Came   *plan.Checkpoint
	Put    string
	Reused bool
	// Export is the digest of the manifest of what it was trained on, Sets what is in it.
	Export  store.Digest
	Sets    []dataset.Set
	Base    string   // of the checkpoint itself, or else the one that is wanted
	ServeIt []string // the candidates that serve it
}

// trainings are the hand-offs of a plan, in its order.
func trainings(ctx context.Context, st *store.Store, id store.RunID, p *plan.Plan) (list []Training, err error) {
	for i := range p.Steps {
		step := &p.Steps[i]
		if step.Job != plan.JobTrain {
			continue
		}
		var t Training
		if err := json.Unmarshal(step.Params, &t.Train); err != nil {
			return nil, fmt.Errorf("step %s: %w", step.Name, err)
		}
		t.Base, t.ServeIt = t.Train.Base, servers(p, step.Name)
		if err := t.read(ctx, st, id, step); err != nil {
			return nil, fmt.Errorf("step %s: %w", step.Name, err)
		}
		list = append(list, t)
	}
	return list, nil
}

// servers are the candidates that wait for a training.
func servers(p *plan.Plan, training store.StepName) (names []string) {
	step := p.Step(plan.JobPredict)
	if step == nil {
		return nil
	}
	for _, share := range step.Each {
		var q plan.Predict
		waits := slices.ContainsFunc(share.Also, func(in plan.Input) bool { return in.Step == training })
		if waits && json.Unmarshal(share.Params, &q) == nil {
			names = union(names, q.Candidate.Name)
		}
	}
	return names
}

// read takes from a run's records what went out and what came back, as far as it did.
func (t *Training) read(ctx context.Context, st *store.Store, id store.RunID, step *plan.Step) error {
	export, err := run.Record(ctx, st, id, plan.JobExport, 0)
	if err != nil {
		return err
	}
	if export != nil {
		var m dataset.Manifest
		if t.Export, err = document(ctx, st, export, plan.ManifestOutput, &m); err != nil {
			return err
		}
		t.Sets = m.Sets
	}
	rec, err := run.Record(ctx, st, id, step.Name, 0)
	if rec == nil || err != nil {
		return err
	}
	t.Came, t.Reused = &plan.Checkpoint{}, rec.Reused
	if _, err := document(ctx, st, rec, plan.CheckpointOutput, t.Came); err != nil {
		return err
	}
	if t.Came.Base != "" {
		t.Base = t.Came.Base
	}
	put, err := st.ReadCheckpoint(ctx, id, t.Name)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	t.Put = put.Put
	return err
}

// document decodes an output of a record that is one JSON document.
func document(ctx context.Context, st *store.Store, rec *store.Step, name string, into any) (store.Digest, error) {
	a, err := rec.Output(name)
	if err != nil {
		return "", err
	}
	data, err := st.ReadBlob(ctx, a.Digest)
	if err != nil {
		return "", err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return a.Digest, nil
}
