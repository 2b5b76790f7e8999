package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/sim/simtest"
)

const canary = "canary-7f3a-not-a-real-key"

// A modelServer is a simtest.Server on a loopback port.
type modelServer struct {
	http *httptest.Server
	simtest.Server
}

func newModelServer(t *testing.T) *modelServer {
	s := &modelServer{}
	s.Key = canary
	s.http = httptest.NewServer(&s.Server)
	t.Cleanup(s.http.Close)
	return s
}

// paid is an experiment whose models are all behind the server.
func (s *modelServer) paid(t *testing.T, dir string) string {
	text := fmt.Sprintf(`
apiVersion: gymline/v1alpha1
kind: Experiment
metadata: {name: paid}
spec:
  inputs: {samples: {}}
  models:
    m: {provider: openai, baseURL: %s/v1, model: m, apiKey: {env: PAID_KEY}, headers: {x-team-key: {env: PAID_KEY}}, price: {prompt: 1, completion: 2}}
  generate:
    scenes: {seeds: {input: samples, path: seeds.yaml}, model: m, count: 4}
    shards: 2
    models: {user: m, environment: m, agent: m}
  evaluate:
    benchmark: {input: samples, path: benchmark}
    candidates: [{name: m, model: m}]
    judge: {model: m}
`, s.http.URL)
	file := filepath.Join(dir, "paid.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// A paid call is recorded: nothing is asked twice, with --fresh, after a crash
// or ever; and the API key stays in the environment.
func TestPaidCalls(t *testing.T) {
	t.Parallel()
	samples := "samples=" + filepath.Join(repo(t), "configs", "samples")

	s := newModelServer(t)
	l := newLab(t)
	config := s.paid(t, l.dir)
	out := l.output("run", config, "--input", samples, "-o", "json")
	first := s.Calls.Load()
	if first < 100 || !strings.Contains(out, `"usd":`) {
		t.Fatalf("%d calls were made, or none was priced:\n%s", first, out)
	}
	out += l.output("run", config, "--input", samples, "-o", "json", "--fresh")
	if again := s.Calls.Load() - first; again != 0 {
		t.Errorf("--fresh made %d calls that had been paid for", again)
	}
	if l.digests("paid-1") != l.digests("paid-2") {
		t.Error("replayed answers gave other artifacts")
	}
	if strings.Contains(out, canary) {
		t.Error("the key is in the events")
	}
	searchFor(t, l.dir, canary)

	// A replay needs neither key nor server, and fails on what was not recorded.
	l.env = []string{"PAID_KEY="}
	l.output("run", config, "--input", samples, "--fresh", "--replay-only")
	if l.digests("paid-3") != l.digests("paid-1") || s.Calls.Load() != first {
		t.Error("the replay differs, or made calls")
	}
	if stderr := l.fails(65, "run", config, "--input", samples, "--replay-only", "--set", "seed=8"); !strings.Contains(stderr, "--replay-only to call") {
		t.Errorf("%s", stderr)
	}

	// Killed in the middle, then again: the same artifacts.
	crashed := newLab(t)
	_ = crashed.until(syscall.SIGKILL, func(e progress.Event) bool { return e.Usage != nil && e.Usage.Calls > 40 }, "run", config, "--input", samples)
	crashed.output("run", config, "--input", samples)
	if crashed.digests("paid-2") != l.digests("paid-1") {
		t.Error("the run after a crash gave other artifacts")
	}

	// A refused key ends the run at once; one that is not set, before it opens.
	s.Status.Store(http.StatusUnauthorized)
	other := newLab(t)
	before := s.Calls.Load()
	if stderr := other.fails(78, "run", config, "--input", samples); strings.Contains(stderr, canary) || !strings.Contains(stderr, "401") {
		t.Errorf("%s", stderr)
	}
	if n := s.Calls.Load() - before; n > 130 {
		t.Errorf("%d calls after the key was refused", n)
	}
	other.env = []string{"PAID_KEY="}
	if stderr := other.fails(78, "run", config, "--input", samples); !strings.Contains(stderr, "not set: PAID_KEY") {
		t.Errorf("%s", stderr)
	}
	if list := other.output("list"); strings.Contains(list, "paid-2") {
		t.Errorf("a run was opened without its key:\n%s", list)
	}
}

// fails runs gymline, which must exit with that code, and returns its stderr.
func (l lab) fails(code int, args ...string) string {
	l.t.Helper()
	cmd := l.command(args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	_ = cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != code {
		l.t.Errorf("exit code %d, want %d:\n%s", got, code, stderr.String())
	}
	return stderr.String()
}

// searchFor looks for a text in every file of a folder, inside zstd frames too.
func searchFor(t *testing.T, dir, text string) {
	t.Helper()
	dec, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	frames := 0
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if plain, err := dec.DecodeAll(data, nil); err == nil {
			frames++
			data = append(data, plain...)
		}
		if bytes.Contains(data, []byte(text)) {
			t.Errorf("%s holds %s", path, text)
		}
		return nil
	})
	if err != nil || frames < 20 {
		t.Errorf("%d frames were searched (%v)", frames, err)
	}
}
