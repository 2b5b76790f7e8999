package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestVerifyDeep: steps that ask no model are done again, those that do are taken as given, no
// call is made, and a record that was made to fit other bytes throughout is found by what the
// step makes.
func TestVerifyDeep(t *testing.T) {
	t.Parallel()
	s := newModelServer(t)
	l := newLab(t)
	l.output("run", s.paid(t, l.dir), "--input", "samples="+filepath.Join(repo(t), "configs", "samples"))
	calls := s.Calls.Load()
	out := l.output("verify", "--deep", "paid-1")
	for _, want := range []string{"as recorded", "done again, and the same: evaluate, report, ", "taken as given, since models or a trainer made it: generate, predict"} {
		if !strings.Contains(out, want) {
			t.Errorf("%s lacks %q", out, want)
		}
	}
	if out := l.output("verify", "--deep", "paid-1", "-o", "json"); !strings.Contains(out, "GYMLINE_STEPS_AGAIN") {
		t.Error(out)
	}

	l.forge("paid-1", "report", "report.html", "paid", "PAID")
	objects := filepath.Join(l.dir, ".gymline", "objects")
	for _, name := range []string{"memo", "runs/paid-1/seal.json"} { // of which nobody is told who holds a copy
		if err := os.RemoveAll(filepath.Join(objects, name)); err != nil {
			t.Fatal(err)
		}
	}
	if out := l.output("verify", "paid-1"); !strings.Contains(out, "as recorded") {
		t.Error(out)
	}
	cmd := l.command("verify", "--deep", "paid-1")
	found, err := cmd.Output()
	if err == nil || cmd.ProcessState.ExitCode() != 65 || !strings.Contains(string(found), "runs/paid-1/steps/report/0.json\n    expected report.html ") {
		t.Errorf("%v: %s", err, found)
	}
	if s.Calls.Load() != calls {
		t.Error("a model was asked")
	}
}
