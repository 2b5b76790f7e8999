//go:build e2e && linux

package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/gymline/gymline/internal/sim/simtest"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/store/s3"
	"github.com/gymline/gymline/test/cluster"
)

// A bad row fails the run at once, is tried once, and status says which it is.
func TestPermanentFailure(t *testing.T) {
	t.Parallel()
	w := shared
	samples := filepath.Join(w.dir, "bad-samples")
	if err := os.CopyFS(samples, os.DirFS(w.config("samples"))); err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(samples, "benchmark", "coding_1.json")
	data, err := os.ReadFile(bad)
	if err == nil {
		err = os.WriteFile(bad, data[:len(data)/2], 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	profile := w.profile(t, "permanent", "")
	// Where models are asked, submit itself would see it.
	stdout, stderr, code := w.run(t, "submit", w.config("rescore.yaml"), "--input", "samples="+samples, "--profile", profile, "--wait", "-o", "json")
	if code != 65 || !strings.Contains(stdout, `"state":"Failed"`) || !strings.Contains(stdout, "coding_1.json") {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	run := w.lastRun(t, profile)
	s := w.status(t, profile, run)
	if s.State != "Failed" || len(s.Failures) == 0 || s.Failures[0].ExitCode != 65 || !strings.Contains(s.Failures[0].Cause, "coding_1.json") {
		t.Errorf("status: %+v", s)
	}
	text := w.must(t, "status", run, "--profile", profile)
	t.Logf("%s", text)
	if !strings.Contains(text, "coding_1.json") {
		t.Errorf("status does not name the file:\n%s", text)
	}
	for _, p := range s.Workflow.Pods {
		if p.Attempt > 1 {
			t.Errorf("%s/%d was tried %d times", p.Step, p.Shard, p.Attempt)
		}
	}
}

// lastRun is the newest run of a profile's store.
func (w *world) lastRun(t *testing.T, profile string) string {
	runs := w.runs(t, profile)
	if len(runs) == 0 {
		t.Fatal("the store has no run")
	}
	return runs[len(runs)-1]
}

// A provider that fails for a while is tried again with backoff; and its key is
// nowhere but in its Secret.
func TestTemporaryFailureAndSecrets(t *testing.T) {
	t.Parallel()
	w := shared
	listener, err := net.Listen("tcp", net.JoinHostPort(cluster.Host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	models := &simtest.Server{Key: canary}
	models.RetryAfter.Store(600_000) // longer than a process waits: the pod fails
	models.Status.Store(http.StatusServiceUnavailable)
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: models}}
	server.Start()
	defer server.Close()
	config := filepath.Join(w.dir, "paid-experiment.yaml")
	text := fmt.Sprintf(`apiVersion: gymline/v1alpha1
kind: Experiment
metadata: {name: paid}
spec:
  inputs: {samples: {}}
  models:
    m: {provider: openai, baseURL: %s/v1, model: m, apiKey: {env: OPENAI_API_KEY}}
  evaluate:
    benchmark: {input: samples, path: benchmark}
    candidates: [{name: m, model: m}]
    judge: {model: m}
`, server.URL)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	profile := w.profile(t, "paid", "")
	run := w.submit(t, config, "--input", "samples="+w.config("samples"), "--profile", profile)
	w.until(t, profile, run, "retrying", 4*time.Minute, func(s status) bool { return len(s.Steps) > 0 && s.Steps[0].Retries > 0 })
	models.RetryAfter.Store(5)
	models.Status.Store(0)
	s := w.succeeds(t, profile, run, 6*time.Minute)
	if s.Steps[0].Retries == 0 || models.Calls.Load() < 50 {
		t.Errorf("%d retries, %d calls", s.Steps[0].Retries, models.Calls.Load())
	}

	// Where the key could have gone.
	seen := map[string]string{}
	for name, args := range map[string][]string{
		"workflows": {"get", "-n", namespace, "workflows,workflowtemplates,cronworkflows", "-o", "yaml"},
		"pods":      {"get", "-n", namespace, "pods,events,configmaps", "-o", "yaml"},
	} {
		if seen[name], err = w.Kubectl(t.Context(), args...); err != nil {
			t.Fatal(err)
		}
	}
	seen["logs"] = w.must(t, "logs", run, "--profile", profile)
	seen["status"] = w.must(t, "status", run, "--profile", profile, "-o", "json")
	seen["show"] = w.must(t, "show", run, "--profile", profile, "-o", "json")
	seen["report"] = w.must(t, "get", run, "report/report.html", "--profile", profile)
	if !strings.Contains(seen["logs"], "predict/0#") || !strings.Contains(seen["workflows"], "gymline-models") {
		t.Error("the search looked at the wrong things")
	}
	for name, text := range seen {
		if strings.Contains(text, canary) {
			t.Errorf("the key is in %s", name)
		}
	}
	if n := w.searchStore(t, "paid", canary); n < 20 {
		t.Errorf("only %d objects were searched", n)
	}
}

// searchStore looks for a text in every object under a prefix, inside zstd frames too.
func (w *world) searchStore(t *testing.T, prefix, text string) (objects int) {
	t.Helper()
	bucket, err := s3.Open(t.Context(), s3.Config{
		Endpoint: w.Endpoint, Bucket: "gymline", Prefix: prefix + odd, Region: "us-east-1", AccessKey: w.AccessKey, SecretKey: s3.Secret(w.SecretKey),
	})
	if err != nil {
		t.Fatal(err)
	}
	dec, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	for key, err := range store.Bucket(bucket).List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		r, err := bucket.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		r.Close()
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := dec.DecodeAll(data, nil); err == nil {
			data = append(data, plain...)
		}
		objects++
		if strings.Contains(string(data), text) {
			t.Errorf("%s holds the key", key)
		}
	}
	return objects
}
