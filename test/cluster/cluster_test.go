//go:build e2e && linux

package cluster_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gymline/gymline/test/cluster"
)

// TestSmoke runs a fan-out under the restricted profile and leaves nothing behind.
func TestSmoke(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	root := moduleRoot(t)
	dir, err := os.MkdirTemp("", "gl")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() || os.Getenv("GYMLINE_E2E_KEEP") != "" {
			t.Logf("state and logs stay in %s", dir)
		} else if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	c, err := cluster.Start(ctx, cluster.Options{Bin: filepath.Join(root, ".cache"), Dir: dir, Log: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		began := time.Now()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		t.Logf("closed after %s", time.Since(began).Round(100*time.Millisecond))
		if left := processes(); len(left) > 0 {
			t.Errorf("processes left after Close: %q", left)
		}
	})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(c.StartMinIO(ctx))
	must(c.StopMinIO())
	must(c.StartMinIO(ctx))
	probe, err := c.BuildStatic(ctx, "github.com/gymline/gymline/test/cluster/testdata/probe", "-tags=e2e")
	must(err)
	must(c.LoadImage(ctx, cluster.Image{Name: "local.test/probe:1", Programs: map[string]string{"bin/probe": probe}, Entrypoint: []string{"/bin/probe"}}))
	must(c.ApplyFile(ctx, filepath.Join(root, "test/cluster/testdata/smoke.yaml")))
	// The token is filled in a moment after its Secret is made; an executor that starts before finds none.
	_, err = c.Kubectl(ctx, "wait", "-n", "smoke", "secret/executor.service-account-token", "--for=jsonpath={.data.token}", "--timeout=30s")
	must(err)
	c.ControllerAccount = "controller"
	must(c.StartArgo(ctx, "smoke"))
	began := time.Now()
	must(c.ApplyFile(ctx, filepath.Join(root, "test/cluster/testdata/workflow.yaml")))
	// A crash in between must not matter.
	must(c.StopArgo())
	must(c.StartArgo(ctx, "smoke"))
	_, err = c.Kubectl(ctx, "wait", "-n", "smoke", "workflow/fan", "--for=condition=Completed", "--timeout=120s")
	phase, _ := c.Kubectl(ctx, "get", "-n", "smoke", "workflow/fan", "-o", "jsonpath={.status.phase}")
	if err != nil || phase != "Succeeded" {
		state, _ := c.Kubectl(ctx, "get", "-n", "smoke", "workflows,pods,events", "-o", "wide")
		t.Fatalf("workflow %s: %v\n%s", phase, err, state)
	}
	t.Logf("workflow after %s; memory of all processes %d MB", time.Since(began).Round(100*time.Millisecond), memory(t)>>20)
	logs, err := c.Kubectl(ctx, "logs", "-n", "smoke", "-l", "workflows.argoproj.io/workflow=fan", "-c", "main")
	must(err)
	for shard := range 3 {
		if want := fmt.Sprintf("shard %d uid 8737 readonly true token false store true\n", shard); !strings.Contains(logs, want) {
			t.Errorf("logs %q lack %q", logs, want)
		}
	}
	_, err = c.Kubectl(ctx, "run", "-n", "smoke", "root", "--image=local.test/probe:1")
	if err == nil || !strings.Contains(err.Error(), "violates PodSecurity") {
		t.Errorf("a pod without a security context was not refused: %v", err)
	}
}

// moduleRoot is the folder of go.mod, at or above the working folder.
func moduleRoot(t *testing.T) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
	}
	t.Fatal("no go.mod at or above the working folder")
	return ""
}

// processes lists the command lines of all processes but this one, its parent and process 1; kernel threads are in no private namespace.
func processes() (left []string) {
	paths, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range paths {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if slices.Contains([]int{1, os.Getpid(), os.Getppid()}, pid) {
			continue
		}
		if text, err := os.ReadFile(path); err == nil {
			left = append(left, fmt.Sprintf("%d %s", pid, strings.ReplaceAll(string(text), "\x00", " ")))
		}
	}
	return left
}

// memory sums the proportional set size of all processes, in bytes.
func memory(t *testing.T) (sum int) {
	paths, _ := filepath.Glob("/proc/[0-9]*/smaps_rollup")
	for _, path := range paths {
		text, _ := os.ReadFile(path)
		for line := range strings.Lines(string(text)) {
			if kb, ok := strings.CutPrefix(line, "Pss:"); ok {
				n, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kb), "kB")))
				if err != nil {
					t.Fatal(err)
				}
				sum += n << 10
			}
		}
	}
	return sum
}
