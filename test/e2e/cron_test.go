//go:build e2e && linux

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/sim"
	"github.com/gymline/gymline/test/cluster"
)

// runs lists the runs of a profile's store, the earliest first.
func (w *world) runs(t *testing.T, profile string) (ids []string) {
	t.Helper()
	var doc struct {
		Runs []struct{ Run string }
	}
	if err := json.Unmarshal([]byte(w.must(t, "list", "--profile", profile, "-o", "json")), &doc); err != nil {
		t.Fatal(err)
	}
	for _, r := range doc.Runs {
		ids = append(ids, r.Run)
	}
	slices.Reverse(ids) // the latest come first
	return ids
}

// A house serves a model whose version changes, and takes webhooks.
type house struct {
	url string

	mu    sync.Mutex
	skill float64
	asked int
	told  []string // what the webhook was sent
}

// newHouse listens where pods reach it.
func newHouse(t *testing.T) *house {
	listener, err := net.Listen("tcp", net.JoinHostPort(cluster.Host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	h := &house{skill: 0.9}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: h}}
	server.Start()
	t.Cleanup(server.Close)
	h.url = server.URL
	return h
}

func (h *house) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	if strings.HasPrefix(r.URL.Path, "/hook") {
		h.told = append(h.told, string(body))
		return
	}
	var q struct {
		Messages       []llm.Message `json:"messages"`
		Seed           uint64        `json:"seed"`
		ResponseFormat struct {
			JSONSchema struct {
				Name string `json:"name"`
			} `json:"json_schema"`
		} `json:"response_format"`
	}
	_ = json.Unmarshal(body, &q)
	resp, err := sim.New(llm.Model{Name: "m", Provider: llm.Sim, Params: llm.Params{Skill: h.skill}}).Chat(r.Context(), &llm.Request{
		Messages: q.Messages, Seed: q.Seed, Schema: &llm.Schema{Name: q.ResponseFormat.JSONSchema.Name},
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	h.asked++
	_ = json.NewEncoder(w).Encode(map[string]any{
		"model":   fmt.Sprintf("m-%v", h.skill),
		"choices": []any{map[string]any{"message": map[string]any{"role": llm.Assistant, "content": resp.Content}, "finish_reason": "stop"}},
		"usage":   map[string]any{"prompt_tokens": resp.Usage.Prompt, "completion_tokens": resp.Usage.Completion},
	})
}

// change gives the model another version, and returns how often the one before was asked.
func (h *house) change(skill float64) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	asked := h.asked
	h.skill, h.asked = skill, 0
	return asked
}

// nightly submits an experiment for every minute, with a gate, and a webhook in its profile.
func (w *world) nightly(t *testing.T, h *house) (profile string) {
	t.Helper()
	profile = w.profile(t, "nightly", "  notify: [{format: cloudevents, url: {env: HOOK}}]\n")
	data, err := os.ReadFile(profile)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(data), "    secrets:\n", "    secrets:\n      HOOK: {name: nightly-hook, key: url}\n", 1)
	config := filepath.Join(w.dir, "nightly-experiment.yaml")
	experiment := fmt.Sprintf(`apiVersion: gymline/v1alpha1
kind: Experiment
metadata: {name: nightly}
spec:
  inputs: {samples: {}}
  models:
    m: {provider: openai, baseURL: %s/v1, model: m, apiKey: {env: OPENAI_API_KEY}}
    judge: {provider: sim, skill: 0.95}
  evaluate:
    benchmark: {input: samples, path: benchmark}
    candidates: [{name: m, model: m}]
    judge: {model: judge}
    gate: [{maxDrop: 3}]
  schedule: {cron: ["* * * * *"], refresh: [candidates, judge]}
`, h.url)
	if err := errors.Join(os.WriteFile(profile, []byte(text), 0o600), os.WriteFile(config, []byte(experiment), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Kubectl(t.Context(), "create", "secret", "generic", "nightly-hook", "-n", namespace, "--from-literal=url="+h.url+"/hook/"+canary); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", w.must(t, "submit", config, "--input", "samples="+w.config("samples"), "--profile", profile))
	return profile
}

// Three nights are three runs, each of which asks anew as of its own time; the third, whose
// model is another, breaks its gate, which whoever is to know is told of; and a scheduled
// time that fires twice is one.
func TestSchedule(t *testing.T) {
	t.Parallel()
	w := shared
	h := newHouse(t)
	profile := w.nightly(t, h)
	suspend := func(yes bool) {
		t.Helper()
		if _, err := w.Kubectl(t.Context(), "patch", "cronworkflow", "nightly", "-n", namespace, "--type=merge", "-p", fmt.Sprintf(`{"spec":{"suspend":%t}}`, yes)); err != nil {
			t.Fatal(err)
		}
	}
	var runs []string
	for n := range 2 { // the model is another from one night to the next, and never within one
		for end, more := time.Now().Add(8*time.Minute), len(runs); len(runs) < max(2, more+1) && time.Now().Before(end); time.Sleep(time.Second) {
			runs = w.runs(t, profile)
		}
		suspend(true)
		runs = w.runs(t, profile)
		if len(runs) < 2 || !strings.HasPrefix(runs[0], "nightly-2") {
			t.Fatalf("runs %q\n%s", runs, w.cluster(t))
		}
		for _, run := range runs {
			w.succeeds(t, profile, run, 4*time.Minute)
		}
		if asked := h.change(0.1); asked < 95 {
			t.Errorf("the model was asked %d times", asked)
		}
		if n == 0 {
			suspend(false)
		}
	}
	for _, run := range runs {
		w.askedAnew(t, profile, run)
	}
	w.gated(t, h, profile, runs)

	// The first night's time fires again.
	first := w.status(t, profile, runs[0]).Workflow.Workflow
	text, err := w.Kubectl(t.Context(), "get", "workflow", "-n", namespace, first, "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	var wf map[string]any
	if err := json.Unmarshal([]byte(text), &wf); err != nil {
		t.Fatal(err)
	}
	meta := wf["metadata"].(map[string]any)
	delete(wf, "status")
	labels := meta["labels"].(map[string]any)
	for key := range labels {
		if strings.HasPrefix(key, "workflows.argoproj.io/") && key != "workflows.argoproj.io/cron-workflow" {
			delete(labels, key)
		}
	}
	wf["metadata"] = map[string]any{"name": "nightly-again", "namespace": namespace, "labels": labels, "annotations": meta["annotations"]}
	again, err := json.Marshal(wf)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Apply(t.Context(), string(again)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Kubectl(t.Context(), "wait", "-n", namespace, "workflow/nightly-again", "--for=condition=Completed", "--timeout=400s"); err != nil {
		t.Fatalf("%v\n%s", err, w.cluster(t))
	}
	if phase, err := w.Kubectl(t.Context(), "get", "-n", namespace, "workflow/nightly-again", "-o", "jsonpath={.status.phase}"); phase != "Succeeded" {
		t.Errorf("the second firing: %s, %v\n%s", phase, err, w.cluster(t))
	}
	if paid := h.change(0.1); paid > 0 {
		t.Errorf("the second firing of a time asked %d times", paid)
	}
	if now := w.runs(t, profile); !slices.Equal(now, runs) {
		t.Errorf("a second firing of one time made runs of its own: %q, before %q", now, runs)
	}
}

// askedAnew holds that a run asked as of its own time, and took no answers from another.
func (w *world) askedAnew(t *testing.T, profile, run string) {
	t.Helper()
	var shown struct {
		Anew  struct{ AsOf string }
		Steps []struct {
			Step   string
			Reused bool
		}
	}
	if err := json.Unmarshal([]byte(w.must(t, "show", run, "--profile", profile, "-o", "json")), &shown); err != nil {
		t.Fatal(err)
	}
	asOf, err := time.Parse(time.RFC3339, shown.Anew.AsOf)
	if err != nil || "nightly-"+asOf.Format("2006-01-02T150405Z") != run {
		t.Errorf("%s asked anew as of %q", run, shown.Anew.AsOf)
	}
	for _, s := range shown.Steps {
		if s.Step == "predict" && s.Reused { // what follows is reused where the answers were the same
			t.Errorf("%s took its answers from the night before", run)
		}
	}
}

// gated holds that the last night alone broke its gate, and that the webhook and
// the series tell of it.
func (w *world) gated(t *testing.T, h *house, profile string, runs []string) {
	t.Helper()
	last := len(runs) - 1
	for n, run := range runs {
		stdout, stderr, code := w.run(t, "gate", run, "--profile", profile)
		if n < last && code != 0 || n == last && (code != 66 || !strings.Contains(stderr, "points below "+runs[n-1]+", where 3.0 are allowed; the candidate changed: ") || !strings.Contains(stderr, "answered by m-0.1 (was m-0.9)")) {
			t.Errorf("the gate of night %d ends with %d\n%s%s", n+1, code, stdout, stderr)
		}
	}
	if series := w.must(t, "history", "nightly", "--profile", profile); strings.Count(series, "nightly-2") != len(runs) || !strings.Contains(series, "answered by m-0.1 (was m-0.9)") {
		t.Errorf("the series\n%s", series)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var event struct {
		Type, Subject string
		Data          struct {
			ExitCode int
			Sentence string
		}
	}
	if len(h.told) != 1 || json.Unmarshal([]byte(h.told[0]), &event) != nil || event.Type != "gymline.run.gate" || event.Subject != runs[last] || event.Data.ExitCode != 66 ||
		!strings.Contains(event.Data.Sentence, "gate failed: m has an F1 of ") || strings.Contains(h.told[0], canary) {
		t.Errorf("the webhook was told %q", h.told)
	}
}
