package inspect

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/fault"
)

const config = `apiVersion: gymline/v1alpha1
kind: Experiment
metadata: {name: x}
spec:
  inputs: {data: {path: data}}
  models: {m: {provider: sim}}
  generate:
    scenes: {file: {input: data, path: scenes.yaml}, limit: 1, seeds: {input: data, path: seeds.yaml}, count: 2, model: m}
    models: {user: m, environment: m, agent: m}
  reward: {data: {gym: true, proactivebench: {input: data, path: pb}}}
  export: {data: {gym: true, proactivebench: {input: data, path: pb}}}
  evaluate:
    benchmark: {input: data, path: bench}
    candidates:
      - {name: a, model: m}
      - {name: b, recorded: {input: data, path: answers}}
      - {name: c, recorded: {input: data, path: answers}}
    judge: {model: m}
`

const scene = `- {environment: {description: a, entities: [x], agent_ops: ["open(a)"]}, user: {description: x, goal: y}}`

func good() map[string]string {
	return map[string]string{
		"scenes.yaml":                     scene,
		"seeds.yaml":                      `coding: {tasks: [a], sample_events: [b]}`,
		"bench/code_1.json":               `[{"observation": {"time": "1", "event": "a"}}, {"observation": {"time": "2", "event": "b"}}]`,
		"bench/.hidden.json":              `{`,
		"answers/code_1.json":             `[{"observation": {"time": "1", "event": "a"}, "agent_response": []}]`,
		"pb/reward_data/train_data.jsonl": `{"obs": [{"time": "1", "event": "a"}], "pred_task": null, "valid": true}` + "\n{}\n",
	}
}

func loaded(t *testing.T, config string) *experiment.Experiment {
	t.Helper()
	e, err := experiment.Load("x.yaml", []byte(config), experiment.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func inspected(t *testing.T, ctx context.Context, config string, files map[string]string) error {
	t.Helper()
	return Inputs(ctx, loaded(t, config), func(folder string) fs.FS {
		if folder != "data" {
			t.Errorf("folder %q", folder)
		}
		fsys := fstest.MapFS{}
		for name, text := range files {
			fsys[name] = &fstest.MapFile{Data: []byte(text)}
		}
		return fsys
	})
}

func TestGood(t *testing.T) {
	if err := inspected(t, t.Context(), config, good()); err != nil {
		t.Error(err)
	}
}

// Every kind of file is read, each once, and what is wrong is found in all of them.
func TestEveryProblemAtOnce(t *testing.T) {
	files := good()
	files["scenes.yaml"] = "- {place: x}\n" + scene + "\n" + strings.Replace(scene, "goal", "gaol", 1) + "\n" + strings.Replace(scene, "goal: y", "goal: ' '", 1)
	files["seeds.yaml"] = "coding: {tasks: [a]}\nwriting: {tasks: 3}\n"
	files["bench/code_1.json"] = "[{\"observation\": {\"time\": \"1\", \"event\": \"a\"}},\n{\"observation\": {}},\n{}]"
	files["bench/code_2.json"] = "{}"
	files["pb/reward_data/train_data.jsonl"] = "{\n{}\n[]\n"
	err := inspected(t, t.Context(), config, files)
	want := []string{
		`data/scenes.yaml:1:4: unknown field "place"; want {domain, environment: `,
		`data/scenes.yaml:3:`, `data/scenes.yaml:4:3: the user has no goal`,
		`data/seeds.yaml:1:1: the domain "coding" has no sample_events`, `data/seeds.yaml:2:`,
		`reward data data/pb/reward_data/train_data.jsonl:1: not a whole JSON row`, `reward data data/pb/reward_data/train_data.jsonl:3: not a whole JSON row: want an object, found a list`,
		`benchmark: data/bench/code_1.json:2: entry 1: observation`, `benchmark: data/bench/code_1.json:3: entry 2: observation: missing`,
		`benchmark: data/bench/code_2.json:1: want a JSON list of {"observation": `,
	}
	lines := strings.Split(fmt.Sprint(err), "\n")
	if len(lines) != len(want) || fault.Code(err) != fault.Permanent || fault.Hint(err) == "" {
		t.Fatalf("%d lines, code %d\n%v", len(lines), fault.Code(err), err)
	}
	for i, line := range lines {
		if !strings.HasPrefix(line, want[i]) {
			t.Errorf("line %d is %s\nwant %s", i, line, want[i])
		}
	}
}

func TestOneProblem(t *testing.T) {
	for name, c := range map[string]struct {
		change map[string]string // "" takes a file away
		want   string
	}{
		"no scenes":           {map[string]string{"scenes.yaml": ""}, "data/scenes.yaml: file does not exist"},
		"fewer scenes":        {map[string]string{"scenes.yaml": "[]"}, "data/scenes.yaml:1:1: it holds no scene"},
		"no benchmark":        {map[string]string{"bench/code_1.json": ""}, "benchmark: data/bench holds no trace (*.json)"},
		"no answers":          {map[string]string{"answers/code_1.json": ""}, `recorded answers: no file data/answers/code_1.json for the trace "code_1"`},
		"answers to others":   {map[string]string{"answers/code_1.json": `[{"observation": {"time": "7", "event": "a"}}]`}, "recorded answers: data/answers/code_1.json:1: entry 0: the benchmark trace has no event at 7"},
		"no reward data":      {map[string]string{"pb/reward_data/train_data.jsonl": ""}, `no reward_data/train_data.jsonl or test_data.jsonl below "data/pb"`},
		"no row of any use":   {map[string]string{"pb/reward_data/train_data.jsonl": "{}\n{}\n"}, "reward data in data/pb: no row can be used, the first because of train_data.jsonl:1: field obs: missing"},
		"a copy of a row":     {map[string]string{"pb/reward_data/train_data.jsonl": strings.Repeat(strings.Split(good()["pb/reward_data/train_data.jsonl"], "\n")[0]+"\n", 2)}, "reward data data/pb/reward_data/train_data.jsonl:2: the row is a copy of train_data.jsonl:1"},
		"a compressed trace":  {map[string]string{"bench/code_2.json.gz": "x"}, "benchmark: data/bench/code_2.json.gz is a compressed file"},
		"a name in two cases": {map[string]string{"bench/code_1.JSON": "[]"}, "benchmark: data/bench/code_1.JSON and data/bench/code_1.json are files of one trace"},
	} {
		t.Run(name, func(t *testing.T) {
			files := good()
			for p, text := range c.change {
				files[p] = text
				if text == "" {
					delete(files, p)
				}
			}
			err := inspected(t, t.Context(), config, files)
			if err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}

// Labels of need are to be of the benchmark's own events.
func TestNeed(t *testing.T) {
	text := strings.Replace(config, "    judge: {model: m}", "    judge: {model: m}\n    need: {input: data, path: people}", 1)
	const row = `{"obs": [{"time": "1", "event": "%s"}], "pred_task": null, "valid": true%s}`
	for rows, want := range map[string]string{
		fmt.Sprintf(row, "a", `, "help_needed": false`): "",
		fmt.Sprintf(row, "b", `, "help_needed": false`): "reward data in data/people says of no event of the benchmark whether help was wanted (help_needed)",
		fmt.Sprintf(row, "a", ""):                       "reward data in data/people says of no event of the benchmark",
		"{}":                                            "reward data in data/people: no row can be used",
		"":                                              `no reward_data/train_data.jsonl or test_data.jsonl below "data/people"`,
	} {
		files := good()
		if rows != "" {
			files["people/reward_data/train_data.jsonl"] = rows + "\n"
		}
		err := inspected(t, t.Context(), text, files)
		if err == nil && want != "" || err != nil && (want == "" || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%q: got %v\nwant %s", rows, err, want)
		}
	}
}

// More scenes than there are are asked for before a model is.
func TestLimit(t *testing.T) {
	err := inspected(t, t.Context(), strings.Replace(config, "limit: 1", "limit: 2", 1), good())
	if err == nil || err.Error() != "2 scenes are wanted, and data/scenes.yaml has only 1" {
		t.Error(err)
	}
}

// What is wrong everywhere does not fill the screen.
func TestManyProblems(t *testing.T) {
	files := good()
	files["bench/code_1.json"] = "[" + strings.Repeat("{},\n", 999) + "{}]"
	lines := strings.Split(fmt.Sprint(inspected(t, t.Context(), config, files)), "\n")
	if len(lines) != 21 || lines[20] != "… and 980 more" {
		t.Errorf("%d lines, last %q", len(lines), lines[len(lines)-1])
	}
}

// An input that a run is told of later is not opened.
func TestWithoutPath(t *testing.T) {
	text := strings.Replace(config, "{data: {path: data}}", "{data: {}}", 1)
	if err := inspected(t, t.Context(), text, nil); err != nil {
		t.Error(err)
	}
	if got := Unread(loaded(t, text)); !slices.Equal(got, []string{"data"}) {
		t.Error(got)
	}
	if got := Unread(loaded(t, config)); got != nil {
		t.Error(got)
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := inspected(t, ctx, config, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// The recorded judge needs a verdict on the same events of all.
func TestRecordedVerdicts(t *testing.T) {
	text := strings.NewReplacer("      - {name: a, model: m}\n", "", "      - {name: c, recorded: {input: data, path: answers}}\n", "      - {name: c, recorded: {input: data, path: other}}\n",
		"judge: {model: m}", "judge: {recorded: true}").Replace(config)
	const answer, verdict = `[{"observation": {"time": "1", "event": "a"}, "agent_response": []`, `, "judgement": [true]`
	files := good()
	for _, c := range []struct{ answers, other, want string }{
		{answer + verdict + "}]", answer + verdict + "}]", ""},
		{answer + "}]", answer + "}]", "recorded answers: data/answers has no verdict (judgement) on any event\nrecorded answers: data/other has no verdict"},
		{answer + verdict + "}]", answer + verdict + `}, {"observation": {"time": "2", "event": "b"}, "agent_response": []` + verdict + "}]",
			"recorded answers: data/other has a verdict on the event code_1/1, and data/answers has none"},
	} {
		files["answers/code_1.json"], files["other/code_1.json"] = c.answers, c.other
		err := inspected(t, t.Context(), text, files)
		if err == nil && c.want != "" || err != nil && (c.want == "" || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("got %v\nwant %s", err, c.want)
		}
	}
}

// A link is refused here, because an intake refuses it.
func TestLinks(t *testing.T) {
	dir := t.TempDir()
	for name, text := range good() {
		if err := os.MkdirAll(filepath.Join(dir, "data", filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "data", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open := func(folder string) fs.FS { return os.DirFS(filepath.Join(dir, folder)) }
	if err := Inputs(t.Context(), loaded(t, config), open); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"bench", "seeds.yaml", "pb/reward_data/train_data.jsonl"} {
		at := filepath.Join(dir, "data", name)
		if err := os.Rename(at, at+".there"); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(at+".there", at); err != nil {
			t.Fatal(err)
		}
		if err := Inputs(t.Context(), loaded(t, config), open); err == nil || !strings.Contains(err.Error(), "data/"+name+" is not a regular file") {
			t.Errorf("%s: %v", name, err)
		}
		if err := errors.Join(os.Remove(at), os.Rename(at+".there", at)); err != nil {
			t.Fatal(err)
		}
	}
}
