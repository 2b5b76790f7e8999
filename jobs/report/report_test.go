package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job/jobtest"
	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/rewardmodel"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/trace"
)

var params = plan.Report{Title: "A small run", Experiment: "small", Digest: "sha256:0123"}

func run(t *testing.T, upstream map[string][][]byte) (string, error) {
	t.Helper()
	res, err := jobtest.Run(t, jobtest.Case{Job: plan.JobReport, Func: Run, Params: params, Seed: 7, Upstream: upstream})
	if err != nil {
		return "", err
	}
	return string(res.Output(t, plan.ReportOutput)), nil
}

func lines(t *testing.T, values ...any) []byte {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, v := range values {
		if err := enc.Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func episode(scene string, accepted bool) *trace.Episode {
	return &trace.Episode{Scene: scene, End: "goal", Trace: trace.Trace{ID: scene + "/0", Domain: "coding", Turns: []trace.Turn{
		{Event: trace.Event{Time: "1", Text: "x"}, Proposals: []string{"p"}, Judgement: &trace.Judgement{Accepted: accepted}},
	}}}
}

// judged is candidate's answer to a trace of n events: always a proposal,
// accepted after every other event.
func judged(candidate, id string, n int) trace.JudgedTrace {
	j := trace.JudgedTrace{Candidate: candidate, Judge: plan.JudgeRewardModel, Trace: trace.Trace{ID: id, Domain: "coding"}}
	for i := range n {
		j.Trace.Turns = append(j.Trace.Turns, trace.Turn{
			Event:     trace.Event{Time: fmt.Sprint(100 + i), Text: fmt.Sprintf("event %d of %s.", i, id)},
			Proposals: []string{fmt.Sprintf("%s helps with %d.", candidate, i)}, Judgement: &trace.Judgement{Accepted: i%2 == 0, Reason: "because"},
		})
	}
	return j
}

// inputs are those of a whole line.
func inputs(t *testing.T) map[string][][]byte {
	t.Helper()
	var stats [2]trace.Stats
	stats[0].Add(episode("a", true))
	stats[1].Add(episode("b", true))
	stats[1].Add(episode("c", false))
	candidate := func(name string, c metrics.Counts) metrics.Candidate {
		return metrics.Candidate{Name: name, Score: metrics.ScoreOf(c), F1CI: &[2]float64{0.4, 0.9}}
	}
	result := rewardmodel.Result{Rows: 120, Traces: 16, F1: 0.7531, AUC: 0.8123}
	return map[string][][]byte{
		"generate-stats": {lines(t, &stats[0]), lines(t, &stats[1])},
		"generate-rows": {
			lines(t, rows.Row{Stage: "generate", ID: "a/0", State: rows.Accepted, Yields: 1}),
			lines(t, rows.Row{Stage: "generate", ID: "b/0", State: rows.Accepted, Yields: 1}, rows.Row{Stage: "generate", ID: "c/0", State: rows.Failed, Cause: "the sky fell"}),
		},
		"reward-metrics":  {lines(t, rewardmodel.Metrics{TraceHeldOut: result, Confidence: 0.95})},
		"reward-rows":     {lines(t, rows.Row{Stage: "reward", ID: "1", State: rows.Accepted, Yields: 1})},
		"export-manifest": {[]byte(`{"sources":[{"name":"gym","traces":3,"rows":1629}],"split":{"traces":{"train":2,"validation":1}},"benchmark":{"rejected":{"agent":1230},"kept":{"reward":1}},"sets":[{"name":"agent","rows":{"planned":9,"accepted":4,"truncated":1}}],"files":[{"path":"trl/qwen2.5/agent-train.jsonl","trainer":"trl","family":"qwen2.5","rows":5,"bytes":2048},{"path":"README.md","bytes":10}]}`)},
		"export-rows":     {nil},
		"predict-rows":    {lines(t, rows.Row{Stage: "predict", ID: "x", State: rows.Truncated, Cause: "history cut"})},
		"judged":          {lines(t, judged("eager", "one", 45), judged("eager", "two", 2), judged("eager", "three", 2), judged("eager", "four", 2)), lines(t, judged("calm", "one", 45), judged("calm", "two", 2), judged("calm", "three", 2), judged("calm", "four", 2))},
		"metrics": {lines(t, metrics.Evaluation{Judge: plan.JudgeRewardModel, Traces: 4, Events: 51, Confidence: 0.95, Warnings: []string{metrics.Few(4, "trace", metrics.Wide)},
			Candidates: []metrics.Candidate{candidate("eager", metrics.Counts{TP: 26, FP: 25}), candidate("calm", metrics.Counts{TP: 5, TN: 40, FN: 6})}})},
	}
}

func TestPageShowsEveryInput(t *testing.T) {
	got, err := run(t, inputs(t))
	if err != nil {
		t.Fatal(err)
	}
	for what, want := range map[string]string{
		"title":              "<h1>A small run</h1>",
		"experiment":         "<dd>small</dd>",
		"digest":             "<code>sha256:0123</code>",
		"seed":               "<dt>Seed</dt><dd>7</dd>",
		"F1 of eager":        "<b>67.5</b>",
		"judge":              "judged by the reward model of this run",
		"warning":            "4 traces are few",
		"reward F1":          "<b>75.3</b>",
		"reward AUC":         "<b>0.812</b>",
		"merged statistics":  "3 sessions in 3 scenes: 3 events",
		"acceptance":         "66.7% accepted",
		"cause of a failure": "the sky fell",
		"cause of a cut":     "history cut",
		"ledger over shards": `<th scope="row">generate</th><td>3</td><td>2</td><td>0</td><td>0</td><td>1</td><td>2</td>`,
		"empty stage":        `<th scope="row">finetune-export</th><td>0</td>`,
		"exported file":      "trl/qwen2.5/agent-train.jsonl",
		"source":             "1,629 rows, 3 traces",
		"set":                "5 of 9 rows",
		"left out":           "<dt>agent rows in the benchmark</dt><dd>1,230 left out</dd>",
		"kept":               "<dt>reward rows in the benchmark</dt><dd>1 kept</dd>",
		"split of one":       "<dt>validation split</dt><dd>1 trace</dd>",
		"sample":             "calm helps with 1.",
		"verdict":            `<span class="verdict FP">proposal rejected</span>`,
		"why":                "most often wrong: 44 answers",
		"cut trace":          "5 further events not shown.",
		"cap":                "holds 3 of 4 traces, picked by what is worth reading",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s: the page does not say %q", what, want)
		}
	}
	for what, bad := range map[string]string{"a trace beyond the cap": "of four.", "an event beyond the cap": "event 40 of one.", "a stand-in": "<strong>Simulated"} {
		if strings.Contains(got, bad) {
			t.Errorf("the page shows %s: %q", what, bad)
		}
	}
	if n := strings.Count(got, "event 0 of one."); n != 1 {
		t.Errorf("the event stands there %d times; candidates share one line", n)
	}
}

// TestGymStatistics: the job gives the gym's statistics over all shards as data
// too, and only of a gym.
func TestGymStatistics(t *testing.T) {
	in := inputs(t)
	res, err := jobtest.Run(t, jobtest.Case{Job: plan.JobReport, Func: Run, Params: params, Upstream: in})
	if err != nil {
		t.Fatal(err)
	}
	var got, want trace.Stats
	if err := json.Unmarshal(res.Output(t, plan.GymOutput), &got); err != nil {
		t.Fatal(err)
	}
	for _, e := range []*trace.Episode{episode("a", true), episode("b", true), episode("c", false)} {
		want.Add(e)
	}
	if !reflect.DeepEqual(got.Tally, want.Tally) || !reflect.DeepEqual(got.Domains, want.Domains) {
		t.Errorf("merged to %+v, want %+v", got, want)
	}
	delete(in, "generate-stats")
	if res, err = jobtest.Run(t, jobtest.Case{Job: plan.JobReport, Func: Run, Params: params, Upstream: in}); err != nil {
		t.Fatal(err)
	}
	if n := len(res.Records[0].Outputs); n != 1 {
		t.Errorf("a run without a gym has %d outputs, want the page alone", n)
	}
}

func TestPageDoesNotDependOnShards(t *testing.T) {
	in := inputs(t)
	split, err := run(t, in)
	if err != nil {
		t.Fatal(err)
	}
	for name, shards := range in {
		in[name] = [][]byte{bytes.Join(shards, nil)}
	}
	whole, err := run(t, in)
	if err != nil {
		t.Fatal(err)
	}
	if split != whole {
		t.Error("the same content in other shards gave another page")
	}
}

func TestEveryInputIsOptional(t *testing.T) {
	all := inputs(t)
	if _, err := run(t, nil); err != nil {
		t.Errorf("no input: %v", err)
	}
	for name := range all {
		alone, err := run(t, map[string][][]byte{name: all[name]})
		if err != nil {
			t.Errorf("%s alone: %v", name, err)
		} else if !strings.Contains(alone, "A small run") {
			t.Errorf("%s alone gives no page", name)
		}
	}
}

func TestAnyStandInIsSaid(t *testing.T) {
	sim := episode("s", true)
	sim.Simulated = true
	var stats trace.Stats
	stats.Add(sim)
	j := judged("x", "one", 1)
	j.Simulated = true
	for _, c := range []struct {
		input string
		data  []byte
		part  string
	}{
		{"generate-stats", lines(t, &stats), "gym sessions"},
		{"reward-metrics", lines(t, rewardmodel.Metrics{Simulated: true}), "reward model"},
		{"export-manifest", []byte(`{"sources":[{"name":"gym","traces":2,"simulated":1},{"name":"proactivebench","traces":4}]}`), "exported rows"},
		{"judged", lines(t, j), "sample traces"},
		{"metrics", lines(t, metrics.Evaluation{Simulated: true}), "evaluation"},
	} {
		in := inputs(t)
		in[c.input] = [][]byte{c.data}
		if c.input == "judged" {
			delete(in, "metrics")
		}
		got, err := run(t, in)
		if err != nil {
			t.Errorf("%s: %v", c.input, err)
		} else if !strings.Contains(got, "<strong>Simulated: "+c.part+".</strong>") {
			t.Errorf("%s alone was made by a stand-in, and the page does not say so", c.input)
		}
	}
}

func TestBadInputIsPermanentAndNamed(t *testing.T) {
	half := lines(t, judged("x", "one", 1))
	for name, data := range map[string]string{
		"judged":          string(half) + string(half[:40]),
		"predict-rows":    `{"stage":"predict","id":"1","state":"lost"}`,
		"generate-stats":  `{"scenes":1}{"scenes":`,
		"metrics":         `{"candidates":`,
		"reward-metrics":  `[]`,
		"export-manifest": `nothing`,
	} {
		_, err := run(t, map[string][][]byte{name: {[]byte(data)}})
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		if name == "judged" && !strings.Contains(err.Error(), "judged:2:") {
			t.Errorf("judged: %v; want the line", err)
		}
		if !strings.Contains(err.Error(), strings.TrimSuffix(name, "-rows")) || fault.Code(err) != fault.Permanent {
			t.Errorf("%s: %v with exit code %d", name, err, fault.Code(err))
		}
	}
}

// With the step curate there is a section, and a stage of the ledger between the
// gym and those who use its rows.
func TestCuration(t *testing.T) {
	in := inputs(t)
	in["curation"] = [][]byte{[]byte(`{"scenes":3,"total":{"before":{"rows":9},"after":{"rows":7}},"domains":[]}`)}
	in["curate-rows"] = [][]byte{lines(t, rows.Row{Stage: "curate", ID: "a/0/0", State: rows.Accepted, Yields: 1}, rows.Row{Stage: "curate", ID: "a/0/1", State: rows.Rejected, Cause: "above the quota"})}
	got, err := run(t, in)
	if err != nil {
		t.Fatal(err)
	}
	if want := "7 of 9 rows of the gym are used"; !strings.Contains(got, want) {
		t.Errorf("the page lacks %q", want)
	}
	stage := strings.Index(got, `<th scope="row">curate</th><td>2</td><td>1</td><td>0</td><td>1</td><td>0</td><td>1</td>`)
	if before, after := strings.Index(got, `<th scope="row">generate</th><td>3`), strings.Index(got, `<th scope="row">reward</th><td>1`); stage < before || after < stage {
		t.Errorf("the ledger has curate at %d, generate at %d, reward at %d", stage, before, after)
	}
}
