package run

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/gymline/gymline/internal/canonical"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// In returns a draft whose runs are done in another image.
func (d Draft) In(image string) (Draft, error) {
	how, err := ExecutionOf(d.record)
	if err != nil || how.Image == image {
		return d, err
	}
	how.Image = image
	d.record.Execution, err = canonical.JSON(how)
	return d, err
}

// Replaying returns a draft whose runs answer from the ledger alone, tell nobody, and are
// held to no budget and no gate.
func (d Draft) Replaying() (Draft, error) {
	how, err := ExecutionOf(d.record)
	if err != nil {
		return d, err
	}
	how.ReplayOnly, how.Notify, how.Gate, how.BudgetUSD, how.SignEnv, how.Image = true, nil, nil, 0, "", ""
	d.record.Fresh = true
	d.record.Execution, err = canonical.JSON(how)
	return d, err
}

// Images returns what the steps of a run ran in: as the cluster said, or as far as
// the run's record and plan tell, which have the references. It is none of a run of
// this machine.
func Images(ctx context.Context, st *store.Store, r *Run) ([]store.Image, error) {
	images, err := st.Images(ctx, r.ID)
	if err != nil || len(images) > 0 || r.Plan == nil {
		return images, err
	}
	how, err := ExecutionOf(r.Run)
	if err != nil || how.Image == "" {
		return nil, err
	}
	for i := range r.Plan.Steps {
		s := &r.Plan.Steps[i]
		images = append(images, referred(s.Name, "main", how.Image))
		var t plan.Train
		if s.Job == plan.JobTrain && json.Unmarshal(s.Params, &t) == nil && t.Image != "" {
			images = append(images, referred(s.Name, "trainer", t.Image))
		}
	}
	return images, nil
}

func referred(step store.StepName, container, image string) store.Image {
	_, digest, _ := strings.Cut(image, "@")
	return store.Image{Step: step, Container: container, Image: image, Digest: digest}
}
