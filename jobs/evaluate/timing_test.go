package evaluate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/job/jobtest"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/seed"
	"github.com/gymline/gymline/internal/timing"
	"github.com/gymline/gymline/internal/trace"
)

var needOf = plan.File{Input: "people", Path: "."}

// timed evaluates with need labels that lie in a folder.
func timed(t *testing.T, labels fs.FS, names []string, judged []byte) metrics.Evaluation {
	t.Helper()
	res, err := jobtest.Run(t, jobtest.Case{
		Job: plan.JobEvaluate, Func: Run, Seed: 5, Upstream: map[string][][]byte{judgedInput: {judged}},
		Params: plan.Evaluate{Candidates: names, Resamples: 500, Confidence: .95, Need: &needOf},
		Files:  map[string]fs.FS{"people": labels},
	})
	if err != nil {
		t.Fatal(err)
	}
	var e metrics.Evaluation
	if err := json.Unmarshal(res.Output(t, plan.MetricsOutput), &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// said writes reward data on outcomes' events: y and n are help that was wanted and not, "!"
// what rows contradict one another on, and "-" what nobody spoke of.
func said(words ...string) fs.FS {
	var b bytes.Buffer
	for i, word := range words {
		var obs []map[string]string
		for j, letter := range word {
			obs = append(obs, map[string]string{"time": fmt.Sprint(j), "event": fmt.Sprintf("event %d of %d", j, i)})
			for _, need := range map[rune][]bool{'y': {true}, 'n': {false}, '!': {true, false}}[letter] {
				_ = json.NewEncoder(&b).Encode(map[string]any{"obs": obs, "pred_task": nil, "valid": !need, "help_needed": need})
			}
		}
	}
	return fstest.MapFS{"reward_data/train_data.jsonl": {Data: b.Bytes()}}
}

// acts are outcomes whose traces have events of their own.
func acts(name string, words ...string) []trace.JudgedTrace {
	list := outcomes(name, words...)
	for i := range list {
		for j := range list[i].Trace.Turns {
			list[i].Trace.Turns[j].Event.Text += fmt.Sprint(" of ", i)
		}
	}
	return list
}

func TestRunTiming(t *testing.T) {
	e := timed(t, said("nyyn-", "!yn"), []string{"a", "silent"}, append(
		encode(t, acts("a", "pPPss", "sSp")), encode(t, acts("silent", "sssss", "SSS"))...))
	if tm := e.Timing; tm == nil || tm.Events != 6 || tm.Traces != 2 || tm.Wanted != 3 || tm.Windows != 2 || tm.Disputed != 1 || tm.CostFalse != .5 || tm.CostMissed != .5 {
		t.Fatalf("%+v", e.Timing)
	}
	a, silent := e.Candidates[0].Timing, e.Candidates[1].Timing
	want := timing.Counts{Offers: 4, Duplicates: 2, NearDuplicates: 2, Windows: 2, Caught: 1, Timely: 2, Early: 1, Unneeded: 1, Missed: 1, Quiet: 1, ThenSame: 1}
	if a.Counts != want {
		t.Errorf("%+v, want %+v", a.Counts, want)
	}
	if a.NeedF1.Value != metrics.Round(4./7, 9) || a.WindowRecall.Value != .5 || a.MeanDelay.Value != 0 || a.PerHour.Value != 4/(6./3600) {
		t.Errorf("need F1 %v, window recall %v, delay %v, an hour %v", a.NeedF1, *a.WindowRecall, *a.MeanDelay, *a.PerHour)
	}
	if silent.NeedF1.Value != 0 || silent.TimelyShare != nil || silent.MeanDelay != nil || silent.Cheapest != nil || silent.CostMissed.Value != .5 {
		t.Errorf("%+v", silent)
	}
	for _, want := range []string{"people said of 6 of 8 events", "of 1 past people's rows contradict", "2 traces cannot tell the timing of 2 candidates"} {
		if !strings.Contains(strings.Join(e.Warnings, "\n"), want) {
			t.Errorf("no %q in %q", want, e.Warnings)
		}
	}
}

// Labels of another benchmark say nothing, and that is said.
func TestRunTimingOfOtherEvents(t *testing.T) {
	e := timed(t, said("yy"), []string{"a"}, encode(t, outcomes("a", "PpsS")))
	if e.Timing != nil || e.Candidates[0].Timing != nil || !strings.Contains(strings.Join(e.Warnings, "\n"), "says of no event") {
		t.Errorf("%+v, %q", e.Timing, e.Warnings)
	}
}

// Four published models against another implementation's figures.
func TestRealTiming(t *testing.T) {
	dir := proactiveBench(t)
	names := []string{"gpt-4o", "gpt-4o-mini", "llama3.1-8b", "qwen2-7b"}
	judged := realAnswers(t, dir, names)
	var published struct {
		Need     map[string]string
		Expected map[string]map[string]float64
	}
	data, err := os.ReadFile("testdata/timing.json")
	if err == nil {
		err = json.Unmarshal(data, &published)
	}
	if err != nil {
		t.Fatal(err)
	}
	var list []metrics.Timings
	for range names {
		list = append(list, metrics.Timings{nil})
	}
	n := 0
	err = job.Decode(bytes.NewReader(judged), "judged", func(_ int, line *trace.JudgedTrace) error {
		list[n/12][0] = append(list[n/12][0], timing.Of(labelled(t, line, published.Need[line.Trace.ID])))
		n++
		return nil
	})
	if err != nil || n != 48 {
		t.Fatal(n, err)
	}
	for i, name := range names {
		c := metrics.TimingOf(seed.New(1), list[i], 2000, .95)
		got := map[string]float64{
			"offers": float64(c.Offers), "active": metrics.NewTiming(list[i], .95).ActiveHours * 3600, "dup": float64(c.Duplicates), "nearDup": float64(c.NearDuplicates),
			"windows": float64(c.Windows), "caught": float64(c.Caught), "delay": float64(c.Delay),
			"early": float64(c.Early), "unneeded": float64(c.Unneeded), "timely": float64(c.Timely), "ns": float64(c.Missed),
			"perHour": c.PerHour.Value, "dupShare": c.DuplicateShare.Value, "windowRecall": c.WindowRecall.Value, "meanDelay": c.MeanDelay.Value,
			"earlyShare": c.EarlyShare.Value, "unneededShare": c.UnneededShare.Value, "timelyShare": c.TimelyShare.Value,
			"needF1": c.NeedF1.Value, "pAlways": c.Always.P, "costFalse": c.CostFalse.Value, "costMissed": c.CostMissed.Value,
			"needF1Lo": c.NeedF1.CI[0], "needF1Hi": c.NeedF1.CI[1], "timelyShareLo": c.TimelyShare.CI[0], "timelyShareHi": c.TimelyShare.CI[1],
			"perHourLo": c.PerHour.CI[0], "perHourHi": c.PerHour.CI[1],
		}
		for key, want := range published.Expected[name] {
			if x, ok := got[key]; !ok || math.Abs(x-want) > 1e-6 {
				t.Errorf("%s: %s is %v, want %v", name, key, x, want)
			}
		}
	}
	// The rows speak of all events: other implementations lose 20 of a trace to a line break.
	e := timed(t, os.DirFS(dir), names, judged)
	if tm := e.Timing; tm == nil || tm.Events != 233 || tm.Traces != 12 || tm.Wanted != 78 || tm.Windows != 45 || tm.Disputed != 0 {
		t.Fatalf("%+v", e.Timing)
	}
	for _, c := range e.Candidates {
		if c.Timing.Always.Verdict != metrics.NoBetter {
			t.Errorf("%s: %+v", c.Name, c.Timing.Always)
		}
	}
}

// labelled are a trace's events with labels of another source.
func labelled(t *testing.T, line *trace.JudgedTrace, need string) []timing.Event {
	t.Helper()
	if len(need) != len(line.Trace.Turns) {
		t.Fatalf("%s: %d labels", line.Trace.ID, len(need))
	}
	var events []timing.Event
	for i, turn := range line.Trace.Turns {
		seconds, _, err := trace.ParseTime(turn.Event.Time)
		if err != nil {
			t.Fatal(err)
		}
		e := timing.Event{Seconds: seconds, Offered: len(turn.Proposals) > 0, Need: map[byte]timing.Need{'y': timing.Wanted, 'n': timing.Unwanted}[need[i]]}
		if e.Offered {
			e.Task = turn.Proposals[0]
		}
		events = append(events, e)
	}
	return events
}

// realAnswers has recorded models judged by whatever is at hand.
func realAnswers(t *testing.T, dir string, names []string) []byte {
	t.Helper()
	c := aCase(nil, &script{answer: func(req *llm.Request) string {
		return fmt.Sprintf(`{"accepted":%t,"reason":""}`, strings.Contains(last(req), "search"))
	}})
	c.Files = map[string]fs.FS{"pb": os.DirFS(dir)}
	for _, name := range names {
		c.Each = append(c.Each, plan.Predict{
			Benchmark: plan.File{Input: "pb", Path: "test_data"},
			Candidate: plan.Candidate{Name: name, Recorded: &plan.File{Input: "pb", Path: "traces/" + name}},
			Judge:     plan.Judge{Kind: plan.JudgeLLM, Model: model("judge")}, Tasks: 1,
		})
	}
	res, err := jobtest.Run(t, c)
	if err != nil {
		t.Fatal(err)
	}
	return res.Output(t, plan.JudgedOutput)
}
