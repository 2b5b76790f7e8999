package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/audit/reproduce"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/store/folder"
)

// unshared skips a test where no network namespace can be made: with the network on it
// would show nothing. In CI one can be made.
func unshared(t *testing.T) {
	t.Helper()
	out, err := exec.Command("unshare", "-n", "true").CombinedOutput()
	if err == nil {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("CI must be able to make a network namespace: %v %s", err, out)
	}
	t.Skipf("NOT TESTED: no network namespace can be made here: %v %s", err, out)
}

// cutOff makes a command run in a network namespace without interfaces.
func cutOff(t *testing.T, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	unshared(t)
	path, err := exec.LookPath(cmd.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	apart := exec.Command("unshare", append([]string{"-n", path}, cmd.Args[1:]...)...)
	apart.Dir, apart.Env = cmd.Dir, cmd.Env
	return apart
}

// reproduced does a run once more without a network, a key or a trace in TMPDIR.
func (l lab) reproduced(id string) *reproduce.Result {
	l.t.Helper()
	temporary := l.t.TempDir()
	l.env = append(slices.Clone(l.env), "PAID_KEY=", "TMPDIR="+temporary)
	cmd := cutOff(l.t, l.command("reproduce", id, "-o", "json"))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, _ := cmd.Output()
	r := new(reproduce.Result)
	if err := json.Unmarshal(out, r); err != nil {
		l.t.Fatalf("%v: %s\n%s", err, out, stderr.String())
	}
	if want := map[bool]int{true: 0, false: 65}[r.Reproduced]; cmd.ProcessState.ExitCode() != want {
		l.t.Errorf("exit code %d, want %d\n%s", cmd.ProcessState.ExitCode(), want, stderr.String())
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		l.t.Errorf("of the rerun is left: %v %v", left, err)
	}
	return r
}

// verdicts are those of the steps, in their order.
func verdicts(r *reproduce.Result) string {
	var list []string
	for _, s := range r.Steps {
		list = append(list, string(s.Step)+": "+s.Verdict)
	}
	return strings.Join(list, ", ")
}

// A run behind a provider that spoiled three calls in ten, with its retries and repairs, is
// done once more from recordings alone, and comes to the same bytes.
func TestReproduceAfterChaos(t *testing.T) {
	t.Parallel()
	samples := "samples=" + filepath.Join(repo(t), "configs", "samples")
	chaos, server := newChaos(t)
	l := newLab(t)
	l.output("run", server.paid(t, l.dir), "--input", samples, "--profile", l.impatient())
	_, before, _ := chaos.Spoiled()
	r := l.reproduced("paid-1")
	if got, want := verdicts(r), "generate: identical by replay, predict: identical by replay, evaluate: bit-identical, report: bit-identical"; got != want || !r.Reproduced {
		t.Errorf("%s, want %s: %+v", got, want, r)
	}
	if _, after, _ := chaos.Spoiled(); after != before || r.Replayed < 100 {
		t.Errorf("%d calls were made, and %d answers replayed", after-before, r.Replayed)
	}
	if list := l.output("list"); strings.Contains(list, "paid-2") {
		t.Errorf("the rerun is in the run's own store:\n%s", list)
	}
}

// What was altered, and what is missing, is told step by step: the first row that is another
// with both texts, or the call that was not recorded.
func TestReproduceTellsWhatItIsNot(t *testing.T) {
	t.Parallel()
	samples := "samples=" + filepath.Join(repo(t), "configs", "samples")
	s := newModelServer(t)
	l := newLab(t)
	l.output("run", s.paid(t, l.dir), "--input", samples)

	// A row of an artifact that no other step reads, in a record that was made to fit.
	l.forge("paid-1", "predict", "calls.jsonl", `"role":"candidate"`, `"role":"judge"`)
	r := l.reproduced("paid-1")
	if got, want := verdicts(r), "generate: identical by replay, predict: drifted, evaluate: bit-identical, report: bit-identical"; got != want || r.Reproduced {
		t.Errorf("%s, want %s", got, want)
	}
	for _, step := range r.Steps {
		if step.Step != "predict" {
			continue
		}
		if len(step.Drift) != 1 || step.Drift[0].Output != "calls.jsonl" || step.Drift[0].Rows.Changed != 1 {
			t.Fatalf("%+v", step)
		}
		if first := step.Drift[0].Rows.Shown[0]; first.Name == "" || first.Fields[0].String() != `calls[0].role "judge" → "candidate"` {
			t.Errorf("%+v", first)
		}
	}

	// Without its recordings.
	if err := os.RemoveAll(filepath.Join(l.dir, ".gymline", "objects", "ledger")); err != nil {
		t.Fatal(err)
	}
	r = l.reproduced("paid-1")
	if got, want := verdicts(r), "generate: not auditable, predict: not auditable, evaluate: not auditable, report: not auditable"; got != want || r.Reproduced {
		t.Errorf("%s, want %s", got, want)
	}
	for i, want := range []string{"no recorded answer", "candidate m: ", "predict before it is not auditable"} {
		if !strings.Contains(r.Steps[i].Because, want) {
			t.Errorf("%+v lacks %q", r.Steps[i], want)
		}
	}
	if s.Calls.Load() == 0 {
		t.Error("the run made no calls")
	}
}

// forge changes the first place of a text in an output of a step's first shard, and has the
// record name the new bytes.
func (l lab) forge(id store.RunID, step store.StepName, output, was, is string) {
	l.t.Helper()
	dir := filepath.Join(l.dir, ".gymline")
	bucket, err := folder.Open(dir)
	if err != nil {
		l.t.Fatal(err)
	}
	defer bucket.Close()
	st := store.New(bucket)
	rec, err := st.ReadStep(l.t.Context(), id, step, 0)
	if err != nil {
		l.t.Fatal(err)
	}
	made, err := rec.Output(output)
	if err != nil {
		l.t.Fatal(err)
	}
	data, err := st.ReadBlob(l.t.Context(), made.Digest)
	if err != nil || !strings.Contains(string(data), was) {
		l.t.Fatalf("%s has no %s: %v", output, was, err)
	}
	forged, err := st.PutBlob(l.t.Context(), []byte(strings.Replace(string(data), was, is, 1)))
	if err != nil {
		l.t.Fatal(err)
	}
	file := filepath.Join(dir, "objects", "runs", string(id), "steps", string(step), "0.json")
	record, err := os.ReadFile(file)
	if err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(record), string(made.Digest), string(forged))), 0o600); err != nil {
		l.t.Fatal(err)
	}
}
