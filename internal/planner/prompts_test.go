package planner

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/store"
)

const withPrompts = `
apiVersion: gymline/v1alpha1
kind: Experiment
metadata: {name: x}
spec:
  inputs: {in: {path: in}}
  models: {m: {provider: sim}}
  prompts:
    a: {role: agent, text: {input: in, path: a.md}}
    b: {role: agent, text: {input: in, path: b.md}}
    u: {role: user, text: {input: in, path: u.md}}
    j: {role: judge, text: {input: in, path: a.md}}
  generate:
    scenes: {seeds: {input: in, path: a.md}, model: m, count: 1}
    models: {user: m, environment: m, agent: m}
    prompts: {agent: b, user: u}
  export: {data: {gym: true}}
  train: {t: {external: true}}
  evaluate:
    benchmark: {input: in, path: '.'}
    candidates:
      - {name: plain, model: m}
      - {name: own, model: m, prompt: a, checkpoint: t}
      - {name: other, model: m, prompt: b}
    judge: {model: m, prompt: j}
`

func planWith(t *testing.T, texts map[string]string, set ...string) *plan.Plan {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "in"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, "in", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e, err := experiment.Load(filepath.Join(dir, "x.yaml"), []byte(withPrompts), experiment.Options{Set: set, Stat: os.Stat, Read: os.ReadFile})
	if err != nil {
		t.Fatal(err)
	}
	p, err := Plan(e, map[string]store.Digest{"in": store.DigestOf([]byte("in"))}, formats)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func params[T any](t *testing.T, s plan.Share) (p T) {
	t.Helper()
	if err := json.Unmarshal(s.Params, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestPrompts: each role has its text, the export those that the gym and the judge have,
// and no step but those that show names depends on what a text is called.
func TestPrompts(t *testing.T) {
	user := "{{.Data}} {{.Activity}} {{.GoalMet}} {{.Verdict}}"
	texts := map[string]string{"a.md": "A {{.Data}} {{.Answer}}\n", "b.md": "B {{.Data}} {{.Answer}}", "u.md": user}
	p := planWith(t, texts)
	a, b := "A {{.Data}} {{.Answer}}", texts["b.md"]
	if g := params[plan.Generate](t, p.Step("generate").Share).Prompts; len(g) != 2 || g[prompt.RoleAgent] != b || g[prompt.RoleUser] != user {
		t.Errorf("generate: %q", g)
	}
	if x := params[plan.Export](t, p.Step(plan.JobExport).Share).Prompts; len(x) != 2 || x[prompt.RoleAgent] != b || x[prompt.RoleJudge] != a {
		t.Errorf("export: %q", x)
	}
	predict := p.Step(plan.JobPredict)
	for i, want := range []string{"", a, b} {
		if s := params[plan.Predict](t, predict.Of(i)); s.Candidate.Prompt != want || s.Judge.Prompt != a {
			t.Errorf("candidate %d: %+v", i, s)
		}
	}
	if e := params[plan.Evaluate](t, p.Step(plan.JobEvaluate).Share); len(e.Prompts) != 2 || e.Prompts["own"].Name != "a" || e.JudgePrompt.Name != "j" || e.OneModel != nil || len(e.OwnJudge) != 3 {
		t.Errorf("evaluate: %+v", e)
	}

	renamed := planWith(t, map[string]string{"a.md": texts["a.md"], "c.md": b, "u.md": user}, "prompts.b=null",
		"prompts.c={role: agent, text: {input: in, path: c.md}}", "generate.prompts.agent=c", "evaluate.candidates[2].prompt=c")
	for _, name := range []store.StepName{"generate", plan.JobExport, plan.JobPredict} {
		was, is := p.Step(name), renamed.Step(name)
		for i := range was.Shards {
			if string(was.Of(i).Params) != string(is.Of(i).Params) {
				t.Errorf("%s/%d depends on a prompt's name", name, i)
			}
		}
	}

	// Without rows of the gym, the export trains on what a checkpoint's candidate is asked with.
	alone := planWith(t, texts, "export.data={proactivebench: {input: in, path: '.'}}")
	if x := params[plan.Export](t, alone.Step(plan.JobExport).Share).Prompts; x[prompt.RoleAgent] != a {
		t.Errorf("export without gym: %q", x)
	}
	// Equal texts are one.
	same := planWith(t, map[string]string{"a.md": b, "b.md": b, "u.md": user})
	if e := params[plan.Evaluate](t, same.Step(plan.JobEvaluate).Share); len(e.OneModel) != 1 || strings.Join(e.OneModel[0], " ") != "own other" {
		t.Errorf("equal texts: %q", e.OneModel)
	}
}

// TestUnreadPrompts: a plan is never made without the texts.
func TestUnreadPrompts(t *testing.T) {
	e, err := experiment.Load("x.yaml", []byte(withPrompts), experiment.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Plan(e, nil, formats); err == nil || !strings.Contains(err.Error(), "prompt a: its text was not read") {
		t.Error(err)
	}
}
