// Package planner turns an experiment and the digests of its inputs into a
// plan. It is a pure function: the same experiment gives the same bytes.
package planner

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/gymline/gymline/internal/canonical"
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// Digest identifies an experiment by its name, its resolved spec and the
// content of its inputs; where the inputs came from is no part of it, nor when a
// run of it stops: what it may cost, and how many failed rows are borne.
func Digest(e *experiment.Experiment, inputs map[string]store.Digest) (store.Digest, error) {
	spec := e.Spec
	spec.Budget, spec.Failures = nil, nil
	data, err := canonical.JSON(struct {
		APIVersion string                  `json:"apiVersion"`
		Name       string                  `json:"name"`
		Spec       experiment.Spec         `json:"spec"`
		Inputs     map[string]store.Digest `json:"inputs"`
	}{e.APIVersion, e.Metadata.Name, spec, inputs})
	if err != nil {
		return "", fmt.Errorf("experiment %s: %w", e.Metadata.Name, err)
	}
	return store.DigestOf(data), nil
}

// Plan lays out the steps of the sections that the experiment has. inputs are
// the digests of its named inputs, formats the output formats of all jobs.
func Plan(e *experiment.Experiment, inputs map[string]store.Digest, formats map[string]int) (*plan.Plan, error) {
	digest, err := Digest(e, inputs)
	if err != nil {
		return nil, err
	}
	b := &builder{
		e: e, formats: formats,
		plan: &plan.Plan{
			Version: plan.Version, Experiment: e.Metadata.Name, Digest: digest, Seed: e.Spec.Seed, Inputs: maps.Clone(inputs),
		},
	}
	if b.plan.Inputs == nil {
		b.plan.Inputs = map[string]store.Digest{}
	}
	if e.Spec.Generate != nil {
		b.generate(e.Spec.Generate)
	}
	if e.Spec.Curate != nil {
		b.curate(e.Spec.Curate)
	}
	if e.Spec.Reward != nil {
		b.reward(e.Spec.Reward)
	}
	if e.Spec.Export != nil {
		b.export(e.Spec.Export)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Spec.Train)) {
		b.train(name, e.Spec.Train[name])
	}
	if e.Spec.Evaluate != nil {
		b.evaluate(e.Spec.Evaluate)
	}
	b.report()
	return b.plan, b.err
}

type builder struct {
	e       *experiment.Experiment
	formats map[string]int
	plan    *plan.Plan
	err     error
}

// step adds a step that is named after its job.
func (b *builder) step(job string, shards int, share plan.Share, inputs ...plan.Input) {
	b.add(plan.Step{Job: job, Shards: shards, Share: share, Inputs: inputs})
}

// stepEach adds a step whose shards have shares of their own.
func (b *builder) stepEach(job string, each []plan.Share, inputs ...plan.Input) {
	b.add(plan.Step{Job: job, Shards: len(each), Each: each, Inputs: inputs})
}

func (b *builder) add(s plan.Step) {
	if s.Name == "" {
		s.Name = store.StepName(s.Job)
	}
	s.Format = b.formats[s.Job]
	b.plan.Steps = append(b.plan.Steps, s)
}

// share is what a shard does with a job's parameters, its files and models.
func (b *builder) share(params any, files []*plan.File, models ...*llm.Model) plan.Share {
	raw, err := json.Marshal(params)
	if err != nil && b.err == nil {
		b.err = fmt.Errorf("parameters %T: %w", params, err)
	}
	s := plan.Share{Params: raw}
	for _, f := range files {
		if f != nil && !slices.Contains(s.Sources, *f) {
			s.Sources = append(s.Sources, *f)
		}
	}
	for _, m := range models {
		if m != nil && !slices.Contains(s.Models, m.Name) {
			s.Models = append(s.Models, m.Name)
		}
	}
	return s
}

// from is an input that an earlier step writes.
func from(name, job, output string) plan.Input {
	return plan.Input{Name: name, Step: store.StepName(job), Output: output}
}

func file(f *experiment.File) *plan.File {
	if f == nil {
		return nil
	}
	return &plan.File{Input: f.Input, Path: f.Path}
}
