package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A Cost is what one command took, with every process that it started and waited for.
type Cost struct {
	Seconds float64 `json:"seconds"`
	CPU     float64 `json:"cpuSeconds"`
	RSS     int64   `json:"peakBytes"` // of the largest process
}

// A Spread is one figure of several runs.
type Spread struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
}

// spread orders the figures that of takes from each run.
func spread[T any](runs []T, of func(T) float64) Spread {
	var values []float64
	for _, r := range runs {
		values = append(values, of(r))
	}
	slices.Sort(values)
	return Spread{values[0], values[len(values)/2], values[len(values)-1]}
}

// text writes a spread with a verb for its figures.
func (s Spread) text(verb string) string {
	if s.Min == s.Max {
		return fmt.Sprintf(verb, s.Median)
	}
	return fmt.Sprintf(verb+" ["+verb+"–"+verb+"]", s.Median, s.Min, s.Max)
}

// files are what a measured run reads, by path.
type files map[string]string

// A workshop is a folder of its own, in which commands run and are measured.
type workshop struct {
	dir string
	env []string // beside the machine's
}

// newWorkshop makes one with the files, and the shipped samples in samples/.
func newWorkshop(f files) (*workshop, error) {
	dir, err := os.MkdirTemp("", "gymline-bench-")
	if err != nil {
		return nil, err
	}
	w := &workshop{dir: dir}
	if err := os.CopyFS(filepath.Join(dir, "samples"), os.DirFS("configs/samples")); err != nil {
		return nil, fmt.Errorf("run it in the root of the repository: %w", err)
	}
	for name, text := range f {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (w *workshop) close() { _ = os.RemoveAll(w.dir) }

// command is one that dies with this process.
func (w *workshop) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = w.dir, append(os.Environ(), w.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// run measures one command, and returns what it printed.
func (w *workshop) run(ctx context.Context, name string, args ...string) (Cost, []byte, error) {
	cmd := w.command(ctx, name, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	began := time.Now()
	out, err := cmd.Output()
	if err != nil {
		return Cost{}, nil, fmt.Errorf("%s: %w\n%s\n%s", strings.Join(cmd.Args, " "), err, out, stderr.String())
	}
	return costOf(cmd.ProcessState, time.Since(began)), out, nil
}

// costOf is what a process that ended took, with those that it waited for.
func costOf(state *os.ProcessState, took time.Duration) Cost {
	return Cost{
		Seconds: took.Seconds(), CPU: (state.UserTime() + state.SystemTime()).Seconds(),
		RSS: state.SysUsage().(*syscall.Rusage).Maxrss << 10,
	}
}

// repeat measures one command several times.
func (w *workshop) repeat(ctx context.Context, times int, name string, args ...string) (list []Cost, err error) {
	for range times {
		cost, _, err := w.run(ctx, name, args...)
		if err != nil {
			return nil, err
		}
		list = append(list, cost)
	}
	return list, nil
}
