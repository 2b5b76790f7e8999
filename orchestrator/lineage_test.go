package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/audit/lineage"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/store/folder"
)

// lineageOf opens a run of the lab's store.
func (l lab) lineageOf(id store.RunID) *lineage.View {
	l.t.Helper()
	v, err := lineage.Open(l.t.Context(), l.store(), id)
	if err != nil {
		l.t.Fatal(err)
	}
	return v
}

// store opens the lab's store for reading.
func (l lab) store() *store.Store {
	l.t.Helper()
	bucket, err := folder.OpenReadOnly(filepath.Join(l.dir, ".gymline"))
	if err != nil {
		l.t.Fatal(err)
	}
	return store.New(bucket)
}

func linksOf(t *testing.T, v *lineage.View, what string, opt lineage.Options) (list []lineage.Link) {
	t.Helper()
	err := v.Walk(context.Background(), what, opt, func(l *lineage.Link) error {
		list = append(list, *l)
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	return list
}

// thereAndBack follows every row of a run's export to lines of inputs and, from each of
// those, back to the row. It returns how many rows had how many lines.
func thereAndBack(t *testing.T, l lab, id store.RunID) (rows, origins int) {
	t.Helper()
	v := l.lineageOf(id)
	files := map[string][]string{}
	down := map[string]map[string]bool{}
	for _, row := range linksOf(t, v, "finetune-export/manifest.json", lineage.Options{Up: true}) {
		if row.Kind != lineage.Row {
			continue
		}
		rows++
		var lines []string
		text := ""
		for _, up := range linksOf(t, v, row.ID, lineage.Options{Up: true}) {
			if up.Kind == lineage.Input {
				lines = append(lines, up.ID)
			}
			if up.Kind == lineage.Turn {
				text, _, _ = strings.Cut(up.Text, " → ")
			}
			if up.Digest == "" {
				t.Errorf("%s, of %s, has no digest", up.ID, row.ID)
			}
		}
		for _, o := range row.Origins {
			if !slices.Contains(lines, o) {
				t.Errorf("%s comes from %s in a list and not alone: %q", row.ID, o, lines)
			}
		}
		if len(lines) == 0 {
			t.Fatalf("%s leads to no input", row.ID)
		}
		for _, file := range row.Files { // the line holds the row
			if files[file] == nil {
				files[file] = strings.Split(l.output("get", string(id), "finetune-export/"+file), "\n")
			}
			said, _ := json.Marshal(strings.TrimSpace(text))
			if !strings.Contains(plainJSON(files[file][row.Line-1]), plainJSON(strings.Trim(string(said), `"`))) {
				t.Fatalf("%s:%d is not the row %s: %s", file, row.Line, row.ID, text)
			}
		}
		for _, line := range lines {
			if down[line] == nil {
				down[line] = map[string]bool{}
				for _, d := range linksOf(t, v, line, lineage.Options{Down: true}) {
					down[line][d.ID] = true
				}
			}
			if !down[line][row.ID] {
				t.Fatalf("%s comes from %s, which does not lead back to it", row.ID, line)
			}
		}
	}
	return rows, len(down)
}

// plainJSON takes away what two writers of JSON escape differently.
func plainJSON(s string) string {
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(s)
}

func TestEveryRowGoesToItsOriginAndBack(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.output("run", filepath.Join(repo(t), "configs", "quickstart.yaml"))
	if rows, origins := thereAndBack(t, l, "quickstart-1"); rows != 575+597 || origins < 40 {
		t.Errorf("%d rows of %d lines", rows, origins)
	}
}

// people's rows, finished scenes, curation and a training.
const lineageExperiment = `apiVersion: gymline/v1alpha1
kind: Experiment
metadata: {name: line}
spec:
  seed: 7
  inputs: {samples: {path: samples}, people: {path: people}}
  models:
    careful: {provider: sim, skill: 0.95}
    eager: {provider: sim, skill: 0.5}
  generate:
    scenes: {file: {input: people, path: scenes.yaml}, seeds: {input: samples, path: seeds.yaml}, model: careful, count: 3}
    sessions: 2
    shards: 2
    models: {user: careful, environment: careful, agent: careful}
  curate: {duplicates: 0.9, leakage: 0.8}
  reward: {data: {gym: true, proactivebench: {input: people, path: .}}}
  export: {data: {gym: true, proactivebench: {input: people, path: .}}, families: [qwen2.5]}
  train:
    tuned: {base: Qwen/Qwen2.5-7B, command: [sh, train.sh]}
  evaluate:
    benchmark: {input: samples, path: benchmark}
    candidates:
      - {name: before, model: eager}
      - {name: tuned, model: careful, checkpoint: tuned}
      - {name: published, recorded: {input: samples, path: traces/published}}
    judge: {rewardModel: true}
`

const lineageScenes = `- domain: garden
  environment:
    theme: a garden
    description: A shed with a desk.
    entities: [Terminal, Calendar]
    agent_ops: ['calendar.add(entry)', 'terminal.run(command)']
    events_example: ['The user opens the calendar.']
  user: {description: A gardener., goal: Plan the beds of spring.}
`

const lineageTrainer = `set -e
cd "$GYMLINE_CHECKPOINT"
echo '{"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2"}' > config.json
echo '{"model":{"vocab":{"a":0}}}' > tokenizer.json
echo '{}' > tokenizer_config.json
printf '\066\000\000\000\000\000\000\000{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}data' > model.safetensors
`

// newLineageLab has run an experiment with all kinds of origins.
func newLineageLab(t *testing.T) lab {
	t.Helper()
	l := newLab(t)
	people := filepath.Join(l.dir, "people", "reward_data")
	if err := os.MkdirAll(people, 0o700); err != nil {
		t.Fatal(err)
	}
	var data strings.Builder
	for trace := range 6 {
		var events []string
		for turn := range 4 {
			events = append(events, fmt.Sprintf(`{"time": "%d", "event": "Person %d does thing %d."}`, 1700000000+1000*trace+turn, trace, turn))
			fmt.Fprintf(&data, `{"obs": [%s], "pred_task": "Help %d with %d", "valid": %t, "help_needed": true}`+"\n", strings.Join(events, ", "), trace, turn, (turn+trace)%2 == 0)
		}
	}
	for name, text := range map[string]string{
		"line.yaml": lineageExperiment, "train.sh": lineageTrainer, "people/scenes.yaml": lineageScenes, "people/reward_data/train_data.jsonl": data.String(),
	} {
		if err := os.WriteFile(filepath.Join(l.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(filepath.Join(l.dir, "samples"), os.DirFS(filepath.Join(repo(t), "configs", "samples"))); err != nil {
		t.Fatal(err)
	}
	l.output("run", "line.yaml")
	return l
}

func TestLineageOfEveryKind(t *testing.T) {
	t.Parallel()
	l := newLineageLab(t)
	rows, _ := thereAndBack(t, l, "line-1")
	v := l.lineageOf("line-1")

	// From the checkpoint to lines of all four kinds of origins.
	trained, from := 0, map[string]bool{}
	for _, x := range linksOf(t, v, "checkpoint/tuned", lineage.Options{Up: true}) {
		if x.Kind == lineage.Row {
			trained++
			for _, o := range x.Origins {
				file, _, _ := strings.Cut(o, "#")
				from[file] = true
			}
		}
	}
	if trained != rows || len(from) != 3 || !from["people/reward_data/train_data.jsonl"] || !from["people/scenes.yaml"] || !from["samples/seeds.yaml"] {
		t.Errorf("the checkpoint was trained on %d of %d rows, from %v", trained, rows, from)
	}

	ids := func(what string, opt lineage.Options) (list []string) {
		for _, x := range linksOf(t, v, what, opt) {
			list = append(list, strings.TrimPrefix(x.ID, "line-1/"))
		}
		return list
	}
	up, down := lineage.Options{Up: true}, lineage.Options{Down: true}
	for _, c := range []struct {
		what string
		opt  lineage.Options
		want []string
	}{
		{"people/reward_data/train_data.jsonl#1", down, []string{"finetune-export/0/rows.jsonl#agent/train_data.jsonl:1", "finetune-export/0/rows.jsonl#reward/train_data.jsonl:1", "finetune-export/0/rows.jsonl#agent/train_data.jsonl:3", "reward/0/model.json", "train-tuned/0/checkpoint.json", "evaluate/0/metrics.json#tuned"}},
		{"train_data.jsonl:1", down, []string{"finetune-export/0/rows.jsonl#agent/train_data.jsonl:3"}},
		{"people/scenes.yaml#1", down, []string{"generate/0/scenes.jsonl#scene-00000", "generate/0/episodes.jsonl#scene-00000/1", "train-tuned/0/checkpoint.json"}},
		{"agent/scene-00000/0/1", up, []string{"generate/0/episodes.jsonl#scene-00000/0/1", "curate/0/episodes.jsonl#scene-00000/0", "generate/0/scenes.jsonl#scene-00000", "people/scenes.yaml#1"}},
		{"agent/scene-00000/0/1", down, []string{"train-tuned/0/checkpoint.json", "evaluate/0/metrics.json#tuned"}},
		{"scene-00000/0/1", down, []string{"finetune-export/0/rows.jsonl#agent/scene-00000/0/1", "finetune-export/0/rows.jsonl#agent/scene-00000/0/2"}},
		{"scene-00000/0", down, []string{"finetune-export/0/rows.jsonl#agent/scene-00000/0/0"}},
		{"tuned/coding_1/3", up, []string{"samples/benchmark/coding_1.json#20", "train-tuned/0/checkpoint.json", "reward/0/model.json"}},
		{"published/coding_1/3", up, []string{"samples/benchmark/coding_1.json#20", "samples/traces/published/coding_1.json#37"}},
		{"tuned/coding_1/3", down, []string{"evaluate/0/metrics.json#tuned"}},
		{"samples/benchmark/coding_1.json#20", down, []string{"predict/0/judged.jsonl#before/coding_1/3", "predict/2/judged.jsonl#published/coding_1/4", "evaluate/0/metrics.json#published"}},
		{"samples/traces/published/coding_1.json", down, []string{"predict/2/judged.jsonl#published/coding_1/0", "evaluate/0/metrics.json#published"}},
		{"evaluate/metrics.json#tuned", up, []string{"predict/1/judged.jsonl", "train-tuned/0/checkpoint.json", "predict/1/judged.jsonl#tuned/coding_1/0"}},
		{"reward/model.json", up, []string{"reward/0/rows.jsonl#train_data.jsonl:1", "reward/0/rows.jsonl#scene-00000/0/0"}},
		{"reward/model.json", down, []string{"evaluate/0/metrics.json#before"}},
		{"generate/0/scenes.jsonl#1", up, []string{"people/scenes.yaml#1"}},
		{"generate/1/stats.json", down, []string{"report/0/report.html"}},
		{"report/report.html", up, []string{"generate/1/stats.json", "samples/seeds.yaml", "people/scenes.yaml"}},
		{"line-1/finetune-export/0/trl/qwen2.5/agent_train.jsonl#1", up, []string{"finetune-export/0/rows.jsonl#agent/scene-00000/0/0"}},
	} {
		got := ids(c.what, c.opt)
		for _, want := range c.want {
			if !slices.Contains(got, want) {
				t.Errorf("%s: %s is not among\n%s", c.what, want, strings.Join(got, "\n"))
			}
		}
	}
	// Not everything comes of everything.
	for what, not := range map[string]string{
		"people/reward_data/train_data.jsonl#3":  "finetune-export/0/rows.jsonl#agent/train_data.jsonl:1",
		"scene-00000/0/1":                        "finetune-export/0/rows.jsonl#agent/scene-00000/0/0",
		"samples/benchmark/coding_1.json#20":     "predict/0/judged.jsonl#before/coding_1/2",
		"checkpoint/tuned":                       "evaluate/0/metrics.json#before",
		"samples/traces/published/coding_1.json": "evaluate/0/metrics.json#before",
	} {
		if slices.Contains(ids(what, down), not) {
			t.Errorf("%s leads to %s", what, not)
		}
	}
}
