package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/dataset"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/origin"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

func fixtureOrigin() *origin.Run {
	warm := 0.7
	return &origin.Run{
		ID: "support-7", Experiment: "support", Digest: "4be1c0a7d7c1e7ab0b9a3d1f0e55ac7bd6c2ab44f3adfbb6c3e5b8d92d0c1f7a", State: store.Failed,
		Opened: "2024-06-03T12:00:00Z", Finished: "2024-06-03T14:31:40.5Z", Version: "v1.4.0", Seed: 42, Set: []string{"evaluate.judge.model=large"},
		Inputs:  []origin.Input{{Name: "proactivebench", Tree: store.Tree{Digest: "ab12cd34ef56ab12", Files: 1387}}},
		Summary: &run.Summary{Calls: 229_866, USD: 152.3},
		Models: []origin.Model{
			{Model: llm.Model{Name: "small", Provider: "openai", Model: "gpt-4o-mini", Temperature: &warm}, Parts: []string{"gym: agent", "candidate ours"}, Price: &llm.Price{Prompt: .15, Completion: .6}, Reported: []string{"gpt-4o-mini-2024-07-18"}},
			{Model: llm.Model{Name: "large", Provider: "sim"}, Parts: []string{"gym: user", "judge"}},
		},
	}
}

// A page for people says which run it shows, and else is the artifact, byte for byte.
func TestPageOfARun(t *testing.T) {
	artifact := render(t, fixture())
	var b bytes.Buffer
	if err := WriteFor(&b, []byte(artifact), fixtureOrigin()); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	for _, want := range []string{
		"<title>support-7: ", "<dt>Run</dt><dd>support-7</dd>", "<h2>Run support-7</h2>", "<dt>Opened</dt><dd>3 June 2024, 12:00 UTC</dd>", "<dt>Took</dt><dd>2 h 32 min</dd>",
		"gymline v1.4.0", "<dt>Paid</dt><dd>$152.30</dd>", "<dt>Input proactivebench</dt><dd>1,387 files, ab12cd34ef56</dd>", "evaluate.judge.model=large",
		"gpt-4o-mini at https:", "gpt-4o-mini-2024-07-18", "temperature 0.7", "<td class=\"text\">$0.15, cached $0, completion $0.6 a million tokens</td>", "gym: agent, candidate ours", "<code>4be1c0a7",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	_, body, _ := strings.Cut(artifact, "<main>")
	if !strings.HasSuffix(got, body) {
		t.Error("what the artifact says has changed")
	}
	if err := WriteFor(&b, []byte("<html>"), fixtureOrigin()); err == nil {
		t.Error("a page that is none was taken")
	}
}

func TestHostileOriginStaysText(t *testing.T) {
	r := fixtureOrigin()
	r.ID, r.Experiment, r.Digest, r.State, r.Version, r.Set, r.Opened, r.AskedAnew = hostile, hostile, hostile, hostile, hostile, []string{hostile}, hostile, hostile
	r.Models[0].Name, r.Models[0].Model.Model, r.Models[0].BaseURL, r.Models[0].Parts, r.Models[0].Reported = hostile, hostile, hostile, []string{hostile}, []string{hostile}
	var b bytes.Buffer
	if err := WriteFor(&b, []byte(render(t, &Data{Title: "x"})), r); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script", "<img", `"quoted"`, "ZgotmplZ"} {
		if strings.Contains(b.String(), bad) {
			t.Errorf("%s reached the page unescaped", bad)
		}
	}
}

// A run without a price is not said to have cost nothing, nor one without an end to have ended.
func TestWhatIsNotKnownOfARun(t *testing.T) {
	r := fixtureOrigin()
	r.Summary.USD, r.State, r.Finished = 0, run.Unsealed, ""
	facts := map[string]string{}
	for _, f := range originFacts(r) {
		facts[f.Name] = f.Value
	}
	if facts["State"] != "under way, or cut off" || facts["Took"] != "" || facts["Paid"] != "nothing" {
		t.Error(facts)
	}
	r.Models[0].Price = nil
	if got := paid(r); got != "unknown: models without a price" {
		t.Error(got)
	}
	r.Summary = nil
	for _, f := range originFacts(r) {
		if f.Name == "Paid" || f.Name == "Calls" {
			t.Error("what cannot be read is told:", f)
		}
	}
}

// A training says who trained, on what, and what came back, or that nothing did.
func TestTrainingIsTold(t *testing.T) {
	r := fixtureOrigin()
	r.Trainings = []origin.Training{
		{Train: plan.Train{Name: "tuned", Kind: plan.TrainCommand, Command: []string{"sh", "train.sh"}}, Base: "Qwen/Qwen2.5-7B", Put: "2024-06-03T12:40:00Z", Export: "97b8aa00ff00aa11",
			Sets: []dataset.Set{{Name: "agent", Rows: rows.Counts{Planned: 1300, Accepted: 1200, Truncated: 34}}}, ServeIt: []string{"ours"},
			Came: &plan.Checkpoint{Kind: "lora", Files: 3, Bytes: 2048, Tree: "c0ffeec0ffee11", Architecture: "Qwen2ForCausalLM"}},
		{Train: plan.Train{Name: "later", Kind: plan.TrainExternal, Deadline: "72h"}},
	}
	var b bytes.Buffer
	if err := WriteFor(&b, []byte(render(t, &Data{Title: "x"})), r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`<section id="training">`, "<h3>tuned</h3>", "the command sh train.sh", "<dt>Trained on</dt><dd>agent, 1,234 rows</dd>", "<dt>Export&#39;s manifest</dt><dd>97b8aa00ff00</dd>",
		"<dt>Checkpoint</dt><dd>lora, 3 files, 2.0 KiB</dd>", "<dt>Its digest</dt><dd>c0ffeec0ffee</dd>", "<dt>Came</dt><dd>3 June 2024, 12:40 UTC</dd>", "<dt>Served by</dt><dd>ours</dd>",
		"<dt>Checkpoint</dt><dd>none came yet, deadline 72h</dd>",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}
