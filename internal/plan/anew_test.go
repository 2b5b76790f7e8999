package plan

import (
	"encoding/json"
	"testing"

	"github.com/gymline/gymline/internal/llm"
)

func raw(t *testing.T, v any) json.RawMessage {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// asked is a plan with all the models that can be asked anew; gym, candidate and judge
// are as of those occasions.
func asked(t *testing.T, gym, candidate, judge string, anew *Anew) *Plan {
	m := func(name, asOf string) *llm.Model { return &llm.Model{Name: name, Provider: llm.OpenAI, AsOf: asOf} }
	predict := Predict{Candidate: Candidate{Name: "a", Model: m("c", candidate)}, Judge: Judge{Kind: JudgeLLM, Model: m("j", judge)}}
	recorded := Predict{Candidate: Candidate{Name: "r", Recorded: &File{Input: "x", Path: "."}}, Judge: predict.Judge}
	return &Plan{
		Version: Version, Experiment: "x", Seed: 7, Anew: anew,
		Steps: []Step{
			{Name: "generate", Job: JobGenerate, Shards: 2, Share: Share{Params: raw(t, Generate{Models: GymModels{Scenes: m("s", gym), User: *m("u", gym), Environment: *m("e", gym), Agent: *m("c", gym)}})}},
			{Name: "predict", Job: JobPredict, Shards: 2, Each: []Share{{Params: raw(t, predict), Models: []string{"c", "j"}}, {Params: raw(t, recorded)}}},
			{Name: "evaluate", Job: JobEvaluate, Shards: 1, Share: Share{Params: raw(t, Evaluate{Candidates: []string{"a", "r"}})}},
			{Name: "report", Job: JobReport, Shards: 1, Share: Share{Params: raw(t, Report{Title: "X", Anew: anew})}},
		},
	}
}

// TestAskAnew: the models of the roles are as of the occasion and nothing else is, also
// where the plan was as of another one.
func TestAskAnew(t *testing.T) {
	encoded := func(p *Plan) string {
		t.Helper()
		data, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	before := asked(t, "", "", "", nil)
	was := encoded(before)
	for _, tt := range []struct {
		roles []string
		want  *Plan
	}{
		{[]string{AnewCandidates}, asked(t, "", "n2", "", &Anew{[]string{AnewCandidates}, "n2"})},
		{[]string{AnewJudge}, asked(t, "", "", "n2", &Anew{[]string{AnewJudge}, "n2"})},
		{[]string{AnewGym}, asked(t, "n2", "", "", &Anew{[]string{AnewGym}, "n2"})},
		{[]string{AnewCandidates, AnewJudge}, asked(t, "", "n2", "n2", &Anew{[]string{AnewCandidates, AnewJudge}, "n2"})},
	} {
		for _, first := range []string{"", "n1"} {
			p, err := before.AskAnew(tt.roles, first)
			if err == nil {
				p, err = p.AskAnew(tt.roles, "n2")
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, want := encoded(p), encoded(tt.want); got != want {
				t.Errorf("%v, before %q:\n got %s\nwant %s", tt.roles, first, got, want)
			}
		}
	}
	if encoded(before) != was {
		t.Error("the plan itself was changed")
	}
}
