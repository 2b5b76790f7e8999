package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/audit/withdraw"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// holding lists a run's artifacts that hold a text, and the rows of one set of training
// files that do, by looking at all bytes.
func (l lab) holding(id store.RunID, said string) (artifacts, rows []string) {
	l.t.Helper()
	st := l.store()
	r, err := run.Read(l.t.Context(), st, id)
	if err != nil {
		l.t.Fatal(err)
	}
	for _, s := range r.Steps {
		for shard := range s.Shards {
			for _, a := range s.Shards[shard].Record.Outputs {
				data, err := st.ReadBlob(l.t.Context(), a.Digest)
				if err != nil {
					l.t.Fatal(err)
				}
				if !bytes.Contains(data, []byte(said)) {
					continue
				}
				artifacts = append(artifacts, string(id)+"/"+string(s.Name)+"/"+string(rune('0'+shard))+"/"+a.Name)
				for n, line := range bytes.Split(data, []byte("\n")) {
					if strings.HasPrefix(a.Name, "trl/") && strings.HasSuffix(a.Name, ".jsonl") && bytes.Contains(line, []byte(said)) {
						rows = append(rows, string(id)+" "+a.Name+":"+strings.Repeat("i", n+1))
					}
				}
			}
		}
	}
	return artifacts, rows
}

// Two runs hold what a person said. All that came of it is found, as a search of all bytes
// finds it; then nothing of it is reused, and no run opens that has it.
func TestWithdrawnLine(t *testing.T) {
	t.Parallel()
	l := newLineageLab(t)
	l.output("run", "line.yaml", "--set", "seed=8")
	const source, said = "people/reward_data/train_data.jsonl#9", "Help 2 with 0"

	var listed, listedRows []string
	out := l.output("withdraw", source, "--dry-run", "-o", "jsonl")
	for _, item := range decodedLines[withdraw.Item](t, out) {
		if item.Kind == "artifact" {
			listed = append(listed, item.ID)
		}
		for _, f := range item.Files {
			if strings.HasPrefix(f, "trl/") {
				listedRows = append(listedRows, string(item.Run)+" "+f+":"+strings.Repeat("i", item.Line))
			}
		}
	}
	if list, err := l.store().Withdrawals(t.Context()); err != nil || len(list) > 0 {
		t.Fatalf("a dry run withdrew: %v, %v", list, err)
	}
	for _, id := range []store.RunID{"line-1", "line-2"} {
		artifacts, rows := l.holding(id, said)
		if len(artifacts) == 0 || len(rows) < 3 {
			t.Fatalf("%s: %q, %q", id, artifacts, rows)
		}
		for _, a := range artifacts {
			if !slices.Contains(listed, a) {
				t.Errorf("%s holds it, and is not listed", a)
			}
		}
		for _, row := range rows {
			if !slices.Contains(listedRows, row) {
				t.Errorf("%s holds it, and is not listed", row)
			}
		}
		listedRows = slices.DeleteFunc(listedRows, func(row string) bool { return slices.Contains(rows, row) })
	}
	if len(listedRows) > 0 {
		t.Errorf("listed and without it: %q", listedRows)
	}

	if said := l.fails(64, "withdraw", source); !strings.Contains(said, "--reason") {
		t.Error(said)
	}
	var statement withdraw.Statement
	l.output("keygen", "team")
	l.output("keygen", "other")
	text := l.output("withdraw", "line-2", "agent/train_data.jsonl:9", "--by", "ann", "--reason", "asked to be left out", "-o", "json", "--key", "team")
	if err := json.Unmarshal([]byte(text), &statement); err != nil || len(statement.Subject) != len(listed) || statement.Predicate.Number != 1 || statement.Predicate.After != "not reused" {
		t.Fatalf("%s: %v", text, err)
	}
	blob, err := l.store().ReadBlob(t.Context(), statement.Predicate.Affected)
	if err != nil || string(blob) != out {
		t.Errorf("the list that is kept is another one: %v", err)
	}
	if shown := l.output("show", "line-1"); !strings.Contains(shown, "withdrawn "+source+" (withdrawal 1, ") || !strings.Contains(l.output("list"), "WITHDRAWN") {
		t.Error(shown)
	}

	// What was signed is held against the record and the list, by whoever has the key.
	l.output("sign", "line-1", "--key", "team")
	if told := l.output("verify", "line-1", "--key", "team.pub"); !strings.Contains(told, source+", which the run read, was withdrawn (withdrawal 1), signed by ") {
		t.Error(told)
	}
	if told := l.output("verify", "line-1"); !strings.Contains(told, "(withdrawal 1), by key ") {
		t.Error(told)
	}
	record := filepath.Join(l.dir, ".gymline", "objects", "withdrawn", "1.json")
	was, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	for _, now := range []string{
		strings.Replace(string(was), "asked to be left out", "a mistake", 1),
		strings.Replace(string(was), string(statement.Predicate.Affected), string(store.DigestOf(nil)), 1),
	} {
		if err := os.WriteFile(record, []byte(now), 0o600); err != nil || now == string(was) {
			t.Fatal(err)
		}
		cmd := l.command("verify", "line-1", "--key", "team.pub")
		if told, _ := cmd.Output(); cmd.ProcessState.ExitCode() != 65 || !strings.Contains(string(told), "\n  withdrawn/1.json\n") {
			t.Errorf("%s", told)
		}
	}
	if err := os.WriteFile(record, was, 0o600); err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(l.dir, "line.html")
	l.output("report", "line-1", "--file", page)
	if html, err := os.ReadFile(page); err != nil || !strings.Contains(string(html), "<dt>Withdrawn</dt><dd>"+source+" (withdrawal 1: asked to be left out)</dd>") {
		t.Errorf("the page does not say what was withdrawn: %v", err)
	}

	// Work that read it is known, and is not taken.
	rec, err := l.store().ReadStep(t.Context(), "line-1", "reward", 0)
	if err != nil {
		t.Fatal(err)
	}
	if memos, err := job.FindMemos(t.Context(), l.store(), rec.WorkKey); err != nil || memos[rec.WorkKey] != nil {
		t.Errorf("%v, %v", memos, err)
	}
	// A run with it is refused, in whatever line of the file it stands.
	want := "input people: reward_data/train_data.jsonl:9 was withdrawn by ann (withdrawal 1: asked to be left out)"
	if told := l.fails(78, "run", "line.yaml"); !strings.Contains(told, want) {
		t.Error(told)
	}
	file := filepath.Join(l.dir, "people", "reward_data", "train_data.jsonl")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(data), "\n")
	write := func(lines []string) {
		if err := os.WriteFile(file, []byte(strings.Join(lines, "")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(lines[1:])
	if told := l.fails(78, "run", "line.yaml"); !strings.Contains(told, "train_data.jsonl:8 was withdrawn") {
		t.Error(told)
	}
	// One without it runs, and nothing of it is there.
	write(slices.Delete(lines, 8, 9))
	l.output("run", "line.yaml")
	if artifacts, _ := l.holding("line-3", said); len(artifacts) > 0 {
		t.Errorf("%q hold it", artifacts)
	}
	if shown := l.output("show", "line-3"); strings.Contains(shown, "withdrawn") {
		t.Error(shown)
	}
}

// A trace of the benchmark is a file: what it is in, all versions of it, is refused.
func TestWithdrawnFile(t *testing.T) {
	t.Parallel()
	l := newLineageLab(t)
	const said = "opens the project 'ledger-api'"
	text := l.output("withdraw", "samples/benchmark/coding_1.json", "--reason", "no consent")
	for _, want := range []string{"36 answers", "3 scores", "withdrawn: number 1, by "} {
		if !strings.Contains(text, want) {
			t.Errorf("%s\nlacks %s", text, want)
		}
	}
	list, err := l.store().Withdrawals(t.Context())
	if err != nil || len(list) != 1 || !slices.Equal(list[0].Runs, []store.RunID{"line-1"}) {
		t.Fatalf("%+v, %v", list, err)
	}
	affected, err := l.store().ReadBlob(t.Context(), list[0].Affected)
	if err != nil {
		t.Fatal(err)
	}
	artifacts, _ := l.holding("line-1", said)
	for _, a := range artifacts {
		if !bytes.Contains(affected, []byte(`"id":"`+a+`"`)) {
			t.Errorf("%s holds it, and is not listed", a)
		}
	}
	if told := l.fails(78, "run", "line.yaml"); !strings.Contains(told, "input samples: benchmark/coding_1.json was withdrawn") {
		t.Error(told)
	}
	for _, f := range []string{"benchmark", "traces/published"} {
		if err := os.Remove(filepath.Join(l.dir, "samples", f, "coding_1.json")); err != nil {
			t.Fatal(err)
		}
	}
	l.output("run", "line.yaml")
	if artifacts, _ := l.holding("line-2", said); len(artifacts) > 0 {
		t.Errorf("%q hold it", artifacts)
	}
	for _, c := range [][2]string{
		{"nothing/there", `no run of this store has read "nothing/there"`},
		{"people/reward_data/train_data.jsonl#99", "has no line 99"},
		{"people/reward_data/train_data.jsonl#x", "a line is a number"},
	} {
		if told := l.fails(64, "withdraw", c[0], "--reason", "x"); !strings.Contains(told, c[1]) {
			t.Error(told)
		}
	}
	if told := l.fails(64, "withdraw", "line-1", "agent/scene-00000/0/0", "--reason", "x"); !strings.Contains(told, "was written by models") {
		t.Error(told)
	}
}
