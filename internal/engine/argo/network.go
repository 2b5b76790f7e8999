package argo

import (
	"encoding/json"
	"strings"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// Labels of pods, which NetworkPolicies select them by: labelStep names the
// template that a pod is of, the others say what it has to reach.
const (
	labelStep     = "gymline/step"
	labelToAPI    = "gymline/to-api" // Argo's container in the pod
	labelToStore  = "gymline/to-store"
	labelToModels = "gymline/to-models"

	labelToWebhooks = "gymline/to-webhooks"
)

// labels are those of a template's pods.
func (b *builder) labels(template string) map[string]string {
	labels := map[string]string{labelStep: template, labelToAPI: "true"}
	if !strings.HasPrefix(template, createPrefix) {
		labels[labelToStore] = "true"
	}
	if s := b.plan.Step(store.StepName(template)); s != nil && calls(s) {
		labels[labelToModels] = "true"
	}
	return labels
}

// calls reports whether a shard of a step calls a model that is no stand-in.
func calls(s *plan.Step) bool {
	shares := s.Each
	if shares == nil {
		shares = []plan.Share{s.Share}
	}
	for _, share := range shares {
		if len(share.Models) == 0 {
			continue
		}
		var models []*llm.Model
		var err error
		switch s.Job {
		case plan.JobGenerate:
			var g plan.Generate
			err = json.Unmarshal(share.Params, &g)
			models = []*llm.Model{g.Models.Scenes, &g.Models.User, &g.Models.Environment, &g.Models.Agent}
		case plan.JobPredict:
			var p plan.Predict
			err = json.Unmarshal(share.Params, &p)
			models = []*llm.Model{p.Candidate.Model, p.Judge.Model}
		case plan.JobAnchors:
			var p plan.Anchors
			err = json.Unmarshal(share.Params, &p)
			models = []*llm.Model{p.Judge.Model}
		default:
			return true // whatever they are
		}
		if err != nil {
			return true
		}
		for _, m := range models {
			if m != nil && !m.Simulated() {
				return true
			}
		}
	}
	return false
}
