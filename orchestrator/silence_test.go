package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// A provider that takes calls and never says anything ends a run after so many
// calls, each of which takes the time that it may: 3 for each request, and one to
// tell the request from the provider, in each attempt of the shard.
func TestSilentProvider(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	s := &modelServer{http: httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))}
	t.Cleanup(s.http.Close)
	l := newLab(t)
	const inFlight, attempts = 2, 2
	profile := filepath.Join(l.dir, "profile.yaml")
	text := "{apiVersion: gymline/v1alpha1, kind: Profile, metadata: {name: x}, spec: {parallelism: {shards: 1, inFlight: 2}, retries: {limit: 1, backoff: 10ms}, limits: {m: {timeout: 200ms}}}}"
	if err := os.WriteFile(profile, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	samples := "samples=" + filepath.Join(repo(t), "configs", "samples")
	stderr := l.fails(75, "run", s.paid(t, l.dir), "--input", samples, "--profile", profile)
	if !strings.Contains(stderr, "no answer within 200ms (after 3 attempts)") || !strings.Contains(stderr, "limits.m.timeout") {
		t.Errorf("%s", stderr)
	}
	if n := calls.Load(); n < 4*attempts || n > 4*attempts*inFlight {
		t.Errorf("%d calls", n)
	}
}
