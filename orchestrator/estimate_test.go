package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/estimate"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/progress"
)

func (l lab) estimate(args ...string) *estimate.Estimate {
	l.t.Helper()
	var doc struct{ Estimate *estimate.Estimate }
	if err := json.Unmarshal([]byte(l.output(append([]string{"plan", "-o", "json"}, args...)...)), &doc); err != nil || doc.Estimate == nil {
		l.t.Fatalf("no estimate (%v)", err)
	}
	return doc.Estimate
}

// used runs an experiment and returns what all shards say of their calls.
func (l lab) used(args ...string) llm.Usage {
	l.t.Helper()
	last := map[string]llm.Usage{}
	for line := range strings.Lines(l.output(append([]string{"run", "-o", "json"}, args...)...)) {
		var e progress.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			l.t.Fatal(err)
		}
		if e.Usage != nil {
			last[fmt.Sprint(e.Step, "/", e.Shard)] = *e.Usage
		}
	}
	var sum llm.Usage
	for _, u := range last {
		sum = sum.Add(u)
	}
	return sum
}

func in(r estimate.Range, value float64) bool { return r.Low <= value && value <= r.High }

// holds compares an estimate with what a run came to: it is within the range, and
// not far from what was likely.
func holds(t *testing.T, e *estimate.Estimate, u llm.Usage) {
	t.Helper()
	var calls, prompt, completion estimate.Range
	for _, m := range e.Models {
		for into, r := range map[*estimate.Range]estimate.Range{&calls: m.Calls, &prompt: m.PromptTokens, &completion: m.CompletionTokens} {
			into.Low, into.Likely, into.High = into.Low+r.Low, into.Likely+r.Likely, into.High+r.High
		}
	}
	for _, c := range []struct {
		what string
		of   estimate.Range
		was  float64
	}{
		{"calls", calls, float64(u.Calls)}, {"prompt tokens", prompt, float64(u.Prompt)},
		{"completion tokens", completion, float64(u.Completion)}, {"dollars", e.USD, u.USD},
	} {
		if !in(c.of, c.was) || c.was < 0.6*c.of.Likely || c.was > 1.6*c.of.Likely {
			t.Errorf("%v %s, and the estimate was %+v", c.was, c.what, c.of)
		}
	}
}

// The estimate's range holds what runs with served models really cost.
func TestEstimateOfServedModels(t *testing.T) {
	t.Parallel()
	s := newModelServer(t)
	data, err := os.ReadFile(filepath.Join(repo(t), "configs", "openai.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(t, "OPENAI_API_KEY="+canary)
	config := filepath.Join(l.dir, "served.yaml")
	text := strings.ReplaceAll(string(data), "https://api.openai.com/v1", s.http.URL+"/v1")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	samples := "samples=" + filepath.Join(repo(t), "configs", "samples")
	for _, seed := range []string{"7", "8", "9"} {
		args := []string{config, "--input", samples, "--set", "seed=" + seed, "--set", "generate.sessions=2"}
		before := s.Calls.Load()
		e := l.estimate(args...)
		if n := s.Calls.Load() - before; n != 0 {
			t.Fatalf("%d models were called for an estimate", n)
		}
		if e.USD.Low <= 0 || e.USD.High > 6*e.USD.Low {
			t.Errorf("the range is %+v", e.USD)
		}
		holds(t, e, l.used(args...))
		if e := l.estimate(args...); len(e.Models) != 0 || e.USD.High != 0 {
			t.Errorf("what is done was estimated at %+v", e)
		}
	}
}

// Stand-ins cost nothing, and what is estimated of them is what they do.
func TestEstimateOfQuickstart(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	config := filepath.Join(repo(t), "configs", "quickstart.yaml")
	e := l.estimate(config)
	if len(e.Models) != 3 || !e.Models[0].Simulated || e.USD != (estimate.Range{}) {
		t.Errorf("%+v", e)
	}
	holds(t, e, l.used(config))

	// A shard that is done is left out.
	half := l.estimate(config, "--set", "generate.shards=1")
	if got, all := half.Models[0].Calls.Likely, e.Models[0].Calls.Likely; got < all/2 {
		t.Errorf("%v calls of %v", got, all)
	}
	// Ten times the sessions are ten times the calls of sessions.
	calls := func(sessions int) float64 {
		return l.estimate(config, "--set", "seed=8", "--set", fmt.Sprintf("generate.sessions=%d", sessions)).Models[0].Calls.Likely
	}
	if one, ten, hundred := calls(1), calls(10), calls(100); ten < 5*one || (hundred-ten)/(ten-one) < 9.999 || (hundred-ten)/(ten-one) > 10.001 {
		t.Errorf("1, 10 and 100 sessions a scene take %v, %v and %v calls", one, ten, hundred)
	}
}

// Scenes of a file and scenes that are written stand in the sample in proportion.
func TestEstimateOfScenesOfAFile(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	var scenes strings.Builder
	for i := range 40 {
		fmt.Fprintf(&scenes, `
- domain: %s
  environment: {theme: desk, description: "A desk <%d> with a computer", entities: [editor, browser], agent_ops: ["file.open(path)", "web.search(query)"], events_example: [The user opens a file.]}
  user: {description: "A clerk, \"busy\"", goal: Finish report %d}
`, []string{"coding", "writing"}[i/20], i, i)
	}
	dir := filepath.Join(l.dir, "own")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "scenes.yaml"), []byte(scenes.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(l.dir, "both.yaml")
	err := os.WriteFile(config, []byte(`
apiVersion: gymline/v1alpha1
kind: Experiment
metadata: {name: both}
spec:
  inputs: {samples: {}, own: {}}
  models: {a: {provider: sim}, b: {provider: sim}}
  generate:
    scenes: {file: {input: own, path: scenes.yaml}, limit: 30, seeds: {input: samples, path: seeds.yaml}, model: b, count: 10}
    models: {user: a, environment: a, agent: a}
    sessions: 2
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{config, "--input", "samples=" + filepath.Join(repo(t), "configs", "samples"), "--input", "own=" + dir}
	e := l.estimate(args...)
	if len(e.Models) != 2 || e.Models[1].Calls.Likely < 9.99 || e.Models[1].Calls.Likely > 15 {
		t.Errorf("ten scenes are written, and the estimate is %+v", e.Models)
	}
	holds(t, e, l.used(args...))
}
