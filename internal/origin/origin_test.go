package origin

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/trace"
)

func encoded(t *testing.T, v any) json.RawMessage {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func seven() llm.Model {
	warm := 0.7
	return llm.Model{Name: "small", Provider: "openai", Model: "gpt-4o-mini", Temperature: &warm, MaxTokens: 500}
}

// opened is a store with a run of a gym and two candidates, which has not ended.
func opened(t *testing.T) *store.Store {
	small, large := seven(), llm.Model{Name: "large", Provider: "sim", Params: llm.Params{Skill: 0.9}}
	cold := seven()
	cold.Temperature = nil
	p := &plan.Plan{Version: plan.Version, Experiment: "e", Seed: 7, Anew: &plan.Anew{Roles: []string{"judge"}, AsOf: "monday"}, Steps: []plan.Step{
		{Name: "generate", Job: plan.JobGenerate, Shards: 1, Share: plan.Share{Params: encoded(t, plan.Generate{Models: plan.GymModels{User: large, Environment: large, Agent: small}})}},
		{Name: "predict", Job: plan.JobPredict, Shards: 3, Each: []plan.Share{
			{Params: encoded(t, plan.Predict{Candidate: plan.Candidate{Name: "ours", Model: &small}, Judge: plan.Judge{Kind: plan.JudgeLLM, Model: &large}})},
			{Params: encoded(t, plan.Predict{Candidate: plan.Candidate{Name: "cold", Model: &cold}, Judge: plan.Judge{Kind: plan.JudgeLLM, Model: &large}})},
			{Params: encoded(t, plan.Predict{Candidate: plan.Candidate{Name: "published"}, Judge: plan.Judge{Kind: plan.JudgeRecorded}})},
		}},
	}}
	raw, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	st := store.New(store.NewMem())
	how := run.Execution{Set: []string{"seed=7"}, Models: map[string]llm.Access{"small": {Price: &llm.Price{Prompt: 1, Completion: 2}}}}
	record := store.Run{ID: "e-1", Experiment: "e", Digest: "d", Plan: store.DigestOf(raw), Created: "2026-11-28T03:00:00Z", Version: "v1.2.3", Execution: encoded(t, how),
		Inputs: map[string]store.Tree{"b": {Digest: "2", Files: 1}, "a": {Digest: "1", Files: 9}}}
	if err := errors.Join(st.CreateRun(t.Context(), record), st.PutPlan(t.Context(), "e-1", raw)); err != nil {
		t.Fatal(err)
	}
	return st
}

// A model is named once with all parts that it played; with other settings it is another.
func TestOrigin(t *testing.T) {
	st := opened(t)
	got, err := Of(t.Context(), st, "e-1")
	if err != nil {
		t.Fatal(err)
	}
	if got.State != run.Unsealed || got.Version != "v1.2.3" || got.Seed != 7 || got.AskedAnew != "judge, as of monday" || got.Set[0] != "seed=7" || got.Inputs[0].Name != "a" {
		t.Errorf("%+v", got)
	}
	type cast struct {
		name, settings string
		parts          []string
	}
	var list []cast
	for _, m := range got.Models {
		list = append(list, cast{m.Name, m.Describe(), m.Parts})
	}
	want := []cast{
		{"small", "gpt-4o-mini at https://api.openai.com/v1, temperature 0.7, maxTokens 500", []string{"gym: agent", "candidate ours"}},
		{"small", "gpt-4o-mini at https://api.openai.com/v1, maxTokens 500", []string{"candidate cold"}},
		{"large", "stand-in, skill 0.9", []string{"gym: environment", "gym: user", "judge"}},
	}
	if !reflect.DeepEqual(list, want) {
		t.Errorf("got  %v\nwant %v", list, want)
	}
	if got.Models[0].Price == nil || got.Models[2].Price != nil {
		t.Error("a price is not with its model")
	}
}

// What a seal sums up says which versions answered, and what they cost.
func TestVersionsAndCostComeFromTheSeal(t *testing.T) {
	st := opened(t)
	sum := run.Summary{Calls: 12, USD: 0.5, Scores: &run.Scores{JudgedBy: []string{"large-2026"}, Candidates: []run.Scored{{Name: "ours", AnsweredBy: []string{"gpt-4o-mini-2024-07-18"}}, {Name: "cold"}}}}
	if err := st.SealRun(t.Context(), store.Seal{Run: "e-1", State: store.Succeeded, Finished: "2026-11-28T03:01:00Z", Summary: encoded(t, sum)}); err != nil {
		t.Fatal(err)
	}
	got, err := Of(t.Context(), st, "e-1")
	if err != nil {
		t.Fatal(err)
	}
	if got.Summary == nil || got.Summary.USD != 0.5 || got.Finished == "" {
		t.Errorf("%+v", got)
	}
	for i, want := range [][]string{{"gpt-4o-mini-2024-07-18"}, nil, {"large-2026"}} {
		if !reflect.DeepEqual(got.Models[i].Reported, want) {
			t.Errorf("%s reported %v, want %v", got.Models[i].Name, got.Models[i].Reported, want)
		}
	}
}

// Who answered in the gym is in what the gym counted.
func TestVersionsOfTheGym(t *testing.T) {
	st := opened(t)
	stats, err := st.PutBlob(t.Context(), encoded(t, trace.Stats{AnsweredBy: map[string][]string{"agent": {"gpt-4o-mini-2024-07-18"}}}))
	if err != nil {
		t.Fatal(err)
	}
	done := store.Step{Run: "e-1", Step: "generate", Outputs: []store.Artifact{{Name: plan.StatsOutput, Digest: stats}}}
	if err := st.CommitStep(t.Context(), done); err != nil {
		t.Fatal(err)
	}
	got, err := Of(t.Context(), st, "e-1")
	if err != nil {
		t.Fatal(err)
	}
	if m := got.Models[0]; len(m.Reported) != 1 || m.Reported[0] != "gpt-4o-mini-2024-07-18" {
		t.Errorf("%s reported %v", m.Name, m.Reported)
	}
}

func TestRunsThatAreNotThere(t *testing.T) {
	st := store.New(store.NewMem())
	if _, err := Of(t.Context(), st, "x-1"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	if err := st.CreateRun(t.Context(), store.Run{ID: "x-1", Experiment: "x", Created: "2026-11-28T03:00:00Z"}); err != nil {
		t.Fatal(err)
	}
	if got, err := Of(t.Context(), st, "x-1"); err != nil || got.Models != nil || got.Summary != nil {
		t.Errorf("cut off as it opened: %+v, %v", got, err)
	}
}
