package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gymline/gymline/internal/progress"
)

// A Load is a run of the gym with that many calls in flight and everything on:
// ledger, store, progress.
type Load struct {
	InFlight int     `json:"inFlight"`
	Bound    float64 `json:"latencyBound"` // calls/s that the latency allows
	Prompt   int     `json:"promptBytes"`  // of a mean request
	Gymline  Rate    `json:"gymline"`
	Bare     Rate    `json:"bare"`
	RSS      int64   `json:"peakBytes"` // resident, of the generating process
	Calls    int64   `json:"calls"`
	Seconds  float64 `json:"seconds"`
}

// measureLoad plays one session for each call in flight, then measures the bare
// client with requests of the same mean size against the same server.
func measureLoad(ctx context.Context, gymline string, inFlight int) (l Load, err error) {
	l = Load{InFlight: inFlight, Bound: float64(inFlight) / latency.Seconds()}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server, err := child(ctx, "-serve")
	if err != nil {
		return l, err
	}
	out, err := server.StdoutPipe()
	if err != nil {
		return l, err
	}
	if err := server.Start(); err != nil {
		return l, err
	}
	defer func() {
		cancel()
		_ = server.Wait()
	}()
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return l, err
	}
	url = strings.TrimSpace(url)
	samples, err := playGym(ctx, gymline, loadConfig(url, inFlight))
	if err != nil {
		return l, err
	}
	l.Gymline = samples.steady()
	last := samples[len(samples)-1]
	l.Calls, l.Seconds = last.calls, last.at.Seconds()
	for _, s := range samples {
		l.RSS = max(l.RSS, s.rss)
	}
	resp, err := http.Get(url)
	if err != nil {
		return l, err
	}
	defer resp.Body.Close()
	var asked served
	if err := json.NewDecoder(resp.Body).Decode(&asked); err != nil {
		return l, err
	}
	l.Prompt = int(asked.Bytes / asked.Calls)
	bare, err := child(ctx, "-bare", url, "-in-flight", fmt.Sprint(inFlight), "-prompt", fmt.Sprint(l.Prompt))
	if err != nil {
		return l, err
	}
	data, err := bare.Output()
	if err != nil {
		return l, fmt.Errorf("bare client: %w", err)
	}
	return l, json.Unmarshal(data, &l.Bare)
}

// files are the experiment and the profile of a measured run.
type files map[string]string

func loadConfig(url string, inFlight int) files {
	const scenes = 10
	var list strings.Builder
	for i := range scenes {
		fmt.Fprintf(&list, `- domain: writing
  user: {description: "Person %d, editor of a small magazine, careful and a little forgetful.", goal: "Bring issue %d of the magazine to the printer."}
  environment:
    theme: editing
    description: A desk with two screens, a text editor, a mail program and a shared folder of drafts.
    entities: [editor, mail program, drafts folder, printer's portal, calendar]
    agent_ops: [file.open(path), "file.compare(left, right)", "mail.send(to, text)", "calendar.add(title, time)"]
    events_example: ["The user opens a draft.", "The user sends a mail to the printer."]
`, i, i)
	}
	return files{
		"desk/scenes.yaml": list.String(),
		"experiment.yaml": fmt.Sprintf(`apiVersion: gymline/v1alpha1
kind: Experiment
metadata: {name: load}
spec:
  inputs: {desk: {path: desk}}
  models: {m: {provider: openai, baseURL: %s/v1, model: bench}}
  generate:
    scenes: {file: {input: desk, path: scenes.yaml}}
    sessions: %d
    models: {user: m, environment: m, agent: m}
    executeSteps: 1
`, url, (inFlight+scenes-1)/scenes),
		"profile.yaml": fmt.Sprintf(`apiVersion: gymline/v1alpha1
kind: Profile
metadata: {name: load}
spec: {parallelism: {inFlight: %d}}
`, inFlight),
	}
}

// playGym runs an experiment in a folder of its own and watches the process
// that generates.
func playGym(ctx context.Context, gymline string, f files) (samples, error) {
	dir, err := os.MkdirTemp("", "gymline-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for name, text := range f {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	binary, err := filepath.Abs(gymline)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, binary, "run", "experiment.yaml", "--profile", "profile.yaml", "-o", "json")
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var taken samples
	pid := 0
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e progress.Event
		if json.Unmarshal(lines.Bytes(), &e) != nil || e.Step != "generate" || e.Type != progress.Progress || e.Usage == nil {
			continue
		}
		if pid == 0 {
			pid = generator(cmd.Process.Pid)
		}
		s := sample{at: time.Since(began), calls: e.Usage.Calls}
		if s.cpu, s.rss = process(pid); s.cpu > 0 {
			taken = append(taken, s)
		}
	}
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, stderr.String())
	}
	if len(taken) < 2 {
		return nil, fmt.Errorf("the run ended before it could be measured: %s", stderr.String())
	}
	return taken, nil
}
