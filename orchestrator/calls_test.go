package main

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/calls"
	"github.com/gymline/gymline/internal/flat"
	"github.com/gymline/gymline/internal/rows"
)

func decodedLines[T any](t *testing.T, lines string) (list []T) {
	t.Helper()
	for in := bufio.NewReader(strings.NewReader(lines)); ; {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return list
		}
		var v T
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		list = append(list, v)
	}
}

// Every row leads to the prompts that were sent for it and the answers that came, with
// neither key nor server, and what was redacted or is secret is not among them.
func TestCallsOfARow(t *testing.T) {
	t.Parallel()
	s, l := newModelServer(t), newLab(t)
	config := s.paid(t, l.dir)
	samples := filepath.Join(l.dir, "samples")
	if err := os.CopyFS(samples, os.DirFS(filepath.Join(repo(t), "configs", "samples"))); err != nil {
		t.Fatal(err)
	}
	trace := `[{"observation": {"time": "1717378000", "event": "The user writes to jane@example.com from /home/jane/mail."}}]`
	if err := os.WriteFile(filepath.Join(samples, "benchmark", "mail_1.json"), []byte(trace), 0o600); err != nil {
		t.Fatal(err)
	}
	l.output("run", config, "--input", "samples="+samples)
	s.http.Close()
	l.env = []string{"PAID_KEY="}

	kept := 0
	for _, step := range []string{"generate", "predict"} {
		for _, row := range decodedLines[rows.Calls](t, l.output("get", "paid-1", step+"/calls.jsonl")) {
			kept += len(row.Calls)
		}
	}
	table := decodedLines[flat.Call](t, l.output("table", "paid-1", "calls", "-o", "jsonl"))
	if len(table) != kept || kept < 300 {
		t.Errorf("%d calls in the table, %d beside the rows", len(table), kept)
	}
	for _, c := range table {
		if c.Time == nil || c.Answer == nil || c.USD == nil || *c.PromptTokens == 0 || *c.AnsweredBy != "served" || *c.Asked != "m" || len(c.Key) != 16 {
			t.Fatalf("%+v", c)
		}
	}

	var list []calls.Call
	out := l.output("calls", "paid-1", "m/mail_1/0", "-o", "json")
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) < 2 || list[0].Role != "candidate" || list[len(list)-1].Role != "judge" {
		t.Fatalf("%s: %v", out, err)
	}
	for _, c := range list {
		if c.Redacted["email"] != 1 || c.Redacted["user"] != 1 || !strings.Contains(string(c.Request), "writes to [email 1] from /home/[user 1]/mail") || len(c.Key) != 64 || c.Usage.USD == 0 {
			t.Errorf("%+v", c)
		}
	}
	all := out + l.output("calls", "paid-1", "m/mail_1/0", "--raw") + l.output("calls", "paid-1", "m/mail_1")
	if strings.Contains(all, canary) || strings.Contains(all, "jane") {
		t.Errorf("a secret or what was redacted is shown:\n%s", all)
	}
	if !strings.Contains(all, "\n  redacted email 1, user 1\n") || !strings.Contains(all, "\n  answered served\n") {
		t.Error(all)
	}
	if stats := l.output("stats", "paid-1"); !strings.Contains(stats, "redacted before they were sent: 2 calls (email 2, user 2)") {
		t.Error(stats)
	}
	for line := range strings.Lines(l.output("calls", "paid-1", "scene-00001")) {
		if n := len([]rune(line)); n > 81 {
			t.Errorf("a line has %d letters: %s", n, line)
		}
	}
}
