package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// A Generation is what the stand-in generated at some size.
type Generation struct {
	Factor  int     `json:"factor"`
	Events  int64   `json:"events"`
	Seconds float64 `json:"seconds"`           // of the whole run, with its start and its report
	RSS     int64   `json:"peakBytes"`         // of the largest process
	Micros  float64 `json:"cpuMicrosPerEvent"` // of all processes
	Wall    float64 `json:"microsPerEvent"`    // of the step generate, by the clock
}

// paperScenes make the paper's 6,790 events, and a few more.
const paperScenes = 620

// measureSim generates with the stand-in, in two processes.
func measureSim(ctx context.Context, gymline string, factor int) (g Generation, err error) {
	dir, err := os.MkdirTemp("", "gymline-bench-")
	if err != nil {
		return g, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	samples, err := filepath.Abs("configs/samples")
	if err != nil {
		return g, err
	}
	binary, err := filepath.Abs(gymline)
	if err != nil {
		return g, err
	}
	text := fmt.Sprintf(`apiVersion: gymline/v1alpha1
kind: Experiment
metadata: {name: paper}
spec:
  inputs: {samples: {}}
  models: {sim: {provider: sim}}
  generate:
    scenes: {seeds: {input: samples, path: seeds.yaml}, model: sim, count: %d}
    shards: 2
    models: {user: sim, environment: sim, agent: sim}
`, paperScenes*factor)
	if err := os.WriteFile(filepath.Join(dir, "paper.yaml"), []byte(text), 0o600); err != nil {
		return g, err
	}
	run := func(args ...string) (*exec.Cmd, []byte, error) {
		cmd := exec.CommandContext(ctx, binary, args...)
		cmd.Dir = dir
		cmd.Stderr = os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		out, err := cmd.Output()
		return cmd, out, err
	}
	began := time.Now()
	cmd, _, err := run("run", "paper.yaml", "--input", "samples="+samples, "-o", "json")
	if err != nil {
		return g, err
	}
	g = Generation{Factor: factor, Seconds: time.Since(began).Seconds()}
	// ru_maxrss of a parent that waited for its children is that of the largest of all.
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	g.RSS = usage.Maxrss << 10
	_, stats, err := run("get", "paper-1", "report/gym.json")
	if err != nil {
		return g, err
	}
	var total struct {
		Events int64 `json:"events"`
	}
	if err := json.Unmarshal(stats, &total); err != nil {
		return g, err
	}
	g.Events = total.Events
	g.Micros = float64((cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Microseconds()) / float64(g.Events)
	_, stats, err = run("stats", "paper-1", "-o", "json")
	if err != nil {
		return g, err
	}
	var took struct {
		Steps []struct {
			Step    string  `json:"step"`
			Seconds float64 `json:"seconds"`
		} `json:"steps"`
	}
	if err := json.Unmarshal(stats, &took); err != nil {
		return g, err
	}
	for _, s := range took.Steps {
		if s.Step == "generate" {
			g.Wall = s.Seconds * 1e6 / float64(g.Events)
		}
	}
	return g, nil
}
