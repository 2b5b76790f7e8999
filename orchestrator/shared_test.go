package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store/miniotest"
)

// onServer is a lab whose profiles may name the server's keys.
func onServer(t *testing.T, srv *miniotest.Server) lab {
	return newLab(t, "MINIO_USER="+srv.AccessKey, "MINIO_PASSWORD="+string(srv.SecretKey))
}

// shared writes a profile whose store is a bucket of the server.
func shared(t *testing.T, l lab, srv *miniotest.Server, bucket string) string {
	t.Helper()
	file := filepath.Join(l.dir, "shared.yaml")
	text := fmt.Sprintf(`
apiVersion: gymline/v1alpha1
kind: Profile
metadata: {name: shared}
spec:
  store: {s3: {endpoint: %q, bucket: %s, accessKey: {env: MINIO_USER}, secretKey: {env: MINIO_PASSWORD}}}
  retries: {limit: 1, backoff: 10ms}
`, srv.Endpoint, bucket)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func (l lab) digestsIn(profile, run string) string {
	l.t.Helper()
	lines, err := artifactLines([]byte(l.output("show", run, "-o", "json", "--profile", profile)))
	if err != nil {
		l.t.Fatal(err)
	}
	return lines
}

// The server that holds the store is killed in the middle of a run, and the
// run says so. When the server is back the same command goes on, to the
// digests of a run that nothing disturbed.
func TestServerDies(t *testing.T) {
	t.Parallel()
	srv := miniotest.Start(t)
	config := filepath.Join(repo(t), "configs", "quickstart.yaml")
	want := quickstart(t)
	l := onServer(t, srv)
	profile := shared(t, l, srv, "dies")
	at := func(e progress.Event) bool { return e.Step == "generate" && e.State == progress.Succeeded }
	err := l.during(at, func(*exec.Cmd) error { srv.Kill(t); return nil }, "run", config, "--profile", profile)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != fault.Temporary {
		t.Fatalf("want exit code %d: %v", fault.Temporary, err)
	}
	srv.Resume(t)
	l.output("run", config, "--profile", profile)
	if l.digestsIn(profile, "quickstart-2") != want {
		t.Error("the digests differ from an undisturbed run's")
	}
}

// What was paid for is kept on a server as it is in a folder: a run that is
// killed goes on, and a replay makes no call.
func TestPaidCallsOnAServer(t *testing.T) {
	t.Parallel()
	srv := miniotest.Start(t)
	s := newModelServer(t)
	samples := "samples=" + filepath.Join(repo(t), "configs", "samples")
	calm := newLab(t)
	calm.output("run", s.paid(t, calm.dir), "--input", samples)
	want := calm.digests("paid-1")
	calls := s.Calls.Load()

	l := onServer(t, srv)
	config, profile := s.paid(t, l.dir), shared(t, l, srv, "paid")
	args := []string{"run", config, "--input", samples, "--profile", profile}
	_ = l.until(syscall.SIGKILL, func(e progress.Event) bool { return e.Usage != nil && e.Usage.Calls > 40 }, args...)
	l.output(args...)
	if l.digestsIn(profile, "paid-2") != want {
		t.Error("the run after a crash gave other artifacts than in a folder")
	}
	paid := s.Calls.Load()
	if paid < 2*calls {
		t.Errorf("%d calls in all, want those of two stores, %d each", paid, calls)
	}
	l.output(append(args, "--fresh", "--replay-only")...)
	if l.digestsIn(profile, "paid-3") != want || s.Calls.Load() != paid {
		t.Errorf("the replay differs, or made %d calls", s.Calls.Load()-paid)
	}
}

// Two runs of one experiment share a folder, ledger and all: each succeeds, to
// the same digests, and what either paid for replays.
func TestTwoPaidRunsAtOnce(t *testing.T) {
	t.Parallel()
	s := newModelServer(t)
	l := newLab(t)
	args := []string{"run", s.paid(t, l.dir), "--input", "samples=" + filepath.Join(repo(t), "configs", "samples")}
	other := l.command(args...)
	opened := func(e progress.Event) bool { return e.Type == progress.RunOpened }
	if err := l.during(opened, func(*exec.Cmd) error { return other.Start() }, args...); err != nil {
		t.Fatal(err)
	}
	if err := other.Wait(); err != nil {
		t.Fatal(err)
	}
	paid := s.Calls.Load()
	l.output(append(args, "--fresh", "--replay-only")...)
	if s.Calls.Load() != paid {
		t.Errorf("the replay made %d calls", s.Calls.Load()-paid)
	}
	for _, run := range []string{"paid-2", "paid-3"} {
		if got, want := l.digests(run), l.digests("paid-1"); got != want {
			t.Errorf("%s differs from paid-1:\n%s\n%s", run, got, want)
		}
	}
}
