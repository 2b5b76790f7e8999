package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
)

// A Generation is what the stand-in generated at some size.
type Generation struct {
	Factor int     `json:"factor"`
	Events int64   `json:"events"`
	Cost   Cost    `json:"cost"`           // of the whole run, with its start and its report
	Wall   float64 `json:"microsPerEvent"` // of the step generate, by the clock
}

// A Line is what the steps after generation take on the same store.
type Line struct {
	Events int64  `json:"events"`
	Export Cost   `json:"export"`
	Bytes  int64  `json:"exportedBytes"`
	Hash   Cost   `json:"sha256sum"` // of the exported bytes, by coreutils
	Reward Cost   `json:"reward"`
	Fresh  []Cost `json:"replay"` // of the same line, all of it reused
}

// paperScenes make the paper's 6,790 events, and a few more.
const paperScenes = 620

// gym is an experiment that generates, and what else is appended.
func gym(factor int, more string) string {
	return fmt.Sprintf(`apiVersion: gymline/v1alpha1
kind: Experiment
metadata: {name: paper}
spec:
  inputs: {samples: {path: samples}}
  models: {sim: {provider: sim}}
  generate:
    scenes: {seeds: {input: samples, path: seeds.yaml}, model: sim, count: %d}
    shards: 2
    models: {user: sim, environment: sim, agent: sim}
%s`, paperScenes*factor, more)
}

// measureSim generates with the stand-in, in two processes.
func (b *bencher) measureSim(ctx context.Context, factor int) (g Generation, err error) {
	w, err := newWorkshop(files{"paper.yaml": gym(factor, "")})
	if err != nil {
		return g, err
	}
	defer w.close()
	g.Factor = factor
	if g.Cost, _, err = w.run(ctx, b.gymline, "run", "paper.yaml"); err != nil {
		return g, err
	}
	if g.Events, err = b.events(ctx, w); err != nil {
		return g, err
	}
	_, stats, err := w.run(ctx, b.gymline, "stats", "paper-1", "-o", "json")
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

// measureLine generates, then has the same store export and train a judge.
func (b *bencher) measureLine(ctx context.Context, factor int) (l Line, err error) {
	const reward, export = "  reward: {data: {gym: true}}\n", "  export: {data: {gym: true}}\n"
	w, err := newWorkshop(files{
		"paper.yaml": gym(factor, ""), "export.yaml": gym(factor, export), "reward.yaml": gym(factor, reward),
	})
	if err != nil {
		return l, err
	}
	defer w.close()
	if _, _, err = w.run(ctx, b.gymline, "run", "paper.yaml"); err != nil {
		return l, err
	}
	if l.Events, err = b.events(ctx, w); err != nil {
		return l, err
	}
	if l.Export, _, err = w.run(ctx, b.gymline, "run", "export.yaml"); err != nil {
		return l, err
	}
	exported := filepath.Join(w.dir, "exported")
	if _, _, err = w.run(ctx, b.gymline, "fetch", "paper-2", "finetune-export", exported); err != nil {
		return l, err
	}
	if l.Bytes, err = sizeOf(exported); err != nil {
		return l, err
	}
	if l.Hash, _, err = w.run(ctx, "sh", "-c", "find exported -type f -print0 | xargs -0 sha256sum"); err != nil {
		return l, err
	}
	if l.Reward, _, err = w.run(ctx, b.gymline, "run", "reward.yaml"); err != nil {
		return l, err
	}
	l.Fresh, err = w.repeat(ctx, b.repeat, b.gymline, "run", "export.yaml")
	return l, err
}

// events is how many the first run has.
func (b *bencher) events(ctx context.Context, w *workshop) (int64, error) {
	_, data, err := w.run(ctx, b.gymline, "get", "paper-1", "report/gym.json")
	if err != nil {
		return 0, err
	}
	var total struct {
		Events int64 `json:"events"`
	}
	err = json.Unmarshal(data, &total)
	return total.Events, err
}
