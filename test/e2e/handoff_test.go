//go:build e2e && linux

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// checkpoint makes a small whole checkpoint with the trainer that stands for a user's.
func (w *world) checkpoint(t *testing.T) string {
	t.Helper()
	export, dir := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(export, "train.jsonl"), []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	trainer, err := w.BuildStatic(t.Context(), "github.com/gymline/gymline/test/e2e/testdata/trainer", "-tags=e2e")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), trainer)
	cmd.Env = []string{"GYMLINE_EXPORT=" + export, "GYMLINE_CHECKPOINT=" + dir}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

func waits(s status) bool {
	return s.Workflow != nil && slices.ContainsFunc(s.Workflow.Pods, func(p pod) bool { return p.Step == "train-agent" && p.Phase == "Running" })
}

// The run waits, a checkpoint is put, and the run goes on.
func TestExternalHandOff(t *testing.T) {
	t.Parallel()
	w := shared
	profile := w.profile(t, "external", "")
	run := w.submit(t, w.config("handoff.yaml"), "--profile", profile)
	w.until(t, profile, run, "waiting for a checkpoint", 4*time.Minute, waits)
	time.Sleep(5 * time.Second)
	if s := w.status(t, profile, run); s.State != "Running" {
		t.Fatalf("it did not wait: %+v", s)
	}
	if _, stderr, code := w.run(t, "checkpoint", "put", run, "agent", t.TempDir(), "--profile", profile); code != 65 {
		t.Errorf("an empty folder was taken for a checkpoint: exit code %d, %s", code, stderr)
	}
	w.must(t, "checkpoint", "put", run, "agent", w.checkpoint(t), "--profile", profile)
	w.succeeds(t, profile, run, 6*time.Minute)
	if out := w.must(t, "get", run, "train-agent/checkpoint.json", "--profile", profile); !strings.Contains(out, `"kind": "full"`) {
		t.Errorf("checkpoint.json: %s", out)
	}
}

// The deadline passes: a clear verdict; and with the checkpoint there, a retry goes on.
func TestHandOffDeadline(t *testing.T) {
	t.Parallel()
	w := shared
	profile := w.profile(t, "deadline", "")
	stdout, stderr, code := w.run(t, "submit", w.config("handoff.yaml"), "--set", "train.agent.deadline=5s", "--profile", profile, "--wait", "-o", "json")
	if code != 65 || !strings.Contains(stdout, "deadline") {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	run := w.lastRun(t, profile)
	t.Logf("%s", w.must(t, "status", run, "--profile", profile))
	if s := w.status(t, profile, run); s.State != "Failed" || len(s.Failures) != 1 || s.Failures[0].Step != "train-agent" || s.Failures[0].Hint == "" {
		t.Errorf("status: %+v", s)
	}
	w.must(t, "checkpoint", "put", run, "agent", w.checkpoint(t), "--profile", profile)
	w.must(t, "retry", run, "--profile", profile)
	w.succeeds(t, profile, w.lastRun(t, profile), 6*time.Minute)
}

// A suspended hand-off holds no pod, and goes on when its checkpoint is put.
func TestSuspendedHandOff(t *testing.T) {
	t.Parallel()
	w := shared
	profile := w.profile(t, "suspended", "    handOff: suspend\n")
	run := w.submit(t, w.config("handoff.yaml"), "--profile", profile)
	s := w.until(t, profile, run, "suspended", 4*time.Minute, func(s status) bool { return s.Workflow != nil && slices.Contains(s.Workflow.Suspended, "train-agent") })
	if waits(s) {
		t.Error("a pod waits as well")
	}
	if out := w.must(t, "checkpoint", "put", run, "agent", w.checkpoint(t), "--profile", profile); !strings.Contains(out, "goes on: train-agent") {
		t.Errorf("put: %s", out)
	}
	w.succeeds(t, profile, run, 6*time.Minute)
	if _, stderr, code := w.run(t, "resume", run, "--profile", profile); code != 64 || !strings.Contains(stderr, "not suspended") {
		t.Errorf("resume of a run that ended: exit code %d, %s", code, stderr)
	}
}

// Resumed by hand without a checkpoint, it waits with a pod.
func TestResume(t *testing.T) {
	t.Parallel()
	w := shared
	profile := w.profile(t, "resumed", "    handOff: suspend\n")
	run := w.submit(t, w.config("handoff.yaml"), "--profile", profile)
	w.until(t, profile, run, "suspended", 4*time.Minute, func(s status) bool { return s.Workflow != nil && slices.Contains(s.Workflow.Suspended, "train-agent") })
	if out := w.must(t, "resume", run, "--profile", profile); !strings.Contains(out, "goes on: train-agent") {
		t.Errorf("resume: %s", out)
	}
	w.until(t, profile, run, "waiting for a checkpoint", 3*time.Minute, waits)
	w.must(t, "stop", run, "--profile", profile)
	w.until(t, profile, run, "stopped", 3*time.Minute, func(s status) bool { return s.Workflow.Phase == "Failed" })
}

// A trainer that fills its node's disk is evicted and not tried again, and the
// word is which setting to raise.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	w := shared
	profile := w.profile(t, "full", "    scratch: {train-agent: 16Mi}\n")
	stdout, stderr, code := w.run(t, "submit", w.config("handoff.yaml"), "--profile", profile, "--wait", "-o", "json",
		"--set", w.trains(t, "fill"))
	const word = `the pod took more of its node's disk than it may, and was evicted: Usage of EmptyDir volume \"handoff\" exceeds the limit \"16Mi\"`
	if code != 78 || !strings.Contains(stdout, word) || !strings.Contains(stdout, "raise spec.argo.scratch of the profile for train-agent") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	run := w.lastRun(t, profile)
	t.Logf("%s", w.must(t, "status", run, "--profile", profile))
	s := w.status(t, profile, run)
	if len(s.Failures) != 1 || s.Failures[0].Step != "train-agent" || s.Failures[0].ExitCode != 78 {
		t.Errorf("failures: %+v", s.Failures)
	}
	for _, p := range s.Workflow.Pods {
		if p.Attempt > 1 {
			t.Errorf("%s was tried again", p.Step)
		}
	}
}

// A stopped run keeps what is done, and a retry goes on from there.
func TestStopAndRetry(t *testing.T) {
	t.Parallel()
	w := shared
	profile := w.profile(t, "stopped", "")
	run := w.submit(t, w.config("handoff.yaml"), "--profile", profile)
	w.until(t, profile, run, "waiting for a checkpoint", 4*time.Minute, waits)
	w.must(t, "stop", run, "--profile", profile)
	s := w.until(t, profile, run, "stopped", 3*time.Minute, func(s status) bool { return s.Workflow.Phase == "Failed" })
	if s.State != "Interrupted" {
		t.Errorf("state %s", s.State)
	}
	out := w.must(t, "retry", run, "--profile", profile, "-o", "json")
	if !strings.Contains(out, `"run":"handoff-`) {
		t.Fatalf("retry: %s", out)
	}
	next := w.lastRun(t, profile)
	w.until(t, profile, next, "waiting for a checkpoint", 4*time.Minute, waits)
	w.must(t, "checkpoint", "put", next, "agent", w.checkpoint(t), "--profile", profile)
	s = w.succeeds(t, profile, next, 6*time.Minute)
	for _, step := range s.Steps {
		if (step.Step == "generate" || step.Step == "finetune-export") && step.Reused != step.Shards {
			t.Errorf("%s was done again", step.Step)
		}
	}
}
