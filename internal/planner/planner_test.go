package planner

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/golden"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

var formats = map[string]int{
	plan.JobGenerate: 1, plan.JobReward: 1, plan.JobExport: 1, plan.JobTrain: 1, plan.JobPredict: 1, plan.JobEvaluate: 1, plan.JobReport: 1,
}

func load(t *testing.T, text string, set ...string) *experiment.Experiment {
	t.Helper()
	e, err := experiment.Load("test.yaml", []byte(text), experiment.Options{Set: set})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

var inputs = map[string]store.Digest{"samples": store.DigestOf([]byte("samples")), "bench": store.DigestOf([]byte("bench"))}

// Each testdata/*.yaml is an experiment whose plan is pinned beside it.
func TestGolden(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.yaml")
	if len(files) < 3 {
		t.Fatal("the experiments are missing")
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Plan(load(t, string(data)), inputs, formats)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if err := json.Indent(&got, raw, "", "  "); err != nil {
			t.Fatal(err)
		}
		got.WriteByte('\n')
		golden.Check(t, strings.TrimSuffix(file, ".yaml")+".plan.json", got.Bytes())
	}
}

const small = `
apiVersion: gymline/v1alpha1
kind: Experiment
metadata: {name: small}
spec:
  inputs: {bench: {path: here}}
  models: {a: {provider: sim}, b: {provider: sim, skill: 0.1}}
  evaluate:
    benchmark: {input: bench, path: .}
    candidates: [{name: a, model: a}]
    judge: {model: b}
`

func TestDigestCoversContentNotPlace(t *testing.T) {
	digest := func(text string, in map[string]store.Digest, set ...string) store.Digest {
		d, err := Digest(load(t, text, set...), in)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	base := digest(small, inputs)
	if digest(strings.Replace(small, "path: here", "path: there", 1), inputs) != base {
		t.Error("the digest depends on where an input lies")
	}
	if digest(small+"  statistics: {resamples: 2000}\n", inputs) != base {
		t.Error("a default that is spelt out changes the digest")
	}
	if digest(small+"  budget: {usd: 5}\n", inputs) != base {
		t.Error("the digest depends on the budget, which bounds a run and changes no artifact")
	}
	gated := load(t, small, "evaluate.gate=[{minF1: 60}]")
	if d, err := Digest(gated, inputs); err != nil || d != base || len(gated.Spec.Evaluate.Gate) != 1 {
		t.Error("the digest depends on the gate, which looks at a result and changes no artifact; or the gate is gone")
	}
	for name, other := range map[string]store.Digest{
		"an input's content": digest(small, map[string]store.Digest{"bench": store.DigestOf([]byte("other"))}),
		"the name":           digest(strings.Replace(small, "name: small", "name: other", 1), inputs),
		"an override":        digest(small, inputs, "seed=2"),
		"a model":            digest(strings.Replace(small, "skill: 0.1", "skill: 0.2", 1), inputs),
	} {
		if other == base {
			t.Errorf("the digest does not cover %s", name)
		}
	}
	if digest(strings.Replace(small, "  evaluate:", "  seed: 2\n  evaluate:", 1), inputs) != digest(small, inputs, "seed=2") {
		t.Error("--set differs from writing the same in the file")
	}
}

// Another candidate must not change the work of those that are there.
func TestCandidatesArePlannedApart(t *testing.T) {
	keys := func(text string) map[string]store.WorkKey {
		p, err := Plan(load(t, text), inputs, formats)
		if err != nil {
			t.Fatal(err)
		}
		step := p.Step(plan.JobPredict)
		out := map[string]store.WorkKey{}
		for shard := range step.Shards {
			var params plan.Predict
			if err := json.Unmarshal(step.Of(shard).Params, &params); err != nil {
				t.Fatal(err)
			}
			reads := []plan.Resolved{}
			for _, source := range step.Of(shard).Sources {
				reads = append(reads, plan.Resolved{Name: source.Input + "/" + source.Path})
			}
			if out[params.Candidate.Name], err = step.WorkKey(p.Seed, shard, reads); err != nil {
				t.Fatal(err)
			}
		}
		return out
	}
	one := keys(small)
	two := keys(strings.Replace(small, "[{name: a, model: a}]", "[{name: first, model: b}, {name: a, model: a}]", 1))
	if len(two) != 2 || one["a"] != two["a"] || two["a"] == two["first"] {
		t.Errorf("%v %v", one, two)
	}
	other := strings.Replace(small, "inputs: {bench: {path: here}}", "inputs: {bench: {path: here}, samples: {path: there}}", 1)
	recorded := keys(strings.Replace(other, "[{name: a, model: a}]", "[{name: a, model: a}, {name: old, recorded: {input: samples, path: x}}]", 1))
	if len(recorded) != 2 || one["a"] != recorded["a"] {
		t.Errorf("%v %v", one, recorded)
	}
}

const trained = `
apiVersion: gymline/v1alpha1
kind: Experiment
metadata: {name: trained}
spec:
  inputs: {bench: {path: here}, samples: {path: there}}
  models: {a: {provider: sim}, b: {provider: sim, skill: 0.1}}
  export: {data: {proactivebench: {input: samples, path: .}}}
  train:
    reward: {trainJob: {runtime: torch, image: "trainer:v1", command: [train]}}
    agent: {base: some/base, deadline: 90m, external: true}
  evaluate:
    benchmark: {input: bench, path: .}
    candidates: [{name: plain, model: a}, {name: tuned, model: a, checkpoint: agent}]
    judge: {model: b}
`

func planOf(t *testing.T, text string) *plan.Plan {
	t.Helper()
	p, err := Plan(load(t, text), inputs, formats)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// candidateKey is the work key of a candidate, where the checkpoint's content
// is as given.
func candidateKey(t *testing.T, p *plan.Plan, name string, checkpoint store.Digest) store.WorkKey {
	t.Helper()
	step := p.Step(plan.JobPredict)
	for shard := range step.Shards {
		share := step.Of(shard)
		var params plan.Predict
		if err := json.Unmarshal(share.Params, &params); err != nil {
			t.Fatal(err)
		}
		if params.Candidate.Name != name {
			continue
		}
		var reads []plan.Resolved
		for _, source := range share.Sources {
			reads = append(reads, plan.Resolved{Name: source.Input + "/" + source.Path, Digests: []store.Digest{inputs[source.Input]}})
		}
		for _, in := range step.Reads(shard) {
			reads = append(reads, plan.Resolved{Name: in.Name, Digests: []store.Digest{checkpoint}})
		}
		key, err := step.WorkKey(p.Seed, shard, reads)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	t.Fatalf("no candidate %s", name)
	return ""
}

func TestTrainSteps(t *testing.T) {
	p := planOf(t, trained)
	var names []store.StepName
	seen := map[store.StepName]bool{}
	for _, s := range p.Steps {
		for _, before := range s.After() {
			if !seen[before] {
				t.Errorf("%s comes before %s, which it reads", s.Name, before)
			}
		}
		names, seen[s.Name] = append(names, s.Name), true
	}
	want := []store.StepName{plan.JobExport, "train-agent", "train-reward", plan.JobPredict, plan.JobEvaluate, plan.JobReport}
	if !slices.Equal(names, want) {
		t.Fatalf("steps %v, want %v", names, want)
	}
	for name, params := range map[string]string{
		"agent":  `{"name":"agent","kind":"external","base":"some/base","deadline":"1h30m0s"}`,
		"reward": `{"name":"reward","kind":"trainJob","deadline":"72h0m0s","command":["train"],"image":"trainer:v1","runtime":"torch","nodes":1}`,
	} {
		s := p.Step(plan.TrainStep(name))
		if s.Job != plan.JobTrain || s.Format != formats[plan.JobTrain] || s.Shards != 1 || string(s.Params) != params {
			t.Errorf("%s: %+v with %s", s.Name, s, s.Params)
		}
		if in := []plan.Input{from("export", plan.JobExport, plan.ManifestOutput)}; !slices.Equal(s.Inputs, in) {
			t.Errorf("%s reads %v, want %v", s.Name, s.Inputs, in)
		}
	}
}

func TestTrainKinds(t *testing.T) {
	for with, want := range map[string]string{
		"command: [./train, a, a]":                      `{"name":"reward","kind":"command","deadline":"72h0m0s","command":["./train","a","a"]}`,
		`container: {image: "a:b", command: [train]}`:   `{"name":"reward","kind":"container","deadline":"72h0m0s","command":["train"],"image":"a:b"}`,
		"external: true, deadline: 1s, base: some/base": `{"name":"reward","kind":"external","base":"some/base","deadline":"1s"}`,
	} {
		text := strings.Replace(trained, `trainJob: {runtime: torch, image: "trainer:v1", command: [train]}`, with, 1)
		if got := string(planOf(t, text).Step(plan.TrainStep("reward")).Params); got != want {
			t.Errorf("%s: %s, want %s", with, got, want)
		}
	}
}

// Of the candidates, only the one that a checkpoint serves waits for its content.
func TestCheckpointIsReadByItsCandidateAlone(t *testing.T) {
	p := planOf(t, trained)
	predict := p.Step(plan.JobPredict)
	if after := predict.After(); !slices.Equal(after, []store.StepName{"train-agent"}) {
		t.Errorf("predict comes after %v", after)
	}
	checkpoint := []plan.Input{{Name: "checkpoint", Step: "train-agent", Output: plan.CheckpointOutput}}
	if predict.Inputs != nil || len(predict.Reads(0)) != 0 || !slices.Equal(predict.Reads(1), checkpoint) {
		t.Errorf("reads %v, %v and %v", predict.Inputs, predict.Reads(0), predict.Reads(1))
	}
	one, two := store.DigestOf([]byte("one")), store.DigestOf([]byte("two"))
	plain := candidateKey(t, p, "plain", one)
	if plain != candidateKey(t, p, "plain", two) {
		t.Error("the work of a candidate without checkpoint depends on one")
	}
	if tuned := candidateKey(t, p, "tuned", one); tuned == candidateKey(t, p, "tuned", two) || tuned == plain {
		t.Error("the work of a candidate does not depend on its checkpoint")
	}

	// Nothing else of evaluate knows of it: but for the checkpoint, all is as without train.
	before, after, _ := strings.Cut(trained, "  train:\n")
	_, after, _ = strings.Cut(after, "  evaluate:\n")
	without := planOf(t, strings.Replace(before+"  evaluate:\n"+after, ", checkpoint: agent", "", 1))
	if plain != candidateKey(t, without, "plain", one) {
		t.Error("training changes the work of a candidate without checkpoint")
	}
	if got, want := p.Step(plan.JobEvaluate), without.Step(plan.JobEvaluate); !reflect.DeepEqual(got, want) {
		t.Errorf("evaluate %+v, and without training %+v", got, want)
	}
	if got, want := p.Step(plan.JobReport).Inputs, without.Step(plan.JobReport).Inputs; !slices.Equal(got, want) {
		t.Errorf("report reads %v, and without training %v", got, want)
	}
}

func TestStepsAreInTopologicalOrder(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.yaml")
	for _, file := range files {
		data, _ := os.ReadFile(file)
		p, err := Plan(load(t, string(data)), inputs, formats)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[store.StepName]bool{}
		for _, s := range p.Steps {
			for _, before := range s.After() {
				if !seen[before] {
					t.Errorf("%s: %s comes before %s, which it reads", file, s.Name, before)
				}
			}
			seen[s.Name] = true
		}
	}
}

// Candidates that one model answers for are named, whatever the model is called in
// the experiment, and so are those that judge themselves.
func TestSharedModels(t *testing.T) {
	const text = `
apiVersion: gymline/v1alpha1
kind: Experiment
metadata: {name: shared}
spec:
  inputs: {bench: {path: here}}
  models:
    a: {provider: openai, baseURL: "http://127.0.0.1:1/v1", model: m}
    same: {provider: openai, baseURL: "http://127.0.0.1:1/v1/", model: m}
    warm: {provider: openai, baseURL: "http://127.0.0.1:1/v1", model: m, temperature: 1}
    other: {provider: openai, baseURL: "http://127.0.0.1:1/v1", model: n}
  evaluate:
    benchmark: {input: bench, path: .}
    candidates:
      - {name: warm, model: warm}
      - {name: one, model: a}
      - {name: rec, recorded: {input: bench, path: rec}}
      - {name: two, model: same}
      - {name: other, model: other}
      - {name: three, model: a}
    judge: {model: warm}
`
	for judge, want := range map[string]plan.Evaluate{
		"warm":  {OneModel: [][]string{{"one", "two", "three"}}, OwnJudge: []string{"warm"}},
		"same":  {OneModel: [][]string{{"one", "two", "three"}}, OwnJudge: []string{"one", "two", "three"}},
		"other": {OneModel: [][]string{{"one", "two", "three"}}, OwnJudge: []string{"other"}},
	} {
		p, err := Plan(load(t, text, "evaluate.judge.model="+judge), inputs, formats)
		if err != nil {
			t.Fatal(err)
		}
		var got plan.Evaluate
		if err := json.Unmarshal(p.Step(plan.JobEvaluate).Params, &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got.OneModel, want.OneModel) || !reflect.DeepEqual(got.OwnJudge, want.OwnJudge) {
			t.Errorf("judge %s: %q and %q, want %q and %q", judge, got.OneModel, got.OwnJudge, want.OneModel, want.OwnJudge)
		}
	}
}

// A candidate's own settings count: what they make of one model can be another's, and a
// further value of a matrix is work beside that of before.
func TestMatrix(t *testing.T) {
	const text = `
apiVersion: gymline/v1alpha1
kind: Experiment
metadata: {name: grid}
spec:
  inputs: {bench: {path: here}}
  models:
    a: {provider: openai, baseURL: "http://127.0.0.1:1/v1", model: m}
    b: {provider: openai, baseURL: "http://127.0.0.1:1/v1", model: n}
    warm: {provider: openai, baseURL: "http://127.0.0.1:1/v1", model: m, temperature: 0.7}
  evaluate:
    benchmark: {input: bench, path: .}
    candidates:
      - {name: warm, model: warm}
      - {name: "{model}-t{temperature}", matrix: {model: [a, b], temperature: [0, 0.7]}}
    judge: {model: b}
`
	keys := func(set ...string) map[string]store.WorkKey {
		p, err := Plan(load(t, text, set...), inputs, formats)
		if err != nil {
			t.Fatal(err)
		}
		step, keys := p.Step(plan.JobPredict), map[string]store.WorkKey{}
		for shard := range step.Shards {
			q := params[plan.Predict](t, step.Of(shard))
			if temperature := q.Candidate.Model.Temperature; temperature == nil || !strings.HasSuffix(q.Candidate.Name, fmt.Sprintf("t%v", *temperature)) && q.Candidate.Name != "warm" {
				t.Errorf("%s is asked at %v", q.Candidate.Name, temperature)
			}
			if keys[q.Candidate.Name], err = step.WorkKey(p.Seed, shard, nil); err != nil {
				t.Fatal(err)
			}
		}
		got := params[plan.Evaluate](t, p.Step(plan.JobEvaluate).Share)
		if len(got.OneModel) != 1 || strings.Join(got.OneModel[0], " ") != "warm a-t0.7" || !strings.HasPrefix(strings.Join(got.OwnJudge, " "), "b-t0 b-t0.7") {
			t.Errorf("one model: %q, own judge: %q", got.OneModel, got.OwnJudge)
		}
		return keys
	}
	before, after := keys(), keys("evaluate.candidates[1].matrix.temperature=[0, 0.7, 1.2]")
	if len(before) != 5 || len(after) != 7 {
		t.Errorf("%d candidates, then %d", len(before), len(after))
	}
	for name, key := range before {
		if after[name] != key {
			t.Errorf("%s is other work", name)
		}
	}
}

// Repeats are more work beside that of before: the first, and those of fewer, are what they
// were, recorded answers are read once, and one repeat is none.
func TestRepeats(t *testing.T) {
	text := strings.Replace(small, "inputs: {bench: {path: here}}", "inputs: {bench: {path: here}, samples: {path: there}}", 1)
	text = strings.Replace(text, "[{name: a, model: a}]", "[{name: a, model: a}, {name: old, recorded: {input: samples, path: x}}, {name: b, model: b}]", 1)
	plans := func(set ...string) (*plan.Plan, []string) {
		p, err := Plan(load(t, text, set...), inputs, formats)
		if err != nil {
			t.Fatal(err)
		}
		step, keys := p.Step(plan.JobPredict), []string{}
		for shard := range step.Shards {
			params := params[plan.Predict](t, step.Of(shard))
			key, err := step.WorkKey(p.Seed, shard, nil)
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, fmt.Sprintf("%s#%d %s", params.Candidate.Name, params.Repeat, key))
		}
		return p, keys
	}
	none, alone := plans()
	one, _ := plans("evaluate.repeats=1")
	a, _ := none.Encode()
	b, _ := one.Encode()
	if !bytes.Equal(a, b) {
		t.Errorf("one repeat is another plan:\n%s\n%s", a, b)
	}
	_, two := plans("evaluate.repeats=2")
	_, three := plans("evaluate.repeats=3")
	if len(alone) != 3 || len(two) != 5 || len(three) != 7 || !slices.Equal(three[:3], alone) || !slices.Equal(three[:5], two) {
		t.Errorf("%v\n%v\n%v", alone, two, three)
	}
	seen := map[string]bool{}
	for i, want := range []string{"a#0", "old#0", "b#0", "a#1", "b#1", "a#2", "b#2"} {
		name, key, _ := strings.Cut(three[i], " ")
		if name != want || seen[key] {
			t.Errorf("shard %d is %s, want %s; its key is another's: %v", i, name, want, seen[key])
		}
		seen[key] = true
	}
}
