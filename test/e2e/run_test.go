//go:build e2e && linux

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// The same experiment gives the same digests on the cluster and on this machine,
// with few and with many shards.
func TestSameDigests(t *testing.T) {
	t.Parallel()
	w := shared
	cases := []struct {
		config string
		input  string // folder of ProactiveBench
		shards int
	}{{config: "quickstart.yaml", shards: 4}, {config: "quickstart.yaml", shards: 16}}
	if data := proactiveBench(t); data != "" {
		cases = append(cases, struct {
			config string
			input  string
			shards int
		}{"proactivebench.yaml", data, 4}, struct {
			config string
			input  string
			shards int
		}{"proactivebench.yaml", data, 16})
	}
	for i, c := range cases {
		t.Run(fmt.Sprintf("%s-%d", strings.TrimSuffix(c.config, ".yaml"), c.shards), func(t *testing.T) {
			t.Parallel()
			args := []string{w.config(c.config), "--set", fmt.Sprintf("generate.shards=%d", c.shards)}
			if c.input != "" {
				args = append(args, "--input", "proactivebench="+c.input)
			} else {
				args = append(args, "--set", "generate.scenes.count=16")
			}
			name := fmt.Sprintf("same%d", i)
			extra := ""
			if i == 0 {
				extra = w.signing(t)
			}
			profile := w.profile(t, name, extra)
			began := time.Now()
			out := w.must(t, append([]string{"submit", "--wait", "-o", "json", "--profile", profile}, args...)...)
			t.Logf("submitted, run and followed in %s", time.Since(began).Round(100*time.Millisecond))
			run := w.lastRun(t, profile)
			last := out[strings.LastIndex(strings.TrimSpace(out), "\n")+1:]
			if !strings.Contains(last, `"state":"Succeeded"`) || !strings.Contains(last, `"type":"run-ended"`) {
				t.Errorf("the last line is %s", last)
			}
			same(t, run, w.digests(t, profile, run), w.locally(t, name, args...))

			if i > 0 {
				return
			}
			if shown := w.must(t, "show", run, "--profile", profile); !regexp.MustCompile(`(?m)^` + image + ` +sha256:[0-9a-f]{64} +evaluate, finetune-export, generate, open, predict, report, reward, seal$`).MatchString(shown) {
				t.Errorf("what it ran in is not shown:\n%s", shown)
			}
			w.bounded(t, run)
			// Once more: everything is reused.
			stdout, stderr, code := w.run(t, append([]string{"submit", "--wait", "--profile", profile}, args...)...)
			t.Logf("as a person sees it:\n%s%s", stderr, stdout)
			if code != 0 || !strings.Contains(stdout, "[95% CI]") {
				t.Errorf("exit code %d", code)
			}
			again := w.lastRun(t, profile)
			s := w.status(t, profile, again)
			for _, step := range s.Steps {
				if step.Reused != step.Shards {
					t.Errorf("%s: %d of %d shards were reused", step.Step, step.Reused, step.Shards)
				}
			}
			w.audited(t, profile, run, again)
		})
	}
}

// signing gives the cluster a key, and returns what a profile says of it.
func (w *world) signing(t *testing.T) string {
	t.Helper()
	key := filepath.Join(w.dir, "signing")
	w.must(t, "keygen", key)
	if _, err := w.Kubectl(t.Context(), "create", "secret", "generic", "-n", namespace, "gymline-sign", "--from-file=key="+key); err != nil {
		t.Fatal(err)
	}
	return "  sign: {key: {env: SIGNING_KEY}}\n"
}

// bounded holds that no pod of a run can fill its node's disk, and that policies can
// tell what it may reach.
func (w *world) bounded(t *testing.T, run string) {
	t.Helper()
	out, err := w.Kubectl(t.Context(), "get", "pods", "-n", namespace, "-l", "workflows.argoproj.io/workflow="+run, "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	var list corev1.PodList
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list.Items) < 8 {
		t.Fatalf("%d pods, %v", len(list.Items), err)
	}
	for _, pod := range list.Items {
		for _, v := range pod.Spec.Volumes {
			if v.EmptyDir != nil && v.EmptyDir.SizeLimit.IsZero() {
				t.Errorf("pod %s: the volume %s has no bound", pod.Name, v.Name)
			}
		}
		for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
			if c.Resources.Limits.StorageEphemeral().IsZero() || c.Resources.Requests.StorageEphemeral().IsZero() {
				t.Errorf("pod %s: container %s has no bound", pod.Name, c.Name)
			}
		}
		if pod.Labels["gymline/step"] == "" || pod.Labels["gymline/to-store"] != "true" || pod.Labels["gymline/to-models"] != "" {
			t.Errorf("pod %s has the labels %v", pod.Name, pod.Labels)
		}
	}
}

// proactiveBench is the folder of the real data, which is not in the repository.
func proactiveBench(t *testing.T) string {
	data, err := filepath.Abs("../../../shared/data/proactivebench")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(data); err != nil {
		t.Logf("without ProactiveBench: %v", err)
		return ""
	}
	return data
}

// slow is the quickstart's generate alone, with enough to do for some seconds.
func (w *world) slow() []string {
	return []string{
		w.config("quickstart.yaml"), "--set", "generate.shards=4", "--set", "generate.sessions=900", "--set", "generate.maxEvents=40",
		"--set", "reward=null", "--set", "export=null", "--set", "evaluate=null",
	}
}

// audited: what pods recorded verifies as what this machine records does, their chain too;
// it is done once more without them, and does not differ from what reused it.
func (w *world) audited(t *testing.T, profile, run, again string) {
	t.Helper()
	if out := w.must(t, "verify", "--all", "--profile", profile); !strings.Contains(out, again+"  as recorded: ") || !strings.Contains(out, "chained to 1 run before") {
		t.Errorf("the runs do not verify as they should:\n%s", out)
	}
	if out := w.must(t, "verify", run, "--key", filepath.Join(w.dir, "signing.pub"), "--profile", profile); !strings.Contains(out, "\n  signed by ") {
		t.Errorf("the pod that sealed it did not sign it:\n%s", out)
	}
	if out := w.must(t, "reproduce", run, "--profile", profile); !strings.Contains(out, run+" is reproduced: ") {
		t.Errorf("reproduced as\n%s", out)
	}
	w.must(t, "diff", run, again, "--profile", profile)
	if shown := w.must(t, "show", again, "--profile", profile); !regexp.MustCompile(`(?m)^by \S+`).MatchString(shown) || !strings.Contains(shown, "linux/") {
		t.Errorf("who opened it, with which binary, is not shown:\n%s", shown)
	}
}

// What breaks meanwhile changes nothing, and nothing that is done is done again.
func TestDisturbances(t *testing.T) {
	w := shared
	want := w.locally(t, "disturbed", w.slow()...)
	busy := func(s status) bool { // generate is under way
		if s.Workflow == nil {
			return false
		}
		for _, p := range s.Workflow.Pods {
			if p.Step == "generate" && p.Phase == "Running" {
				return true
			}
		}
		return false
	}
	var killed string // the pod's UID
	for name, disturb := range map[string]func(t *testing.T, s status){
		"pod-killed": func(t *testing.T, s status) {
			for _, p := range s.Workflow.Pods {
				if p.Step == "generate" && p.Phase == "Running" {
					killed = w.killMidway(t, p.Name)
					return
				}
			}
		},
		"controller-restarted": func(t *testing.T, _ status) {
			if err := w.StopArgo(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(3 * time.Second)
			if err := w.StartArgo(t.Context(), namespace); err != nil {
				t.Fatal(err)
			}
		},
		"store-restarted": func(t *testing.T, _ status) {
			if err := w.StopMinIO(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Second)
			if err := w.StartMinIO(t.Context()); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			profile := w.profile(t, name, "")
			run := w.submit(t, append(w.slow(), "--profile", profile)...)
			s := w.until(t, profile, run, "generating", 3*time.Minute, busy)
			disturb(t, s)
			s = w.succeeds(t, profile, run, 8*time.Minute)
			same(t, name, w.digests(t, profile, run), want)
			committed := map[string]int{} // attempts that ended well
			for _, p := range s.Workflow.Pods {
				if p.Phase == "Succeeded" {
					committed[fmt.Sprintf("%s/%d", p.Step, p.Shard)]++
				}
			}
			for shard, n := range committed {
				if n != 1 {
					t.Errorf("%s was done %d times", shard, n)
				}
			}
			if name != "pod-killed" {
				return
			}
			// Argo tries again under a new name, or makes a pod that had only just started anew.
			uids, err := w.Kubectl(t.Context(), "get", "pods", "-n", namespace, "-l", "workflows.argoproj.io/workflow="+s.Workflow.Workflow, "-o", "jsonpath={.items[*].metadata.uid}")
			if err != nil || len(strings.Fields(uids)) < 6 || strings.Contains(uids, killed) {
				t.Errorf("the killed pod %s is still there: %s, %v", killed, uids, err)
			}
		})
	}
}

// killMidway kills a pod that has reported progress, and returns its UID.
func (w *world) killMidway(t *testing.T, name string) string {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		log, _ := w.Kubectl(t.Context(), "logs", "-n", namespace, name, "-c", "main")
		if strings.Contains(log, `"state":"Succeeded"`) || time.Now().After(end) {
			t.Fatalf("pod %s was not caught in the middle of its work:\n%s", name, log)
		}
		if strings.Contains(log, `"done":`) {
			break
		}
	}
	uid, err := w.Kubectl(t.Context(), "get", "pod", "-n", namespace, name, "-o", "jsonpath={.metadata.uid}")
	if err == nil {
		_, err = w.Kubectl(t.Context(), "delete", "pod", "-n", namespace, name, "--grace-period=0", "--force")
	}
	if err != nil {
		t.Fatal(err)
	}
	return uid
}
