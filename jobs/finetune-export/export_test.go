package finetuneexport

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/dataset"
	"github.com/gymline/gymline/internal/golden"
	"github.com/gymline/gymline/internal/job/jobtest"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/rows"
)

// sampleSeed draws scene-00001 of the sample for validation.
const sampleSeed = 1

func params() plan.Export {
	return plan.Export{
		Name: "sample", Gym: true, Families: []string{"llama3.1", "qwen2.5"}, Trainers: []string{"llama-factory", "trl"},
		Sets: []string{"agent", "reward"}, Validation: 0.3, Candidates: 1,
	}
}

func run(t *testing.T, p plan.Export, shards ...[]byte) (*jobtest.Result, error) {
	t.Helper()
	return jobtest.Run(t, jobtest.Case{
		Job: plan.JobExport, Func: Run, Params: p, Seed: sampleSeed, Upstream: map[string][][]byte{"episodes": shards},
	})
}

func mustRun(t *testing.T, p plan.Export, shards ...[]byte) *jobtest.Result {
	t.Helper()
	res, err := run(t, p, shards...)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func episodes(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/episodes.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func names(res *jobtest.Result) []string {
	var list []string
	for _, a := range res.Records[0].Outputs {
		list = append(list, a.Name)
	}
	return list
}

func manifest(t *testing.T, res *jobtest.Result) *dataset.Manifest {
	t.Helper()
	m := &dataset.Manifest{}
	if err := json.Unmarshal(res.Output(t, plan.ManifestOutput), m); err != nil {
		t.Fatal(err)
	}
	return m
}

func decode[T any](t *testing.T, data []byte) []T {
	t.Helper()
	var list []T
	for line := range bytes.Lines(data) {
		var v T
		dec := json.NewDecoder(bytes.NewReader(line))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&v); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		list = append(list, v)
	}
	return list
}

// ends maps a row's ID to its state and cause.
func ends(t *testing.T, res *jobtest.Result) map[string]string {
	t.Helper()
	m := map[string]string{}
	for _, r := range decode[rows.Row](t, res.Output(t, plan.RowsOutput)) {
		if _, ok := m[r.ID]; ok {
			t.Errorf("row %s ends twice", r.ID)
		}
		m[r.ID] = strings.TrimSuffix(string(r.State)+": "+r.Cause, ": ")
	}
	return m
}

// TestGolden holds every file of every target against testdata/golden.
func TestGolden(t *testing.T) {
	res := mustRun(t, params(), episodes(t))
	var seen []string
	for _, name := range names(res) {
		path := filepath.Join("testdata", "golden", filepath.FromSlash(name))
		seen = append(seen, path)
		golden.Check(t, path, res.Output(t, name))
	}
	err := filepath.WalkDir(filepath.Join("testdata", "golden"), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !slices.Contains(seen, path) {
			t.Errorf("%s is written no more", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestRowEnds states the end of every row of the sample.
func TestRowEnds(t *testing.T) {
	got := ends(t, mustRun(t, params(), episodes(t)))
	want := map[string]string{
		"agent/scene-00000/0/0":   "accepted", // silence accepted
		"agent/scene-00000/0/1":   "accepted", // a task rejected where no help was needed: better silence
		"agent/scene-00000/0/2":   "rejected: the turn was not judged",
		"agent/scene-00000/0/3.0": "rejected: its turn is exported from another row",
		"agent/scene-00000/0/3.1": "accepted", // the second candidate was accepted
		"agent/scene-00000/1/0":   "rejected: duplicate of an earlier row",
		"agent/scene-00000/1/1":   "rejected: no accepted answer is known", // silence rejected
		"agent/scene-00001/0/0":   "accepted",
		"agent/scene-00001/0/1":   "accepted",
		"agent/scene-00002/0/0":   "rejected: its text holds a control token of a chat template",
		"agent/scene-00003/0/0":   "rejected: no accepted answer is known", // a task rejected where help was needed
		"agent/scene-00003/0/1":   "rejected: the turn was not judged",
		"agent/scene-00003/0/2.0": "rejected: no accepted answer is known", // tasks rejected, need unknown
		"agent/scene-00003/0/2.1": "rejected: no accepted answer is known",
		"agent/scene-00003/0/3.0": "accepted", // tasks rejected where no help was needed
		"agent/scene-00003/0/3.1": "rejected: its turn is exported from another row",
		"agent/scene-00004/0/0":   "rejected: the turn was not judged",
		"agent/scene-00004/0/1":   "rejected: the judgement names a candidate that was not proposed",
	}
	rejudged := map[string]string{}
	for id, end := range want {
		id, _ := strings.CutPrefix(id, "agent/")
		switch {
		case strings.HasSuffix(end, causeNoAnswer), strings.HasSuffix(end, causeSameTurn):
			end = "accepted" // every verdict trains a judge
		}
		rejudged["reward/"+id] = end
	}
	maps.Copy(want, rejudged)
	for id, end := range want {
		if got[id] != end {
			t.Errorf("%s: %q, want %q", id, got[id], end)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d rows ended, want %d", len(got), len(want))
	}
}

// TestHistoryIsBounded also shows that both sets drop the same events and that
// the newest event stays.
func TestHistoryIsBounded(t *testing.T) {
	p := params()
	p.MaxHistory, p.Trainers, p.Validation = 2, []string{"trl"}, 0
	res := mustRun(t, p, episodes(t))
	got := ends(t, res)
	for _, set := range []string{"agent", "reward"} {
		if end := got[set+"/scene-00000/0/3.1"]; end != "truncated: history cut to its last 2 events" {
			t.Errorf("%s: the row of turn 3 is %q", set, end)
		}
		if end := got[set+"/scene-00000/0/1"]; end != "accepted" {
			t.Errorf("%s: the row of turn 1 is %q, but it has 2 events", set, end)
		}
	}
	for _, row := range decode[promptCompletion](t, res.Output(t, "trl/qwen2.5/agent_train.jsonl")) {
		if n := len(row.Prompt); n > 4 { // system, event, answer, event
			t.Errorf("a prompt has %d messages", n)
		}
	}
	third := decode[promptCompletion](t, res.Output(t, "trl/qwen2.5/agent_train.jsonl"))[2]
	if first, last := third.Prompt[1].Content, third.Prompt[3].Content; !strings.Contains(first, "opens the ticket page") || !strings.Contains(last, "goes back") {
		t.Errorf("kept from %q to %q", first, last)
	}
	for _, s := range manifest(t, res).Sets {
		// In scene-00003, turn 3 gives a row to the agent and two to the judge, and turn 2 two to the judge.
		want := map[string]int{"agent": 2, "reward": 6}[s.Name]
		if s.Rows.Truncated != want || s.Rows.Causes["history cut to its last 2 events"] != want {
			t.Errorf("%s: %+v", s.Name, s.Rows)
		}
	}
}
