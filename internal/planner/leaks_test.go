package planner

import (
	"reflect"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

const curated = `
apiVersion: gymline/v1alpha1
kind: Experiment
metadata: {name: curated}
spec:
  inputs: {samples: {path: there}}
  models: {m: {provider: sim}}
  generate:
    scenes: {seeds: {input: samples, path: seeds.yaml}, model: m, count: 2, file: {input: samples, path: scenes.yaml}, limit: 3}
    models: {user: m, environment: m, agent: m}
  curate: {}
  export: {data: {gym: true}}
`

const evaluated = `  evaluate:
    benchmark: {input: samples, path: bench}
    candidates: [{name: a, model: m}]
    judge: {model: m}
`

// What is not compared with a benchmark moves no digest and no work key: these are of
// before there was a default of 0.5.
func TestWithoutABenchmarkNothingMoves(t *testing.T) {
	p := planOf(t, curated)
	if p.Digest != "586f88a26b813f1a525f1dfca942171a78ca4af5c2f64f812b45fc0b35ac90f2" {
		t.Errorf("the experiment's digest is %s", p.Digest)
	}
	for job, want := range map[string]string{
		plan.JobCurate: `{"duplicates":0.9,"leakage":0.8,"minAccepted":0,"maxAccepted":1,"quota":0}`,
	} {
		if got := string(p.Step(store.StepName(job)).Params); got != want {
			t.Errorf("%s: %s", job, got)
		}
	}
	if got := params[plan.Export](t, p.Step(plan.JobExport).Share); got.Leakage != 0 || got.Scenes == nil || got.Scenes.Limit != 3 {
		t.Errorf("export %+v", got)
	}
	if got := params[plan.Generate](t, planOf(t, strings.Replace(curated, "limit: 3", "limit: 3, leaks: drop", 1)).Step(plan.JobGenerate).Share); got.Leaks != nil {
		t.Errorf("without a benchmark: %+v", got.Leaks)
	}
}

// One similarity holds for the gym, its rows and the export, unless the export has its own.
func TestLeaks(t *testing.T) {
	seeds, scenes, bench := plan.File{Input: "samples", Path: "seeds.yaml"}, plan.File{Input: "samples", Path: "scenes.yaml"}, plan.File{Input: "samples", Path: "bench"}
	for _, c := range []struct {
		set            string
		leaks          *plan.Leaks
		curate, export float64
	}{
		{"", nil, 0.5, 0.5},
		{"generate.scenes.leaks=report", nil, 0.5, 0.5},
		{"curate.leakage=0.7 generate.scenes.leaks=drop", &plan.Leaks{Benchmark: bench, Similarity: 0.7, Do: "drop"}, 0.7, 0.7},
		{"export.leakage=1 generate.scenes.leaks=fail", &plan.Leaks{Benchmark: bench, Similarity: 0.5, Do: "fail"}, 0.5, 1},
	} {
		p, err := Plan(load(t, curated+evaluated, strings.Fields(c.set)...), inputs, formats)
		if err != nil {
			t.Fatal(err)
		}
		generate, curate := p.Step(plan.JobGenerate), p.Step(plan.JobCurate)
		if got := params[plan.Generate](t, generate.Share).Leaks; !reflect.DeepEqual(got, c.leaks) {
			t.Errorf("%s: generate %+v", c.set, got)
		}
		want := &plan.GymInputs{Scenes: &scenes, Limit: 3, Seeds: &seeds, Dropped: strings.Contains(c.set, "drop")}
		if got := params[plan.Curate](t, curate.Share); got.Leakage != c.curate || !reflect.DeepEqual(got.Inputs, want) {
			t.Errorf("%s: curate %+v", c.set, got)
		}
		if got := params[plan.Export](t, p.Step(plan.JobExport).Share); got.Leakage != c.export {
			t.Errorf("%s: export at %v", c.set, got.Leakage)
		}
		if !reflect.DeepEqual(curate.Sources, []plan.File{bench, scenes, seeds}) {
			t.Errorf("%s: curate reads %v", c.set, curate.Sources)
		}
		if n := len(generate.Sources); n != 2 && c.leaks == nil || n != 3 && c.leaks != nil {
			t.Errorf("%s: generate reads %v", c.set, generate.Sources)
		}
	}
}
