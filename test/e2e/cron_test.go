//go:build e2e && linux

package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

// runs lists the runs of a profile's store, by name.
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
	slices.Sort(ids)
	return ids
}

// Two nights are two runs, each of which asks anew as of its own time, and a scheduled
// time that fires twice is one.
func TestSchedule(t *testing.T) {
	t.Parallel()
	w := shared
	profile := w.profile(t, "nightly", "")
	t.Logf("%s", w.must(t, "submit", w.config("nightly.yaml"), "--set", "schedule.cron=['* * * * *']", "--profile", profile))
	var runs []string
	for end := time.Now().Add(8 * time.Minute); len(runs) < 2 && time.Now().Before(end); time.Sleep(time.Second) {
		runs = w.runs(t, profile)
	}
	if _, err := w.Kubectl(t.Context(), "patch", "cronworkflow", "nightly", "-n", namespace, "--type=merge", "-p", `{"spec":{"suspend":true}}`); err != nil {
		t.Fatal(err)
	}
	if len(runs) < 2 || !strings.HasPrefix(runs[0], "nightly-2") {
		t.Fatalf("runs %q\n%s", runs, w.cluster(t))
	}
	for _, run := range runs[:2] {
		w.succeeds(t, profile, run, 4*time.Minute)
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
	runs = w.runs(t, profile)

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
	if now := w.runs(t, profile); !slices.Equal(now, runs) {
		t.Errorf("a second firing of one time made runs of its own: %q, before %q", now, runs)
	}
}
