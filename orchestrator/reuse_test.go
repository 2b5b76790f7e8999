package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
)

// manyShards is an experiment whose one step generates a session in each shard.
func manyShards(t *testing.T, shards int) (lab, string) {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "many.yaml")
	text := fmt.Sprintf(`apiVersion: gymline/v1alpha1
kind: Experiment
metadata: {name: many}
spec:
  inputs: {samples: {path: samples}}
  models: {sim: {provider: sim}}
  generate:
    scenes: {seeds: {input: samples, path: seeds.yaml}, model: sim, count: %[1]d}
    shards: %[1]d
    sessions: 1
    models: {user: sim, environment: sim, agent: sim}
`, shards)
	err := errors.Join(os.WriteFile(config, []byte(text), 0o600), os.CopyFS(filepath.Join(dir, "samples"), os.DirFS(filepath.Join(repo(t), "configs", "samples"))))
	if err != nil {
		t.Fatal(err)
	}
	return lab{t: t, dir: dir}, config
}

// events reads what a run told with -o json.
func eventsOf(t *testing.T, out string) (events []progress.Event) {
	t.Helper()
	for line := range strings.Lines(out) {
		var e progress.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("not an event: %s", line)
		}
		events = append(events, e)
	}
	return events
}

// states lists what was told of each shard, by "step/shard".
func statesOf(events []progress.Event) map[string]string {
	states := map[string]string{}
	for _, e := range events {
		if e.Type == progress.StepState {
			states[fmt.Sprintf("%s/%d", e.Step, e.Shard)] += " " + e.State
		}
	}
	return states
}

// Where all is known, a run starts no process: there is no binary to start.
func TestKnownShardsNeedNoProcess(t *testing.T) {
	l, config := manyShards(t, 40)
	l.output("run", config)
	want := l.digests("many-1")
	t.Chdir(l.dir)
	var out, errs bytes.Buffer
	edge := cli.System()
	edge.Args = []string{"run", config, "-o", "json"}
	edge.Stdout, edge.Stderr = &out, &errs
	edge.Executable = func() (string, error) { return "/nowhere/gymline", nil }
	if err := newRoot(edge).ExecuteContext(t.Context()); err != nil {
		t.Fatal(err, out.String(), errs.String())
	}
	states := statesOf(eventsOf(t, out.String()))
	for shard, got := range states {
		if got != " Reused" {
			t.Errorf("%s:%s", shard, got)
		}
	}
	if len(states) < 41 || l.digests("many-2") != want {
		t.Errorf("%d shards", len(states))
	}
	edge.Args = []string{"run", config, "--fresh"}
	if err := newRoot(edge).ExecuteContext(t.Context()); err == nil {
		t.Error("a fresh run started no process")
	}

	// A shard whose bytes are lost is done again, and that one alone.
	lost := outputOf(t, l, "many-2", "generate/7")
	if err := os.Remove(filepath.Join(l.dir, ".gymline", "objects", "blobs", "sha256", string(lost[:2]), string(lost))); err != nil {
		t.Fatal(err)
	}
	states = statesOf(eventsOf(t, l.output("run", config, "-o", "json")))
	for shard, got := range states {
		if want := map[bool]string{true: " Running Succeeded", false: " Reused"}[shard == "generate/7"]; got != want {
			t.Errorf("%s:%s", shard, got)
		}
	}
	if l.digests("many-4") != want {
		t.Error("the digests differ from the first run's")
	}
}

// outputOf is the digest of a shard's largest output.
func outputOf(t *testing.T, l lab, run, shard string) (d store.Digest) {
	t.Helper()
	var doc struct {
		Steps []struct {
			Step    string
			Shard   int
			Outputs []store.Artifact
		}
	}
	if err := json.Unmarshal([]byte(l.output("show", run, "-o", "json")), &doc); err != nil {
		t.Fatal(err)
	}
	most := int64(0)
	for _, s := range doc.Steps {
		for _, a := range s.Outputs {
			if fmt.Sprintf("%s/%d", s.Step, s.Shard) == shard && a.Bytes > most {
				most, d = a.Bytes, a.Digest
			}
		}
	}
	return d
}

// A run is killed while it settles; the same command then finishes with the same
// digests, and does nothing again.
func TestKillNineWhileSettling(t *testing.T) {
	t.Parallel()
	l, config := manyShards(t, 150)
	l.output("run", config)
	want := l.digests("many-1")
	err := l.until(syscall.SIGKILL, func(e progress.Event) bool { return e.State == progress.Reused }, "run", config)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != -1 {
		t.Fatalf("it was to be killed: %v", err)
	}
	if reused := strings.Count(l.output("show", "many-2"), "(reused)"); reused == 0 || reused > 150 {
		t.Errorf("it was killed when %d of 151 shards were settled", reused)
	}
	for shard, got := range statesOf(eventsOf(t, l.output("run", config, "-o", "json"))) {
		if got != " Reused" {
			t.Errorf("%s:%s", shard, got)
		}
	}
	if got := l.digests("many-3"); got != want {
		t.Errorf("the digests differ from the first run's:\n%s\n%s", got, want)
	}
}

// A child that does several shards is killed: another goes on after the last one
// that was done, and all are told of once.
func TestASharedChildIsKilled(t *testing.T) {
	t.Parallel()
	l, config := manyShards(t, 60)
	profile := filepath.Join(l.dir, "profile.yaml")
	if err := os.WriteFile(profile, []byte("{apiVersion: gymline/v1alpha1, kind: Profile, metadata: {name: one}, spec: {parallelism: {shards: 1}}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := l.command("run", config, "--profile", profile, "-o", "json")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var told bytes.Buffer
	killed := 0
	for sc := bufio.NewScanner(stdout); sc.Scan(); {
		fmt.Fprintln(&told, sc.Text())
		var e progress.Event
		if json.Unmarshal(sc.Bytes(), &e) == nil && e.State == progress.Succeeded && e.Shard == 17 && killed == 0 {
			killed = childOf(t, cmd.Process.Pid)
			if err := syscall.Kill(killed, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	retried := 0
	for shard, got := range statesOf(eventsOf(t, told.String())) {
		switch got {
		case " Running Succeeded":
		case " Running Retrying Running Succeeded", " Running Succeeded Retrying Running Succeeded": // the second: the last of its child
			retried++
		default:
			t.Errorf("%s:%s", shard, got)
		}
	}
	if retried > 1 { // none, if the child had ended when it was killed
		t.Errorf("%d shards were tried again", retried)
	}
	l.output("run", config, "--fresh")
	if l.digests("many-1") != l.digests("many-2") {
		t.Error("the digests differ from an undisturbed run's")
	}
}

// childOf is a child of a process.
func childOf(t *testing.T, parent int) int {
	t.Helper()
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		data, _ := os.ReadFile(file)
		_, rest, _ := bytes.Cut(data, []byte(") "))
		if fields := strings.Fields(string(rest)); len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			return pid
		}
	}
	t.Fatalf("process %d has no child", parent)
	return 0
}
