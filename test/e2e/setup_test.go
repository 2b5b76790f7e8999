//go:build e2e && linux

// Package e2e runs gymline against a real Kubernetes with Argo Workflows and a
// real MinIO, and holds what comes out to what the local engine gives.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials" //nolint:depguard // keys of a server under test

	"github.com/gymline/gymline/test/cluster"
)

const (
	namespace = "gymline"
	image     = "local.test/gymline:dev"
	// canary is the API key that must be seen nowhere but in its Secret.
	canary = "canary-7f3a-key-that-must-not-leak"
)

// A world is the cluster with gymline's manifests in it, a store, and the binary
// on this side.
type world struct {
	*cluster.Cluster
	root    string // of the checkout
	dir     string // of this world's files
	gymline string
	env     []string
	keys    credentials.Value // of the store, with no more rights than runs need
}

var shared *world

func TestMain(m *testing.M) {
	code := func() int {
		dir, err := os.MkdirTemp("", "gl")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		began := time.Now()
		w, err := build(context.Background(), dir)
		if w != nil && w.Cluster != nil {
			defer func() {
				if err := w.Close(); err != nil {
					fmt.Fprintln(os.Stderr, "close the cluster:", err)
				}
			}()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "end-to-end:", err)
			return 1
		}
		fmt.Printf("cluster, store and manifests after %s\n", time.Since(began).Round(time.Second))
		shared = w
		code := m.Run()
		if code == 0 {
			defer os.RemoveAll(dir)
		} else {
			fmt.Fprintln(os.Stderr, "logs stay in", dir)
		}
		return code
	}()
	os.Exit(code)
}

func build(ctx context.Context, dir string) (*world, error) {
	root, err := filepath.Abs("../..")
	if err != nil {
		return nil, err
	}
	w := &world{root: root, dir: filepath.Join(dir, "files"), gymline: filepath.Join(root, "bin/linux/gymline")}
	state := filepath.Join(dir, "c")
	for _, folder := range []string{w.dir, state} {
		if err := os.Mkdir(folder, 0o755); err != nil {
			return nil, err
		}
	}
	if w.Cluster, err = cluster.Start(ctx, cluster.Options{Bin: filepath.Join(root, ".cache"), Dir: state, Log: func(string, ...any) {}}); err != nil {
		return w, err
	}
	if err := w.StartMinIO(ctx); err != nil {
		return w, err
	}
	if err := w.ImportImage(ctx, filepath.Join(root, "bin/e2e.oci.tar")); err != nil {
		return w, err
	}
	manifests, err := w.Kubectl(ctx, "kustomize", filepath.Join(root, "manifests/overlays/existing-store"))
	if err != nil {
		return w, err
	}
	// Services have no addresses here: executors are told where the API server is.
	const executor = "    executor:\n"
	if !strings.Contains(manifests, executor) {
		return w, fmt.Errorf("the manifests have no %q to add to", executor)
	}
	manifests = strings.Replace(manifests, executor, executor+fmt.Sprintf("      env:\n      - {name: KUBERNETES_SERVICE_HOST, value: %s}\n      - {name: KUBERNETES_SERVICE_PORT, value: \"6443\"}\n", cluster.Host), 1)
	if err := w.Apply(ctx, manifests); err != nil {
		return w, err
	}
	// Nothing enforces them here; that the API server takes them is what is seen.
	if err := w.ApplyFile(ctx, filepath.Join(root, "manifests/components/network/policies.yaml")); err != nil {
		return w, err
	}
	if err := w.makeKeys(ctx); err != nil {
		return w, err
	}
	for _, secret := range [][]string{
		{"gymline-store", "--from-literal=accessKey=" + w.keys.AccessKeyID, "--from-literal=secretKey=" + w.keys.SecretAccessKey, "--from-literal=token=" + w.keys.SessionToken},
		{"gymline-models", "--from-literal=openai=" + canary},
	} {
		if _, err := w.Kubectl(ctx, append([]string{"create", "secret", "generic", "-n", namespace}, secret...)...); err != nil {
			return w, err
		}
	}
	if _, err := w.Kubectl(ctx, "wait", "-n", namespace, "secret/gymline-executor.service-account-token", "--for=jsonpath={.data.token}", "--timeout=60s"); err != nil {
		return w, err
	}
	w.ControllerAccount = "workflow-controller"
	if err := w.StartArgo(ctx, namespace); err != nil {
		return w, err
	}
	// The submitter has no more rights than the manifests give.
	submitter, err := w.AccountKubeconfig(ctx, namespace, "gymline-submitter")
	if err != nil {
		return w, err
	}
	w.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir, "KUBECONFIG=" + submitter, "GYMLINE_LOG=info",
		"MINIO_ACCESS_KEY=" + w.keys.AccessKeyID, "MINIO_SECRET_KEY=" + w.keys.SecretAccessKey, "MINIO_TOKEN=" + w.keys.SessionToken,
	}
	return w, nil
}

// run calls gymline and returns stdout, stderr and the exit code.
func (w *world) run(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, w.gymline, args...)
	cmd.Dir, cmd.Env = w.dir, w.env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// must is run for what has to succeed.
func (w *world) must(t *testing.T, args ...string) string {
	t.Helper()
	stdout, stderr, code := w.run(t, args...)
	if code != 0 {
		t.Fatalf("gymline %s: exit code %d\n%s%s\n%s", strings.Join(args, " "), code, stdout, stderr, w.cluster(t))
	}
	return stdout
}

// cluster shows what the cluster has, for a failure.
func (w *world) cluster(t *testing.T) string {
	out, _ := w.Kubectl(context.WithoutCancel(t.Context()), "get", "-n", namespace, "workflows,pods", "-o", "wide")
	events, _ := w.Kubectl(context.WithoutCancel(t.Context()), "get", "-n", namespace, "events", "--sort-by=.lastTimestamp")
	if len(events) > 3000 {
		events = events[len(events)-3000:]
	}
	return out + events
}

// submit starts an experiment and returns its run.
func (w *world) submit(t *testing.T, args ...string) string {
	t.Helper()
	var doc struct {
		Run string `json:"run"`
	}
	out := w.must(t, append([]string{"submit", "-o", "json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &doc); err != nil || doc.Run == "" {
		t.Fatalf("%v: %s", err, out)
	}
	return doc.Run
}

// status is what 'gymline status -o json' prints.
type status struct {
	Run   string
	State string
	Steps []struct {
		Step                                           string
		Shards, Done, Reused, Running, Failed, Retries int
	}
	Failures []failure
	Workflow *struct {
		Workflow, Phase string
		Suspended       []string
		Pods            []pod
	}
}

type failure struct {
	Step, Cause, Hint string
	Shard, ExitCode   int
}

type pod struct {
	Step, Name, Phase, Message string
	Shard, Attempt, ExitCode   int
}

func (w *world) status(t *testing.T, profile, run string) status {
	t.Helper()
	var s status
	out := w.must(t, "status", run, "--profile", profile, "-o", "json")
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return s
}

// until polls a run's status until a condition holds.
func (w *world) until(t *testing.T, profile, run, what string, within time.Duration, holds func(status) bool) status {
	t.Helper()
	var s status
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(300 * time.Millisecond) {
		if s = w.status(t, profile, run); holds(s) {
			return s
		}
	}
	t.Fatalf("run %s: not %s within %s: %+v\n%s", run, what, within, s, w.cluster(t))
	return s
}

func (w *world) succeeds(t *testing.T, profile, run string, within time.Duration) status {
	t.Helper()
	s := w.until(t, profile, run, "ended", within, func(s status) bool {
		return s.State == "Succeeded" || s.State == "Failed" && s.Workflow != nil && s.Workflow.Phase == "Failed"
	})
	if s.State != "Succeeded" {
		t.Fatalf("run %s: %+v\n%s", run, s, w.cluster(t))
	}
	return s
}

// digests are a run's artifacts: step/shard/output and digest, a line each. The
// report names the experiment's digest, which covers the number of shards.
func (w *world) digests(t *testing.T, profile, run string) string {
	t.Helper()
	var doc struct {
		Steps []struct {
			Step    string
			Shard   int
			State   string
			Outputs []struct{ Name, Digest string }
		}
	}
	out := w.must(t, "show", run, "--profile", profile, "-o", "json")
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, s := range doc.Steps {
		if s.State != "Succeeded" || len(s.Outputs) == 0 {
			t.Fatalf("run %s: %s/%d is %s with %d outputs", run, s.Step, s.Shard, s.State, len(s.Outputs))
		}
		for _, o := range s.Outputs {
			fmt.Fprintf(&b, "%s/%d/%s %s\n", s.Step, s.Shard, o.Name, o.Digest)
		}
	}
	return b.String()
}

// locally runs an experiment on the local engine and returns its digests.
func (w *world) locally(t *testing.T, name string, args ...string) string {
	t.Helper()
	profile := w.local(t, name)
	w.must(t, append([]string{"run", "--profile", profile, "-o", "json"}, args...)...)
	return w.digests(t, profile, strings.TrimSuffix(filepath.Base(args[0]), ".yaml")+"-1")
}

func (w *world) config(name string) string { return filepath.Join(w.root, "configs", name) }

func same(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: digests differ\n--- cluster\n%s--- local\n%s", what, got, want)
	}
	if n := strings.Count(want, "\n"); n < 10 {
		t.Errorf("%s: only %d artifacts were compared", what, n)
	}
}
