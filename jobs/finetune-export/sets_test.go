package finetuneexport

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gymline/gymline/internal/dataset"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job/jobtest"
	"github.com/gymline/gymline/internal/leak"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/trace"
)

func TestAnswer(t *testing.T) {
	yes, no := true, false
	task := func(text string, accepted bool, need *bool, votes ...bool) judged {
		return judged{Judged: trace.Judged{Task: &text, Accepted: accepted, HelpNeeded: need, Votes: votes}}
	}
	silence := func(accepted bool, need *bool) judged {
		return judged{Judged: trace.Judged{Accepted: accepted, HelpNeeded: need}}
	}
	for _, c := range []struct {
		name string
		turn []judged
		row  int
		want string // the task
	}{
		{"an accepted task", []judged{task("a", true, nil)}, 0, "a"},
		{"a task beats accepted silence", []judged{silence(true, &no), task("b", true, &no)}, 1, "b"},
		{"the task with the larger share of votes", []judged{task("a", true, &yes, true, true, false), task("b", true, &yes, true, true)}, 1, "b"},
		{"the first of equal tasks", []judged{task("x", false, &yes), task("a", true, &yes, true), task("b", true, &yes, true)}, 1, "a"},
		{"accepted silence", []judged{task("x", false, &no), silence(true, &no)}, 1, ""},
		{"a declined task, need unknown", []judged{task("x", false, nil)}, -1, ""},
		{"a declined task, no need", []judged{task("x", false, &no), task("y", false, &no)}, 0, ""},
		{"a declined task where help was needed", []judged{task("x", false, &yes)}, -1, ""},
		{"a missed need", []judged{silence(false, nil)}, -1, ""},
		{"a missed need beside a declined task", []judged{task("x", false, nil), silence(false, nil)}, -1, ""},
		{"a missed need whose task is known", []judged{silence(false, &yes), task("a", true, &yes)}, 1, "a"},
	} {
		row, tasks := answer(c.turn)
		if row != c.row || strings.Join(tasks, "|") != c.want {
			t.Errorf("%s: row %d, tasks %q; want row %d, task %q", c.name, row, tasks, c.row, c.want)
		}
	}
}

const benchRows = `{"obs":[{"time":"10","event":"The user opens a letter."},{"time":"20","event":"The user looks up a word."}],"pred_task":"Translate the letter","valid":true,"help_needed":true,"annotation":[true,true,true]}
{"obs":[{"time":"10","event":"The user opens a letter."}],"pred_task":null,"valid":true,"help_needed":false,"annotation":[true,true,false]}
{"obs":[{"time":"10","event":"The user opens a letter."},{"time":"20","event":"The user looks up a word."}],"pred_task":null,"valid":false,"help_needed":true,"annotation":[false,false]}
{"obs":[{"time":"10","event":"The user opens a letter."},{"time":"20","event":"The user looks up a word."},{"time":"15","event":"The user closes it."}],"pred_task":"Print it","valid":false,"help_needed":false,"annotation":[false,false,true]}
{"obs":[{"time":"10","event":"The user opens a letter."},{"time":"20","event":"Something else."}],"pred_task":"x","valid":false,"help_needed":false,"annotation":[false]}
{"obs":[{"time":"10"}],"pred_task":"x","valid":false}
`

func runBench(t *testing.T, files fstest.MapFS, p plan.Export) *jobtest.Result {
	t.Helper()
	p.Gym, p.ProactiveBench = false, &plan.File{Input: "bench", Path: "."}
	res, err := jobtest.Run(t, jobtest.Case{Job: plan.JobExport, Func: Run, Params: p, Seed: 1, Files: mapFiles(files)})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// TestProactiveBench shows how shuffled rows become conversations.
func TestProactiveBench(t *testing.T) {
	test := strings.Replace(strings.SplitAfter(benchRows, "\n")[1], `"valid":true`, `"valid":false`, 1)
	res := runBench(t, fstest.MapFS{
		"reward_data/train_data.jsonl": {Data: []byte(benchRows)},
		"reward_data/test_data.jsonl":  {Data: []byte(test)},
	}, params())
	validate(t, res)
	got := ends(t, res)
	for id, end := range map[string]string{
		"agent/train_data.jsonl:1":  "accepted",
		"agent/train_data.jsonl:2":  "accepted",
		"agent/train_data.jsonl:3":  "rejected: " + causeSameTurn,
		"agent/train_data.jsonl:4":  "accepted",
		"agent/train_data.jsonl:5":  "failed: its events are not a beginning of its trace",
		"agent/train_data.jsonl:6":  "failed: field obs[0].event: missing or empty",
		"agent/test_data.jsonl:1":   "rejected: " + causeTestSplit,
		"reward/train_data.jsonl:3": "accepted",
		"reward/train_data.jsonl:6": "failed: field obs[0].event: missing or empty",
		"reward/test_data.jsonl:1":  "rejected: " + causeTestSplit,
	} {
		if got[id] != end {
			t.Errorf("%s: %q, want %q", id, got[id], end)
		}
	}
	if len(got) != 14 {
		t.Errorf("%d rows ended, want 7 in each set", len(got))
	}
	list := decode[promptCompletion](t, res.Output(t, "trl/qwen2.5/agent_train.jsonl"))
	last := list[len(list)-1]
	var text []string
	for _, m := range append(last.Prompt[1:], last.Completion...) {
		text = append(text, m.Role+": "+m.Content)
	}
	want := []string{
		"user: [10] The user opens a letter.", `assistant: {"tasks":[]}`,
		"user: [20] The user looks up a word.", `assistant: {"tasks":["Translate the letter"]}`,
		"user: [15] The user closes it.", `assistant: {"tasks":[]}`,
	}
	if !slices.Equal(text, want) {
		t.Errorf("the last row is %q", text)
	}
	if m := manifest(t, res); m.Simulated || m.Split.Traces[train] != 1 || m.Sources[0].Rows != 7 {
		t.Errorf("%+v", m)
	}
}

// TestBothSources: the gym's rows come first, and only it is simulated.
func TestBothSources(t *testing.T) {
	p := params()
	p.ProactiveBench = &plan.File{Input: "bench", Path: "pb"}
	res, err := jobtest.Run(t, jobtest.Case{
		Job: plan.JobExport, Func: Run, Params: p, Seed: sampleSeed, Upstream: map[string][][]byte{"episodes": {episodes(t)}},
		Files: mapFiles(fstest.MapFS{"pb/reward_data/train_data.jsonl": {Data: []byte(benchRows)}}),
	})
	if err != nil {
		t.Fatal(err)
	}
	validate(t, res)
	m := manifest(t, res)
	want := []dataset.Source{{Name: trace.Gym, Traces: 5, Rows: 18, Simulated: 1}, {Name: trace.ProactiveBench, Traces: 1, Rows: 6}}
	if !slices.Equal(m.Sources, want) || !m.Simulated {
		t.Errorf("sources %+v", m.Sources)
	}
	if alone := ends(t, mustRun(t, params(), episodes(t))); len(ends(t, res)) != len(alone)+12 {
		t.Errorf("%d rows ended, the gym's are %d", len(ends(t, res)), len(alone))
	}
}

// TestVerdictsDoNotLeak: what only a judge's data knows is in no text that a
// model reads: neither votes nor need, whose change alters no prompt.
func TestVerdictsDoNotLeak(t *testing.T) {
	flipped := strings.NewReplacer(`"annotation":[true,true,true]`, `"annotation":[true,false,true]`,
		`"annotation":[false,false,true]`, `"annotation":[false,false,false]`).Replace(benchRows)
	a := runBench(t, fstest.MapFS{"reward_data/train_data.jsonl": {Data: []byte(benchRows)}}, params())
	b := runBench(t, fstest.MapFS{"reward_data/train_data.jsonl": {Data: []byte(flipped)}}, params())
	for _, name := range names(a) {
		if !strings.HasSuffix(name, ".jsonl") {
			continue
		}
		text := string(a.Output(t, name))
		if text != string(b.Output(t, name)) {
			t.Errorf("%s depends on the single votes", name)
		}
		for _, word := range []string{"votes", "helpNeeded", "help_needed", "annotation", "0.83"} {
			if strings.Contains(text, word) {
				t.Errorf("%s holds %q", name, word)
			}
		}
	}
	// Each reward prompt is the same whatever the label.
	relabelled := strings.NewReplacer(`"valid":true`, `"valid":false`, `"valid":false`, `"valid":true`).Replace(benchRows)
	c := runBench(t, fstest.MapFS{"reward_data/train_data.jsonl": {Data: []byte(relabelled)}}, params())
	before := decode[promptCompletion](t, a.Output(t, "trl/qwen2.5/reward_train.jsonl"))
	after := decode[promptCompletion](t, c.Output(t, "trl/qwen2.5/reward_train.jsonl"))
	for i := range before {
		if !slices.Equal(before[i].Prompt, after[i].Prompt) {
			t.Errorf("row %d: the prompt depends on the label", i+1)
		}
		if before[i].Completion[0].Content == after[i].Completion[0].Content {
			t.Errorf("row %d: the answer does not depend on the label", i+1)
		}
	}
}

// TestReasons: a row whose reason is known asks for one and teaches it. Without
// one, neither system text nor answer speaks of reasons.
func TestReasons(t *testing.T) {
	line := `{"id":"s/0","turns":[
		{"event":{"time":"1","event":"e"},"proposals":["a","b","c"],"judgement":{"accepted":true,"task":1,"reason":"b it is"}},
		{"event":{"time":"2","event":"f"},"proposals":["a","b"],"judgement":{"accepted":false,"reason":"neither"}},
		{"event":{"time":"3","event":"g"},"proposals":[],"judgement":{"accepted":true}}]}`
	p := params()
	p.Validation = 0
	res := mustRun(t, p, []byte(strings.ReplaceAll(line, "\n", "")))
	validate(t, res)
	var got []string
	for _, row := range decode[promptCompletion](t, res.Output(t, "trl/qwen2.5/reward_train.jsonl")) {
		answer := row.Completion[0].Content
		if asks := strings.Contains(row.Prompt[0].Content, "reason"); asks != strings.Contains(answer, "reason") {
			t.Errorf("%s answers %q", row.Prompt[0].Content, answer)
		}
		got = append(got, answer)
	}
	want := []string{
		`{"accepted":false}`, `{"accepted":true,"reason":"b it is"}`, // why b was accepted is no reason against a; c was not judged
		`{"accepted":false,"reason":"neither"}`, `{"accepted":false,"reason":"neither"}`, `{"accepted":true}`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	agent, reward := manifest(t, res).Sets[0], manifest(t, res).Sets[1]
	if s := reward.Systems; len(s) != 2 || s[0] != system(prompt.VerdictSystem(""), 2) || s[1] != system(prompt.JudgeSystem(""), 3) {
		t.Errorf("system texts of the judge: %+v", s)
	}
	if s := agent.Systems; len(s) != 1 || s[0] != system(prompt.AgentSystem("", 1), 2) {
		t.Errorf("system texts of the agent: %+v", s)
	}
}

func system(text string, rows int) dataset.System {
	return dataset.System{Digest: store.DigestOf([]byte(text)), Rows: rows}
}

func TestRefusals(t *testing.T) {
	good := string(episodes(t))
	with := func(change func(*plan.Export)) plan.Export {
		p := params()
		change(&p)
		return p
	}
	for _, c := range []struct {
		name   string
		p      plan.Export
		input  string
		code   int
		reason string
	}{
		{"a row cut in half", params(), good[:len(good)-40], fault.Permanent, "episodes.jsonl:6: not a JSON row"},
		{"a trace twice", params(), good + good, fault.Permanent, "trace scene-00000/0 of gym occurs twice"},
		{"a verdict on no task", params(), `{"id":"s/0","turns":[{"event":{"time":"1","event":"e"},"proposals":["a"],"judgement":{"accepted":true,"task":-1}}]}`,
			fault.Permanent, "the set agent has no training row (1 × the judgement names a candidate that was not proposed)"},
		{"no id", params(), `{}`, fault.Permanent, "episodes.jsonl:1: the episode has no id"},
		{"nothing to train on", params(), "", fault.Permanent, "the set agent has no training row (no judged row came in)"},
		{"only missed needs", params(), `{"id":"s/0","turns":[{"event":{"time":"1","event":"e"},"proposals":[],"judgement":{"accepted":false}}]}`,
			fault.Permanent, "the set agent has no training row (1 × no accepted answer is known)"},
		{"set", with(func(p *plan.Export) { p.Sets = []string{"dpo"} }), good, fault.Config, `set "dpo": want agent or reward`},
		{"no set", with(func(p *plan.Export) { p.Sets = nil }), good, fault.Config, "no set is asked for"},
		{"trainer", with(func(p *plan.Export) { p.Trainers = []string{"axolotl"} }), good, fault.Config, `trainer "axolotl" is not known`},
		{"family", with(func(p *plan.Export) { p.Families = []string{"gemma"} }), good, fault.Config, `family "gemma" is not known`},
		{"no family", with(func(p *plan.Export) { p.Families = nil }), good, fault.Config, "no trainer or no family is asked for"},
		{"share", with(func(p *plan.Export) { p.Validation = 1 }), good, fault.Config, "validation 1: want a share of at least 0 and below 1"},
		{"candidates", with(func(p *plan.Export) { p.Candidates = 0 }), good, fault.Config, "candidates 0, maxHistory 0"},
	} {
		res, err := run(t, c.p, []byte(c.input))
		if err == nil || !strings.Contains(err.Error(), c.reason) || fault.Code(err) != c.code || fault.Hint(err) == "" {
			t.Errorf("%s: error %v with code %d and hint %q; want %q with code %d", c.name, err, fault.Code(err), fault.Hint(err), c.reason, c.code)
		}
		if len(res.Records) > 0 {
			t.Errorf("%s: a record was committed", c.name)
		}
	}
}

// TestForecast: a row that a trainer would cut is foreseen.
func TestForecast(t *testing.T) {
	long := strings.Repeat("word ", 5*cutoff/4)
	line := `{"id":"s/0","turns":[{"event":{"time":"1","event":"short"},"proposals":[],"judgement":{"accepted":true}},
		{"event":{"time":"2","event":"` + long + `"},"proposals":[],"judgement":{"accepted":true}}]}`
	m := manifest(t, mustRun(t, params(), []byte(strings.ReplaceAll(line, "\n", ""))))
	for _, s := range m.Sets {
		if s.Tokens.Over[train] != 1 || s.Tokens.Longest <= cutoff || s.Tokens.Cutoff != cutoff {
			t.Errorf("%s: %+v", s.Name, s.Tokens)
		}
	}
}

// TestPublishedProactiveBench exports the real reward data, where it is present,
// beside an evaluation on the real benchmark.
func TestPublishedProactiveBench(t *testing.T) {
	dir := os.Getenv("GYMLINE_PROACTIVEBENCH")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data", "proactivebench")
	}
	files := fstest.MapFS{}
	benchmark, _ := filepath.Glob(filepath.Join(dir, "test_data", "*.json"))
	for _, path := range append(benchmark, filepath.Join(dir, "reward_data", "train_data.jsonl"), filepath.Join(dir, "reward_data", "test_data.jsonl")) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Skipf("no ProactiveBench data: %v", err)
		}
		name, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(name)] = &fstest.MapFile{Data: data}
	}
	p := params()
	p.Validation, p.Families = 0.1, []string{"llama3.1"}
	p.Benchmark, p.Leakage = &plan.File{Input: "bench", Path: "test_data"}, leak.Similarity
	res := runBench(t, files, p)
	validate(t, res)
	m := manifest(t, res)
	if s := m.Sources[0]; s.Traces != 16 || s.Rows != 1749 {
		t.Errorf("%+v", s)
	}
	// Of its 16 traces the benchmark has 12, from the first event on.
	if b := m.Benchmark; b.Events != 233 || b.Traces != 12 || b.Rejected["agent"] != 1230 || b.Kept["reward"] != 1230 {
		t.Errorf("%+v", b)
	}
	agent, reward := m.Sets[0], m.Sets[1]
	if a := agent.Rows; a.Planned != 1749 || a.Failed != 0 || a.Causes[causeTestSplit] != 120 || a.Causes[causeBenchmark] != 1230 ||
		a.Yields+a.Causes[causeSameTurn]+a.Causes[causeNoAnswer]+a.Causes[causeDuplicate] != 399 {
		t.Errorf("agent: %+v", a)
	}
	if r := reward.Rows; r.Planned != 1749 || r.Accepted != 1629 || r.Rejected != 120 {
		t.Errorf("reward: %+v", r)
	}
	if s := reward.Systems; len(s) != 1 || s[0] != system(prompt.VerdictSystem(""), 1629) {
		t.Errorf("no row has a reason, and the system texts are %+v", s)
	}
	for _, c := range []struct {
		set   dataset.Set
		class string
		want  int
	}{
		{agent, "task", 68}, {agent, "silence", 12},
		{reward, "task-accepted", 474}, {reward, "task-rejected", 913}, {reward, "silence-accepted", 149}, {reward, "silence-rejected", 93},
	} {
		if n := c.set.Classes[c.class]; n[train]+n[validation] != c.want {
			t.Errorf("%s, %s: %v, want %d in all", c.set.Name, c.class, n, c.want)
		}
	}
	for _, s := range m.Sets {
		if s.Tokens.Longest < 800 || len(s.Tokens.Over) > 0 {
			t.Errorf("%s: %+v", s.Name, s.Tokens)
		}
	}

	// Without an evaluation, every trace may train a candidate.
	p.Benchmark = nil
	if all := manifest(t, runBench(t, files, p)).Sets[0]; written(all, train)+written(all, validation) != 312 {
		t.Errorf("agent rows without a benchmark: %+v", all.Classes)
	}
}

func mapFiles(files fstest.MapFS) map[string]fs.FS { return map[string]fs.FS{"bench": files} }
