package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
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
	Whole    Rate    `json:"wholeRun"` // from the command's start to its end
	Bare     Rate    `json:"bare"`
	RSS      int64   `json:"peakBytes"` // resident, of the largest process
	Calls    int64   `json:"calls"`
	Seconds  float64 `json:"seconds"`
}

// ratio is Gymline's processor time a call to the bare client's.
func (l Load) ratio() float64 { return l.Gymline.CPUMicros / l.Bare.CPUMicros }

// measureLoad plays one session for each call in flight, then measures the bare
// client with requests of the same mean size against the same server.
func (b *bencher) measureLoad(ctx context.Context, inFlight int) (l Load, err error) {
	l = Load{InFlight: inFlight, Bound: float64(inFlight) / latency.Seconds()}
	url, stop, err := startModels(ctx)
	if err != nil {
		return l, err
	}
	defer stop()
	if err := b.playGym(ctx, loadConfig(url, inFlight), &l); err != nil {
		return l, err
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

// startModels starts the loopback server in a process of its own.
func startModels(ctx context.Context) (url string, stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	server, err := child(ctx, "-serve")
	if err != nil {
		cancel()
		return "", nil, err
	}
	out, err := server.StdoutPipe()
	if err == nil {
		err = server.Start()
	}
	if err != nil {
		cancel()
		return "", nil, err
	}
	stop = func() {
		cancel()
		_ = server.Wait()
	}
	url, err = bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return "", nil, err
	}
	return strings.TrimSpace(url), stop, nil
}

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
		"load.yaml": fmt.Sprintf(`apiVersion: gymline/v1alpha1
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

// playGym runs an experiment in a folder of its own, and samples all of its
// processes at each progress of the one that generates.
func (b *bencher) playGym(ctx context.Context, f files, l *Load) error {
	w, err := newWorkshop(f)
	if err != nil {
		return err
	}
	defer w.close()
	cmd := w.command(ctx, b.gymline, "run", "load.yaml", "--profile", "profile.yaml", "-o", "json")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	var taken samples
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e progress.Event
		if json.Unmarshal(lines.Bytes(), &e) != nil || e.Step != "generate" || e.Type != progress.Progress || e.Usage == nil {
			continue
		}
		taken = append(taken, sample{at: time.Since(began), calls: e.Usage.Calls, cpu: treeTime(cmd.Process.Pid)})
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%w\n%s", err, stderr.String())
	}
	if len(taken) < 2 {
		return fmt.Errorf("the run ended before it could be measured: %s", stderr.String())
	}
	l.Gymline = taken.steady()
	cost := costOf(cmd.ProcessState, time.Since(began))
	l.Calls, l.Seconds, l.RSS = taken[len(taken)-1].calls, cost.Seconds, cost.RSS
	l.Whole = Rate{CallsPerSecond: float64(l.Calls) / cost.Seconds, CPUMicros: cost.CPU * 1e6 / float64(l.Calls)}
	return nil
}
