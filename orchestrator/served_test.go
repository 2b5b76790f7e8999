package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// What the server of a checkpoint says of itself is held against the checkpoint: what
// cannot both be true is told at the run's end, and what nobody can know in stats.
func TestServedCheckpoint(t *testing.T) {
	t.Parallel()
	s, l := newModelServer(t), newLab(t)
	var mu sync.Mutex // of both
	said, asked := `{"data":[{"id":"other","parent":null},{"id":"tuned","parent":"some/base"}]}`, 0
	s.http.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/models" {
			mu.Lock()
			defer mu.Unlock()
			if asked++; s.Calls.Load() == 0 { // as llama.cpp while it loads
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			_, _ = io.WriteString(w, said)
			return
		}
		s.ServeHTTP(w, r)
	})
	text := fmt.Sprintf(`
apiVersion: gymline/v1alpha1
kind: Experiment
metadata: {name: served}
spec:
  inputs: {samples: {}}
  models:
    sim: {provider: sim}
    m: {provider: openai, baseURL: %s/v1, model: tuned, apiKey: {env: PAID_KEY}}
  generate:
    scenes: {seeds: {input: samples, path: seeds.yaml}, model: sim, count: 4}
    models: {user: sim, environment: sim, agent: sim}
  export: {data: {gym: true}}
  train:
    agent: {command: [sh, train.sh]}
  evaluate:
    benchmark: {input: samples, path: benchmark}
    candidates: [{name: ours, model: m, checkpoint: agent}]
    judge: {model: sim}
`, s.http.URL)
	train := `cd "$GYMLINE_CHECKPOINT"
echo '{"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2"}' > config.json
echo '{"model":{"vocab":{"a":0}}}' > tokenizer.json
echo '{}' > tokenizer_config.json
printf '\066\000\000\000\000\000\000\000{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}data' > model.safetensors
`
	for name, text := range map[string]string{"served.yaml": text, "train.sh": train} {
		if err := os.WriteFile(filepath.Join(l.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := []string{"run", "served.yaml", "--input", "samples=" + filepath.Join(repo(t), "configs", "samples")}
	output := func(args ...string) string {
		out := l.output(args...)
		mu.Lock() // the answers are told of
		defer mu.Unlock()
		return out
	}
	out := output(run...)
	const differs = "it is listed as an adapter of some/base, and the checkpoint is a whole model"
	if !strings.Contains(out, "! the server of tuned may not serve the checkpoint: "+differs+"\n") || asked != 1 {
		t.Errorf("asked %d times:\n%s", asked, out)
	}
	if stats := l.output("stats", "served-1"); !strings.Contains(stats, "the server of tuned: differs: "+differs+"; agrees: it lists tuned; not known: whether the weights are those of the checkpoint ") {
		t.Error(stats)
	}
	want := l.digests("served-1")

	// What it says changes no artifact, and a replay asks nobody.
	mu.Lock()
	said = `{"data":[{"id":"tuned","parent":null}]}`
	mu.Unlock()
	if out := output(append(run, "--fresh")...); strings.Contains(out, "may not serve") || l.digests("served-2") != want {
		t.Error(out)
	}
	s.http.Close()
	l.env = []string{"PAID_KEY="}
	if out := output(append(run, "--fresh", "--replay-only")...); asked != 2 || l.digests("served-3") != want {
		t.Errorf("asked %d times:\n%s", asked, out)
	}
	if stats := l.output("stats", "served-3"); !strings.Contains(stats, "the server of tuned: not known: what the server serves, which was not asked, whether the weights") {
		t.Error(stats)
	}
}
