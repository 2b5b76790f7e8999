package main

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/sim/simtest"
)

// A provider that spoils three calls in ten, in nine ways, costs time and
// nothing else: no row is lost or doubled, and the artifacts are those of a calm run.
func TestChaos(t *testing.T) {
	t.Parallel()
	samples := "samples=" + filepath.Join(repo(t), "configs", "samples")
	calm := newModelServer(t)
	quiet := newLab(t)
	quiet.output("run", calm.paid(t, quiet.dir), "--input", samples)

	chaos, server := newChaos(t)
	l := newLab(t)
	profile := l.impatient()
	// The address is part of the model's identity, and so of the keys in calls.jsonl; of
	// what else is written only the host is, which both have.
	l.output("run", server.paid(t, l.dir), "--input", samples, "--profile", profile)

	spoiled, all, kinds := chaos.Spoiled()
	t.Logf("%d of %d calls were spoiled:%s", spoiled, all, kinds)
	if share := float64(spoiled) / float64(all); share < 0.25 || share > 0.35 || strings.Contains(kinds, ": 0") {
		t.Errorf("%d of %d calls were spoiled, want 30 in 100 of every kind:%s", spoiled, all, kinds)
	}
	if got, want := artifactsBut(l.digests("paid-1"), "report/", "calls.jsonl"), artifactsBut(quiet.digests("paid-1"), "report/", "calls.jsonl"); got != want {
		t.Errorf("the artifacts differ from the calm run's:\n%s\n%s", got, want)
	}
	for _, step := range []string{"generate", "predict"} {
		seen := map[string]bool{}
		for line := range strings.Lines(l.output("get", "paid-1", step+"/rows.jsonl")) {
			var r rows.Row
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatal(err)
			}
			if seen[r.ID] {
				t.Errorf("%s: the row %s is there twice", step, r.ID)
			}
			seen[r.ID] = true
		}
		if want := strings.Count(quiet.output("get", "paid-1", step+"/rows.jsonl"), "\n"); len(seen) != want {
			t.Errorf("%s: %d rows of %d", step, len(seen), want)
		}
	}
}

// newChaos is a server that spoils three calls in ten.
func newChaos(t *testing.T) (*simtest.Chaos, *modelServer) {
	chaos := &simtest.Chaos{Server: &simtest.Server{Key: canary}, Share: 0.3, Hang: 5 * time.Second, Slow: 300 * time.Millisecond}
	front := httptest.NewServer(chaos)
	t.Cleanup(front.Close)
	return chaos, &modelServer{http: front}
}

// impatient writes a profile that waits a second for an answer.
func (l lab) impatient() string {
	l.t.Helper()
	profile := filepath.Join(l.dir, "profile.yaml")
	if err := os.WriteFile(profile, []byte(`
apiVersion: gymline/v1alpha1
kind: Profile
metadata: {name: impatient}
spec:
  limits: {m: {timeout: 1s}}
  retries: {backoff: 100ms}
`), 0o600); err != nil {
		l.t.Fatal(err)
	}
	return profile
}

// artifactsBut leaves out some lines: the report names the experiment's digest, which
// covers the models' addresses.
func artifactsBut(lines string, left ...string) string {
	var b strings.Builder
	for line := range strings.Lines(lines) {
		if !slices.ContainsFunc(left, func(part string) bool { return strings.Contains(line, part) }) {
			fmt.Fprint(&b, line)
		}
	}
	return b.String()
}
