package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/store"
)

// A run in the words of others names every artifact with its digest, and is always the
// same; their own validators judge the form (make verify-audit).
func TestRunInTheWordsOfOthers(t *testing.T) {
	t.Parallel()
	l := newLineageLab(t)
	digests := map[store.Digest]int{}
	for _, what := range strings.Fields(l.digests("line-1")) {
		if len(what) == 64 {
			digests[store.Digest(what)]++
		}
	}
	if len(digests) < 20 {
		t.Fatalf("%d artifacts", len(digests))
	}
	type event struct {
		EventType, EventTime string
		Run                  struct {
			RunID  string `json:"runId"`
			Facets map[string]json.RawMessage
		}
		Job     struct{ Name string }
		Outputs []struct{ Name string }
	}
	events := l.output("lineage", "line-1", "-o", "openlineage")
	open := map[string]string{}
	for _, e := range decodedLines[event](t, events) {
		switch e.EventType {
		case "START":
			open[e.Run.RunID] = e.EventTime
		case "COMPLETE":
			if open[e.Run.RunID] == "" || e.EventTime < open[e.Run.RunID] || len(e.Outputs) == 0 {
				t.Errorf("%s ends at %s and began at %q, with %d outputs", e.Job.Name, e.EventTime, open[e.Run.RunID], len(e.Outputs))
			}
			delete(open, e.Run.RunID)
		default:
			t.Errorf("%s: %s", e.Job.Name, e.EventType)
		}
		if (e.Run.Facets["parent"] != nil) != strings.Contains(e.Job.Name, ".") {
			t.Errorf("%s has the parent %s", e.Job.Name, e.Run.Facets["parent"])
		}
	}
	if n := strings.Count(events, "\n"); n != 2*(1+8) || len(open) > 0 {
		t.Errorf("%d events, of which %v do not end", n, open)
	}
	metadata := l.output("lineage", "line-1", "-o", "rocrate")
	for d := range digests {
		if !strings.Contains(events, "sha256:"+string(d)) || !strings.Contains(metadata, `"sha256": "`+string(d)) {
			t.Errorf("%s is not named", d)
		}
	}
	if events != l.output("lineage", "line-1", "-o", "openlineage") || metadata != l.output("lineage", "line-1", "-o", "rocrate") {
		t.Error("it is not always the same")
	}
	var crate struct {
		Graph []map[string]any `json:"@graph"`
	}
	if err := json.Unmarshal([]byte(metadata), &crate); err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, e := range crate.Graph {
		if id := e["@id"].(string); there[id] {
			t.Errorf("%s is there twice", id)
		} else {
			there[id] = true
		}
	}
	var refs func(of string, v any)
	refs = func(of string, v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				refs(of, e)
			}
		case map[string]any:
			if id, _ := v["@id"].(string); !there[id] && !strings.HasPrefix(id, "http") {
				t.Errorf("%s names %q, which is not there", of, id)
			}
		}
	}
	for _, e := range crate.Graph {
		for key, v := range e {
			refs(e["@id"].(string)+" "+key, v)
		}
	}
}
