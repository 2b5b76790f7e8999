//go:build e2e && linux

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gymline/gymline/test/cluster"
)

var trainerImage sync.Once

// trains sets the experiment to train with the image that stands for a user's.
func (w *world) trains(t *testing.T, command ...string) string {
	t.Helper()
	trainerImage.Do(func() {
		trainer, err := w.BuildStatic(t.Context(), "github.com/gymline/gymline/test/e2e/testdata/trainer", "-tags=e2e")
		if err == nil {
			err = w.LoadImage(t.Context(), cluster.Image{Name: "local.test/trainer:1", Programs: map[string]string{"bin/trainer": trainer}, Entrypoint: []string{"/bin/trainer"}})
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	return "train.agent={container: {image: 'local.test/trainer:1', command: [" + strings.Join(append([]string{"/bin/trainer"}, command...), ", ") + "]}}"
}

// trainingPod is the pod of a run's training, once it trains.
func trainingPod(s status) (pod, bool) {
	if s.Workflow == nil {
		return pod{}, false
	}
	i := slices.IndexFunc(s.Workflow.Pods, func(p pod) bool { return p.Step == "train-agent" })
	if i < 0 {
		return pod{}, false
	}
	return s.Workflow.Pods[i], true
}

// A trainer's image finds the export, and nowhere the store's key, which its own job
// has; its checkpoint is taken in. A second run trains nothing.
func TestContainerHandOff(t *testing.T) {
	t.Parallel()
	w := shared
	profile := w.profile(t, "container", "")
	key := strings.Split(w.keys.SecretAccessKey, "")
	slices.Reverse(key)
	args := []string{w.config("handoff.yaml"), "--set", w.trains(t, "search", strings.Join(key, "-")), "--profile", profile}
	run := w.submit(t, args...)
	s := w.succeeds(t, profile, run, 8*time.Minute)
	logs := w.must(t, "logs", run, "train-agent", "--profile", profile)
	t.Logf("%s", logs)
	for _, part := range []string{"train-agent/0#1 trainer | trained on ", "train-agent/0#1 trainer | searched ", `train-agent/0#1 | {"`} {
		if !strings.Contains(logs, part) {
			t.Errorf("the logs lack %q", part)
		}
	}
	p, _ := trainingPod(s)
	for container, want := range map[string]string{
		"containers[?(@.name=='main')]":        "gymline-store/secretKey",
		"initContainers[?(@.name=='trainer')]": "",
	} {
		format := fmt.Sprintf("jsonpath={range .spec.%s.env[*]}{.valueFrom.secretKeyRef.name}/{.valueFrom.secretKeyRef.key} {end}", container)
		got, err := w.Kubectl(t.Context(), "get", "-n", namespace, "pod", p.Name, "-o", format)
		if err != nil || want != "" && !strings.Contains(got, want) || want == "" && strings.Trim(got, "/ ") != "" {
			t.Errorf("%s has of Secrets %q, %v", container, got, err)
		}
	}
	shares, err := w.Kubectl(t.Context(), "get", "-n", namespace, "pod", p.Name, "-o", "jsonpath={.spec.shareProcessNamespace} {.spec.initContainers[?(@.name=='trainer')].volumeMounts[*].mountPath}")
	if err != nil || strings.Contains(shares, "true") || strings.TrimSpace(strings.TrimPrefix(shares, "false")) != "/handoff /tmp /opt/gymline" {
		t.Errorf("the trainer's container shares %q, %v", shares, err)
	}
	again := w.submit(t, args...)
	for _, s := range w.succeeds(t, profile, again, 8*time.Minute).Steps {
		if s.Reused != s.Shards {
			t.Errorf("%s was done again", s.Step)
		}
	}
	if logs := w.must(t, "logs", again, "train-agent", "--profile", profile); strings.Contains(logs, "trained on") {
		t.Errorf("it trained again: %s", logs)
	}
}

// What goes wrong with a trainer is told as on one machine.
func TestContainerThatFails(t *testing.T) {
	t.Parallel()
	w := shared
	for name, want := range map[string]string{
		"fail": "train agent: the command ended with exit code 3: the loss is NaN",
		"link": `the folder of the checkpoint is not taken: the trainer put a link to "/etc" in its place`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			profile := w.profile(t, "trainer-"+name, "")
			stdout, stderr, code := w.run(t, "submit", w.config("handoff.yaml"), "--set", w.trains(t, name), "--profile", profile, "--wait", "-o", "json")
			s := w.status(t, profile, w.lastRun(t, profile))
			if code != 65 || len(s.Failures) != 1 || !strings.Contains(s.Failures[0].Cause, want) || s.Failures[0].ExitCode != 65 || s.Failures[0].Hint == "" {
				t.Errorf("exit code %d, %+v\n%s%s", code, s, stdout, stderr)
			}
			if p, _ := trainingPod(s); p.Attempt != 1 {
				t.Errorf("it was tried again: %+v", s.Workflow.Pods)
			}
		})
	}
}

// A trainer that runs out of memory is noticed at once, and tried again.
func TestContainerOutOfMemory(t *testing.T) {
	t.Parallel()
	w := shared
	profile := w.profile(t, "trainer-eats", "      train-agent: {requests: {cpu: 10m, memory: 32Mi}, limits: {cpu: \"2\", memory: 96Mi}}\n")
	run := w.submit(t, w.config("handoff.yaml"), "--set", w.trains(t, "eat"), "--profile", profile)
	s := w.until(t, profile, run, "trained again", 6*time.Minute, func(s status) bool {
		return slices.ContainsFunc(s.Failures, func(f failure) bool { return f.Step == "train-agent" }) &&
			slices.ContainsFunc(s.Workflow.Pods, func(p pod) bool { return p.Step == "train-agent" && p.Attempt > 1 })
	})
	t.Logf("%s", w.must(t, "status", run, "--profile", profile))
	if f := s.Failures[0]; f.ExitCode != 75 || !strings.Contains(f.Cause, "killed by SIGKILL") || !strings.Contains(f.Hint, "memory") {
		t.Errorf("%+v", f)
	}
	w.must(t, "stop", run, "--profile", profile)
}

// A trainer that does not heed its end is ended, and its run with it.
func TestContainerIsStopped(t *testing.T) {
	t.Parallel()
	w := shared
	profile := w.profile(t, "trainer-stays", "")
	run := w.submit(t, w.config("handoff.yaml"), "--set", w.trains(t, "stay"), "--profile", profile)
	s := w.until(t, profile, run, "training", 4*time.Minute, waits)
	p, _ := trainingPod(s)
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Second) {
		if logs := w.must(t, "logs", run, "train-agent", "--profile", profile); strings.Contains(logs, "trainer | it stays") {
			break
		} else if time.Now().After(end) {
			t.Fatalf("it does not train: %s", logs)
		}
	}
	w.must(t, "stop", run, "--profile", profile)
	s = w.until(t, profile, run, "stopped", 3*time.Minute, func(s status) bool { return s.Workflow.Phase == "Failed" })
	if s.State != "Interrupted" {
		t.Errorf("state %s", s.State)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Second) {
		running, err := w.Kubectl(t.Context(), "get", "-n", namespace, "pod", p.Name, "-o", "jsonpath={.status.phase} {.status.initContainerStatuses[*].state.running}{.status.containerStatuses[*].state.running}")
		if err == nil && strings.HasPrefix(running, "Failed") && !strings.Contains(running, "startedAt") {
			break
		} else if time.Now().After(end) {
			t.Fatalf("its containers are still there: %q, %v", running, err)
		}
	}
}

// A trainer whose image is not there, and one that is not done at its deadline.
func TestContainerThatNeverStarts(t *testing.T) {
	t.Parallel()
	w := shared
	profile := w.profile(t, "trainer-absent", "")
	run := w.submit(t, w.config("handoff.yaml"), "--set", "train.agent={container: {image: 'local.test/no-such-trainer:1', command: [/bin/trainer]}}", "--profile", profile)
	s := w.until(t, profile, run, "told of", 5*time.Minute, func(s status) bool {
		p, _ := trainingPod(s)
		return p.Phase == "Pending" && strings.Contains(p.Message, "Image")
	})
	p, _ := trainingPod(s)
	text := w.must(t, "status", run, "--profile", profile)
	t.Logf("%s", text)
	if !strings.Contains(p.Message, "the trainer's container: ") || !strings.Contains(text, "train-agent/0 waits: the trainer's container: ") {
		t.Errorf("%+v\n%s", p, text)
	}
	w.must(t, "stop", run, "--profile", profile)

	profile = w.profile(t, "trainer-late", "")
	stdout, stderr, code := w.run(t, "submit", w.config("handoff.yaml"), "--set", strings.Replace(w.trains(t, "stay"), "={", "={deadline: 45s, ", 1), "--profile", profile, "--wait", "-o", "json")
	if code != 65 || !strings.Contains(stdout, "the command was stopped at its deadline: 45s") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}
