// Package planner turns an experiment and the digests of its inputs into a
// plan. It is a pure function: the same experiment gives the same bytes.
package planner

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/gymline/gymline/internal/canonical"
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// Digest identifies an experiment by its name, its resolved spec and the
// content of its inputs; where the inputs came from is no part of it.
func Digest(e *experiment.Experiment, inputs map[string]store.Digest) (store.Digest, error) {
	data, err := canonical.JSON(struct {
		APIVersion string                  `json:"apiVersion"`
		Name       string                  `json:"name"`
		Spec       experiment.Spec         `json:"spec"`
		Inputs     map[string]store.Digest `json:"inputs"`
	}{e.APIVersion, e.Metadata.Name, e.Spec, inputs})
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
	if e.Spec.Reward != nil {
		b.reward(e.Spec.Reward)
	}
	if e.Spec.Export != nil {
		b.export(e.Spec.Export)
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
func (b *builder) step(job string, shards int, params any, inputs []plan.Input) {
	b.add(plan.Step{Job: job, Shards: shards, Params: b.encode(job, params), Inputs: inputs})
}

// stepEach adds a step whose shards have parameters of their own.
func (b *builder) stepEach(job string, params []any, inputs []plan.Input) {
	s := plan.Step{Job: job, Shards: len(params), Inputs: inputs}
	for _, p := range params {
		s.Each = append(s.Each, b.encode(job, p))
	}
	b.add(s)
}

func (b *builder) add(s plan.Step) {
	s.Name, s.Format = store.StepName(s.Job), b.formats[s.Job]
	b.plan.Steps = append(b.plan.Steps, s)
}

func (b *builder) encode(job string, params any) json.RawMessage {
	raw, err := json.Marshal(params)
	if err != nil && b.err == nil {
		b.err = fmt.Errorf("step %s: %w", job, err)
	}
	return raw
}

// from is an input that earlier steps write.
func from(name, job, output string) plan.Input {
	return plan.Input{Name: name, Step: store.StepName(job), Output: output}
}

// outside adds the named inputs of files to a step's inputs, each once.
func outside(inputs []plan.Input, files ...*plan.File) []plan.Input {
	seen := map[string]bool{}
	for _, f := range files {
		if f != nil && !seen[f.Input] {
			seen[f.Input] = true
			inputs = append(inputs, plan.Input{Name: f.Input, Source: f.Input})
		}
	}
	return inputs
}

func file(f *experiment.File) *plan.File {
	if f == nil {
		return nil
	}
	return &plan.File{Input: f.Input, Path: f.Path}
}
