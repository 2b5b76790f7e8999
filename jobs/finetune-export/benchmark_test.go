package finetuneexport

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job/jobtest"
	"github.com/gymline/gymline/internal/plan"
)

// benchEvents is a benchmark that has an event of benchRows: its second one. Another
// at the same time, half of whose words in threes are the same, is not alike at 0.8.
const benchEvents = `[{"observation":{"time":"10","event":"The user opens a book."}},{"observation":{"time":"20","event":"The user looks up a word."},"agent_response":["x"]}]`

// TestNoCandidateTrainsOnTheBenchmark: an agent row is left out as soon as its
// history holds an event of the benchmark, and a judge's row is kept and counted.
func TestNoCandidateTrainsOnTheBenchmark(t *testing.T) {
	files := fstest.MapFS{
		"reward_data/train_data.jsonl": {Data: []byte(benchRows)},
		"test_data/x.json":             {Data: []byte(benchEvents)},
		"test_data/deeper/y.json":      {Data: []byte(`[{"observation":{"time":"10","event":"The user opens a letter."}}]`)}, // no trace of the folder itself
	}
	p := params()
	p.Benchmark, p.Leakage = &plan.File{Input: "bench", Path: "test_data"}, 0.8
	res := runBench(t, files, p)
	validate(t, res)
	got := ends(t, res)
	for id, end := range map[string]string{
		"agent/train_data.jsonl:1":  "rejected: " + causeBenchmark, // its last event
		"agent/train_data.jsonl:2":  "accepted",                    // ends before it
		"agent/train_data.jsonl:3":  "rejected: " + causeBenchmark, // whose answer is another row's
		"agent/train_data.jsonl:4":  "rejected: " + causeBenchmark, // an earlier event
		"agent/train_data.jsonl:6":  "failed: field obs[0].event: missing or empty",
		"reward/train_data.jsonl:1": "accepted",
		"reward/train_data.jsonl:4": "accepted",
	} {
		if got[id] != end {
			t.Errorf("%s: %q, want %q", id, got[id], end)
		}
	}
	b := manifest(t, res).Benchmark
	if b == nil || b.Traces != 1 || b.Events != 2 || b.Rejected["agent"] != 3 || b.Kept["reward"] != 3 || len(b.Rejected)+len(b.Kept) != 2 {
		t.Errorf("the manifest says %+v", b)
	}
	card := string(res.Output(t, cardFile))
	for _, line := range []string{"2 events of 1 trace.", "| agent | 3 | 0 |", "| reward | 0 | 3 |"} {
		if !strings.Contains(card, line) {
			t.Errorf("the card does not say %q", line)
		}
	}
	for _, path := range names(res) {
		if strings.Contains(path, "/agent_") && strings.Contains(string(res.Output(t, path)), "looks up a word") {
			t.Errorf("%s holds the benchmark's event", path)
		}
	}

	// A bound that would cut the shared event out of the prompt changes nothing:
	// the moment is the benchmark's all the same.
	p.MaxHistory = 1
	if end := ends(t, runBench(t, files, p))["agent/train_data.jsonl:4"]; end != "rejected: "+causeBenchmark {
		t.Errorf("with a bounded history: %q", end)
	}
	fails := func(similarity float64, code int, want string) {
		t.Helper()
		p.Gym, p.ProactiveBench, p.Leakage = false, &plan.File{Input: "bench", Path: "."}, similarity
		_, err := jobtest.Run(t, jobtest.Case{Job: plan.JobExport, Func: Run, Params: p, Seed: 1, Files: mapFiles(files)})
		if fault.Code(err) != code || !strings.Contains(err.Error(), want) {
			t.Errorf("at %v: %v", similarity, err)
		}
	}
	fails(0.5, fault.Permanent, "the set agent has no training row (1 × field obs[0].event: missing or empty, 1 × its events are not a beginning of its trace, 4 × "+causeBenchmark)
	fails(0, fault.Config, "the plan does not say from which similarity")
	p.Benchmark = nil
	if m := manifest(t, runBench(t, files, p)); m.Benchmark != nil || m.Sets[0].Rows.Causes[causeBenchmark] > 0 {
		t.Errorf("without an evaluation: %+v", m.Benchmark)
	}
}
