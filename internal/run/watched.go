package run

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// Watched is what drift is found by, beside scores.
type Watched struct {
	// Frozen is the candidate that the others are held against; "": none.
	Frozen  string           `json:"frozen,omitempty"`
	Anchors *metrics.Anchors `json:"anchors,omitempty"`
	// Bases are digests of all that was chosen for a candidate's answers, the frozen ones
	// and the judge, by candidate; Anchored is that of the anchors and the judge.
	Bases    map[string]store.Digest `json:"bases,omitempty"`
	Anchored store.Digest            `json:"anchored,omitempty"`
	// Failed are shares of answers that could not be used, by candidate.
	Failed map[string]float64 `json:"failed,omitempty"`
	// Model is the reward model, where that judges.
	Model store.Digest `json:"model,omitempty"`
}

// watched is nil of a run that no drift is watched for in.
func watched(ctx context.Context, st *store.Store, id store.RunID, p *plan.Plan, e *metrics.Evaluation) (*Watched, error) {
	if e.Frozen == "" && e.Anchors == nil {
		return nil, nil
	}
	w := &Watched{Frozen: e.Frozen, Anchors: e.Anchors, Failed: map[string]float64{}}
	for _, c := range e.Candidates {
		if asked := c.Events + e.Unjudged*max(1, e.Repeats); c.Failed > 0 && asked > 0 {
			w.Failed[c.Name] = float64(c.Failed) / float64(asked)
		}
	}
	if step := p.Step(plan.JobAnchors); step != nil {
		basis, err := p.Basis(step, 0)
		if err != nil {
			return nil, err
		}
		w.Anchored = basis
	}
	if w.Frozen != "" {
		if err := w.bases(p); err != nil {
			return nil, err
		}
	}
	if e.Judge != plan.JudgeRewardModel {
		return w, nil
	}
	rec, err := Record(ctx, st, id, plan.JobReward, 0)
	if err != nil || rec == nil {
		return w, err
	}
	model, err := rec.Output(plan.ModelOutput)
	w.Model = model.Digest
	return w, err
}

// bases are of candidates with all their repeats.
func (w *Watched) bases(p *plan.Plan) error {
	step := p.Step(plan.JobPredict)
	if step == nil {
		return nil
	}
	of := map[string][]string{}
	for shard := range step.Shards {
		var params plan.Predict
		if err := json.Unmarshal(step.Of(shard).Params, &params); err != nil {
			return fmt.Errorf("step %s: parameters: %w", step.Name, err)
		}
		basis, err := p.Basis(step, shard)
		if err != nil {
			return err
		}
		of[params.Candidate.Name] = append(of[params.Candidate.Name], string(basis))
	}
	w.Bases = map[string]store.Digest{}
	for name, own := range of {
		if name != w.Frozen {
			w.Bases[name] = store.DigestOf([]byte(strings.Join(append(own, of[w.Frozen]...), "\n")))
		}
	}
	return nil
}
