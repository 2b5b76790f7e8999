package flat

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/golden"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/trace"
)

// docs/tables.md ends with the columns.
func TestDocs(t *testing.T) {
	const file = "../../docs/tables.md"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ := strings.Cut(string(data), "\n## "+Turns)
	golden.Check(t, file, []byte(strings.TrimRight(text, "\n")+"\n"+Docs()))
}

func ptr[T any](v T) *T { return &v }

var turns = []trace.Turn{
	{Event: trace.Event{Time: "1", Text: "opens, a \"file\""}, Actor: "user", Proposals: []string{}, Judgement: &trace.Judgement{Accepted: false, HelpNeeded: ptr(true), Reason: "I was\nstuck"}},
	{Event: trace.Event{Time: "2", Text: "types"}, Proposals: []string{"a", "b", "c"}, Judgement: &trace.Judgement{Accepted: true, Task: ptr(1), Score: ptr(0.5)}, Execution: []trace.Operation{{OK: true}, {}}, Excluded: "leak"},
	{Event: trace.Event{Time: "3", Text: "ends"}, Proposals: []string{"d"}},
}

// world is a store with a run that has the outputs of some steps.
func world(t *testing.T, outputs map[store.StepName]any) (*store.Store, store.RunID) {
	t.Helper()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	r := run.Registry{Store: store.New(store.NewMem()), Now: func() time.Time { return time.Unix(1000, 0) }}
	p := &plan.Plan{Version: plan.Version, Experiment: "x", Digest: "d"}
	for step := range outputs {
		p.Steps = append(p.Steps, plan.Step{Name: step, Job: string(step), Format: 1, Shards: 1})
	}
	d, err := run.NewDraft(p, nil, run.Execution{}, false)
	ok(err)
	id, err := r.Open(t.Context(), d, nil)
	ok(err)
	for step, row := range outputs {
		data, err := json.Marshal(row)
		ok(err)
		digest, err := r.PutBlob(t.Context(), append(data, '\n'))
		ok(err)
		name := map[store.StepName]string{plan.JobPredict: plan.JudgedOutput}[step]
		if name == "" {
			name = plan.EpisodesOutput
		}
		ok(r.CommitStep(t.Context(), store.Step{Run: id, Step: step, WorkKey: "w", Outputs: []store.Artifact{{Name: name, Digest: digest, Bytes: int64(len(data)) + 1}}}))
	}
	return r.Store, id
}

func written(t *testing.T, st *store.Store, id store.RunID, kind, form string) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(t.Context(), &b, st, id, kind, form); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func both() map[store.StepName]any {
	return map[store.StepName]any{
		plan.JobCurate:  trace.Episode{Trace: trace.Trace{ID: "scene-00000/0", Domain: "coding", Turns: turns}, Scene: "scene-00000", End: "goal"},
		plan.JobPredict: trace.JudgedTrace{Candidate: "ours", Judge: "model", JudgeModel: "large", AnsweredBy: []string{"m-1", "m-2"}, Failed: []int{2}, Trace: trace.Trace{ID: "coding_1", Turns: turns}},
	}
}

// Both forms have the same rows, and every row every column.
func TestForms(t *testing.T) {
	st, id := world(t, both())
	for kind, want := range map[string]int{Turns: 3, Events: 3, Verdicts: 6} {
		records, err := csv.NewReader(strings.NewReader(written(t, st, id, kind, "csv"))).ReadAll()
		if err != nil || len(records) != want+1 {
			t.Fatalf("%s: %d records, %v", kind, len(records), err)
		}
		lines := strings.Split(strings.TrimSpace(written(t, st, id, kind, "jsonl")), "\n")
		if len(lines) != want {
			t.Fatalf("%s: %d lines", kind, len(lines))
		}
		for i, line := range lines {
			row := map[string]any{}
			if err := json.Unmarshal([]byte(line), &row); err != nil || len(row) != len(Columns(kind)) {
				t.Fatalf("%s: %s: %d columns, %v", kind, line, len(row), err)
			}
			for c, name := range records[0] {
				cell := ""
				if row[name] != nil {
					cell = fmt.Sprint(row[name])
				}
				if records[i+1][c] != cell {
					t.Errorf("%s, row %d: %s is %q in CSV and %q in JSON", kind, i, name, records[i+1][c], cell)
				}
			}
		}
	}
}

func TestRows(t *testing.T) {
	st, id := world(t, both())
	var list []string
	for _, kind := range []string{Turns, Events, Verdicts} { // calls are of real shards
		err := Each(t.Context(), st, id, kind, func(row any) error {
			switch r := row.(type) {
			case Turn:
				list = append(list, fmt.Sprint(r.Turn, " ", said(r.Offer), " ", said(r.Accepted), " ", r.Operations, r.OperationsFailed, " ", said(r.Excluded)))
			case Event:
				list = append(list, fmt.Sprint(r.Turn, " ", said(r.Outcome), " ", r.Failed, " ", said(r.AnsweredBy)))
			case Verdict:
				list = append(list, fmt.Sprint(r.ID, " ", said(r.Offer), " ", r.Accepted, " ", said(r.Score)))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"0 – false 0 0 –", "1 b true 2 1 leak", "2 d – 0 0 –",
		"0 FN false m-1 m-2", "1 TP false m-1 m-2", "2 – true m-1 m-2",
		"scene-00000/0/0 – false –", "scene-00000/0/1.0 a false –", "scene-00000/0/1.1 b true 0.5",
		"ours/coding_1/0 – false –", "ours/coding_1/1.0 a false –", "ours/coding_1/1.1 b true 0.5",
	}
	if got := strings.Join(list, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func said[T any](v *T) string {
	if v == nil {
		return "–"
	}
	return fmt.Sprint(*v)
}

// A run without a gym, or without an evaluation, has the verdicts of the other.
func TestHalfARun(t *testing.T) {
	for _, left := range []store.StepName{plan.JobCurate, plan.JobPredict} {
		outputs := both()
		delete(outputs, left)
		st, id := world(t, outputs)
		if n := strings.Count(written(t, st, id, Verdicts, "jsonl"), "\n"); n != 3 {
			t.Errorf("without %s: %d verdicts", left, n)
		}
		kind := map[store.StepName]string{plan.JobCurate: Turns, plan.JobPredict: Events}[left]
		if err := Write(t.Context(), &bytes.Buffer{}, st, id, kind, "csv"); fault.Code(err) != fault.Usage || fault.Hint(err) == "" {
			t.Errorf("%s without %s: %v", kind, left, err)
		}
	}
}
