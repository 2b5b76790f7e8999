package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Many is an evaluation of many small input files: one of the benchmark, and one
// of each candidate, for every trace.
type Many struct {
	Files int    `json:"files"`
	Store string `json:"store"`
	First Cost   `json:"first"`
	Again []Cost `json:"again"`
	// The rivals read the same files: sha256sum all of their bytes, find their names and times.
	Hash Cost `json:"sha256sum"`
	Stat Cost `json:"find"`
}

const (
	manyCandidates = 3
	manyEvents     = 20 // of a trace
)

// measureMany evaluates recorded answers under a recorded judge.
func (b *bencher) measureMany(ctx context.Context, traces int, far bool) (m Many, err error) {
	m = Many{Files: traces * (1 + manyCandidates), Store: "folder"}
	w, err := newWorkshop(files{"many.yaml": manyExperiment()})
	if err != nil {
		return m, err
	}
	defer w.close()
	if err := writeTraces(w.dir, traces); err != nil {
		return m, err
	}
	run := []string{"run", "many.yaml"}
	if far {
		m.Store = "MinIO, 20 ms away"
		store, err := startSlowStore(ctx, b.minio, w)
		if err != nil {
			return m, err
		}
		defer store.close()
		run = append(run, "--profile", "profile.yaml")
	}
	if m.First, _, err = w.run(ctx, b.gymline, run...); err != nil {
		return m, err
	}
	if m.Again, err = w.repeat(ctx, b.repeat, b.gymline, run...); err != nil {
		return m, err
	}
	if m.Hash, _, err = w.run(ctx, "sh", "-c", "find data -type f -print0 | xargs -0 sha256sum"); err != nil {
		return m, err
	}
	m.Stat, _, err = w.run(ctx, "find", "data", "-type", "f", "-printf", "%p %s %T@ %C@ %i\n")
	return m, err
}

func manyExperiment() string {
	var candidates strings.Builder
	for c := range manyCandidates {
		fmt.Fprintf(&candidates, "      - {name: c%d, recorded: {input: data, path: c%d}}\n", c, c)
	}
	return `apiVersion: gymline/v1alpha1
kind: Experiment
metadata: {name: many}
spec:
  inputs: {data: {path: data}}
  evaluate:
    benchmark: {input: data, path: benchmark}
    judge: {recorded: true}
    candidates:
` + candidates.String()
}

// writeTraces writes the benchmark, and for each candidate its judged answers.
func writeTraces(dir string, traces int) error {
	for c := -1; c < manyCandidates; c++ {
		folder := filepath.Join(dir, "data", "benchmark")
		if c >= 0 {
			folder = filepath.Join(dir, "data", fmt.Sprint("c", c))
		}
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
		for t := range traces {
			var list []string
			for e := range manyEvents {
				entry := fmt.Sprintf(`"observation": {"time": "%d", "event": "The user opens draft %d of chapter %d in the text editor."}`, 1717335890+30*e, e, t)
				if c >= 0 {
					entry += fmt.Sprintf(`, "agent_response": ["Compare draft %d with the one before."], "judgement": [%t]`, e, (t+e+c)%3 == 0)
				}
				list = append(list, "{"+entry+"}")
			}
			name := filepath.Join(folder, fmt.Sprintf("code_%d.json", t))
			if err := os.WriteFile(name, []byte("["+strings.Join(list, ",\n")+"]\n"), 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}
