package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/progress"
)

// A lab is a folder in which gymline runs as processes of its own.
type lab struct {
	t   *testing.T
	dir string
	env []string // beside this process's own
}

func newLab(t *testing.T, env ...string) lab { return lab{t, t.TempDir(), env} }

func (l lab) command(args ...string) *exec.Cmd {
	cmd := exec.Command("gymline", args...)
	cmd.Dir = l.dir
	cmd.Env = append(append(os.Environ(), "GORACE=atexit_sleep_ms=0"), l.env...)
	return cmd
}

func (l lab) output(args ...string) string {
	l.t.Helper()
	cmd := l.command(args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		l.t.Fatalf("gymline %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

func (l lab) digests(run string) string {
	l.t.Helper()
	lines, err := artifactLines([]byte(l.output("show", run, "-o", "json")))
	if err != nil {
		l.t.Fatal(err)
	}
	return lines
}

// scores are what evaluate found in a run.
func (l lab) scores(run string) (e metrics.Evaluation) {
	l.t.Helper()
	if err := json.Unmarshal([]byte(l.output("get", run, "evaluate/metrics.json")), &e); err != nil {
		l.t.Fatal(err)
	}
	return e
}

// until runs gymline with -o json and sends it a signal at the first event that
// at accepts; it returns how the process ended.
func (l lab) until(sig syscall.Signal, at func(progress.Event) bool, args ...string) error {
	l.t.Helper()
	return l.during(at, func(cmd *exec.Cmd) error { return cmd.Process.Signal(sig) }, args...)
}

// during is until with anything to do in place of a signal.
func (l lab) during(at func(progress.Event) bool, act func(*exec.Cmd) error, args ...string) error {
	l.t.Helper()
	cmd := l.command(append(args, "-o", "json")...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	done := false
	for sc := bufio.NewScanner(out); sc.Scan(); {
		var e progress.Event
		if err := json.Unmarshal(sc.Bytes(), &e); err != nil {
			l.t.Errorf("not an event: %s", sc.Text())
		}
		if !done && at(e) {
			done = true
			if err := act(cmd); err != nil {
				l.t.Fatal(err)
			}
		}
	}
	err = cmd.Wait()
	if !done {
		l.t.Fatal("the moment to act never came")
	}
	return err
}

var undisturbed struct {
	once    sync.Once
	digests string
}

// quickstart has the digests of a quickstart that nothing disturbs; it is run once.
func quickstart(t *testing.T) string {
	t.Helper()
	undisturbed.once.Do(func() {
		l := newLab(t)
		l.output("run", filepath.Join(repo(t), "configs", "quickstart.yaml"))
		undisturbed.digests = l.digests("quickstart-1")
	})
	if undisturbed.digests == "" {
		t.Fatal("the undisturbed quickstart failed")
	}
	return undisturbed.digests
}

// The orchestrator is killed outright at several moments; the same command then
// finishes, with the digests of an undisturbed run, and repeats no finished shard.
func TestKillNine(t *testing.T) {
	t.Parallel()
	config := filepath.Join(repo(t), "configs", "quickstart.yaml")
	want := quickstart(t)

	for name, at := range map[string]func(progress.Event) bool{
		"as a step starts": func(e progress.Event) bool { return e.Step == "generate" && e.State == progress.Running },
		"between steps":    func(e progress.Event) bool { return e.Step == "generate" && e.State == progress.Succeeded },
		"late":             func(e progress.Event) bool { return e.Step == "predict" && e.State == progress.Succeeded },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			err := l.until(syscall.SIGKILL, at, "run", config)
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != -1 {
				t.Fatalf("it was to be killed: %v", err)
			}
			done := strings.Count(l.output("show", "quickstart-1"), "Succeeded")
			again := l.output("run", config, "-o", "json")
			if got := l.digests("quickstart-2"); got != want {
				t.Errorf("digests differ from the undisturbed run's:\n%s\n%s", got, want)
			}
			if reused := strings.Count(again, `"state":"Reused"`); reused < done {
				t.Errorf("%d shards were done before the kill, and %d reused after it", done, reused)
			}
		})
	}
}

// An interrupt ends the run with its own exit code; what was done is kept.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	config := filepath.Join(repo(t), "configs", "quickstart.yaml")
	want := quickstart(t)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			err := l.until(sig, func(e progress.Event) bool { return e.State == progress.Succeeded && e.Step == "generate" }, "run", config)
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != fault.Interrupted {
				t.Fatalf("want exit code %d: %v", fault.Interrupted, err)
			}
			if list := l.output("list"); !strings.Contains(list, "Interrupted") {
				t.Error(list)
			}
			if out := l.output("run", config, "-o", "json"); !strings.Contains(out, `"state":"Reused"`) {
				t.Error("nothing was kept")
			}
			if l.digests("quickstart-2") != want {
				t.Error("the digests differ from an undisturbed run's")
			}
		})
	}
}
