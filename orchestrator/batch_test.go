package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/sim/simtest"
)

// batched is a profile that asks the model m in batches.
func batched(t *testing.T, dir string) string {
	file := filepath.Join(dir, "batched.yaml")
	text := "apiVersion: gymline/v1alpha1\nkind: Profile\nmetadata: {name: batched}\nspec:\n  batch: {m: {gather: 50ms, poll: 10ms}}\n  parallelism: {inFlight: 256}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// killWhen starts gymline and kills it outright as soon as now says so.
func (l lab) killWhen(now func() bool, args ...string) {
	l.t.Helper()
	cmd := l.command(args...)
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for !now() {
		select {
		case err := <-ended:
			l.t.Fatalf("it ended before it was to be killed: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		l.t.Fatal(err)
	}
	<-ended
}

// A run that asks in batches has the artifacts of one that asks call by call. It
// makes a batch a turn; half of what expires is asked again; and wherever it is
// killed, no request is paid twice.
func TestBatches(t *testing.T) {
	t.Parallel()
	samples := "samples=" + filepath.Join(repo(t), "configs", "samples")
	s := newModelServer(t)
	s.Batches = &simtest.Batches{Now: time.Now}
	direct := newLab(t)
	config := s.paid(t, direct.dir)
	common := []string{"run", config, "--input", samples, "--set", "generate.scenes.count=16", "--set", "generate.maxEvents=5"}
	direct.output(common...)
	want, calls := direct.digests("paid-1"), s.Calls.Load()

	l := newLab(t)
	inBatches := func(l lab) []string { return append(common[:len(common):len(common)], "--profile", batched(t, l.dir)) }
	l.output(inBatches(l)...)
	if l.digests("paid-1") != want {
		t.Error("batches gave other artifacts")
	}
	all, different := s.Batches.Billed()
	if all != different || s.Calls.Load() != calls {
		t.Errorf("%d requests were paid, of %d, and %d calls made beside the batches", all, different, s.Calls.Load()-calls)
	}
	t.Logf("%d batches for %d requests", s.Batches.Count(), all)
	if n := s.Batches.Count(); n*5 > all {
		t.Errorf("%d batches for %d requests: the sessions do not advance in lock-step", n, all)
	}
	searchFor(t, l.dir, canary)

	t.Run("killed", func(t *testing.T) {
		s.Batches = &simtest.Batches{Now: time.Now}
		l := newLab(t)
		args := inBatches(l)
		s.Batches.Hold(true)
		l.killWhen(func() bool { return s.Batches.Calls("GET /v1/batches/{id}") > 3 }, args...)
		s.Batches.Hold(false)
		l.killWhen(func() bool { return s.Batches.Count() > 6 }, args...)
		l.killWhen(func() bool { return s.Batches.Count() > 12 }, args...)
		l.output(args...)
		if l.digests("paid-4") != want {
			t.Error("the run after a crash gave other artifacts")
		}
		if all, n := s.Batches.Billed(); all != different || n != different {
			t.Errorf("%d requests were paid, %d different ones; want %d", all, n, different)
		}
	})
	t.Run("half expires", func(t *testing.T) {
		s.Batches = &simtest.Batches{Now: time.Now, Fate: func(batch, i int) string {
			if batch%3 == 0 && i%2 == 0 {
				return "expired"
			}
			return ""
		}}
		l := newLab(t)
		l.output(inBatches(l)...)
		if l.digests("paid-1") != want {
			t.Error("expiry gave other artifacts")
		}
		if all, n := s.Batches.Billed(); all != different || n != different {
			t.Errorf("%d requests were paid, %d different ones; want %d", all, n, different)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		s.Batches = &simtest.Batches{Now: time.Now}
		l := newLab(t)
		args := inBatches(l)
		s.Batches.Hold(true)
		stderr := make(chan string, 1)
		go func() { stderr <- l.fails(78, args...) }()
		for s.Batches.Count() < 2 {
			time.Sleep(time.Millisecond)
		}
		profile := args[len(args)-1]
		if text := l.output("batches", config, "--profile", profile, "-o", "json"); strings.Count(text, `"requests"`) < 2 {
			t.Errorf("the open batches are\n%s", text)
		}
		_ = l.fails(64, "batches", config, "--profile", profile, "--cancel", "batch_99")
		if text := l.output("batches", config, "--profile", profile, "--cancel", "all"); strings.Count(text, "cancelling") < 2 || strings.Contains(text, "in_progress") {
			t.Errorf("the cancelled batches are\n%s", text)
		}
		s.Batches.Hold(false)
		if text := <-stderr; !strings.Contains(text, "was cancelled") || !strings.Contains(text, "run again") {
			t.Errorf("%s", text)
		}
		if text := l.output(args...); strings.Contains(text, "Failed") {
			t.Error(text)
		}
		if text := l.output("batches", config, "--profile", profile); strings.Count(text, "\n") != 1 {
			t.Errorf("batches stay open:\n%s", text)
		}
		if l.digests("paid-2") != want {
			t.Error("the run after a cancel gave other artifacts")
		}
		if all, n := s.Batches.Billed(); all != different || n != different {
			t.Errorf("%d requests were paid, %d different ones; want %d", all, n, different)
		}
	})
}
