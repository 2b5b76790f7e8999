package estimate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

var model = llm.Model{Name: "m", Provider: llm.OpenAI}

// asker is a job predict that asks one thing about every event, and nothing else.
func asker(ctx context.Context, t *job.Task) error {
	var params plan.Predict
	if err := t.Params(&params); err != nil {
		return err
	}
	c, err := t.Chat(ctx, "role", model)
	if err != nil {
		return err
	}
	files, err := t.Files("bench")
	if err != nil {
		return err
	}
	for _, f := range files.Files("traces") {
		var events []struct{ Text string }
		data, err := files.ReadFile(ctx, f.Path)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(data, &events); err != nil {
			return err
		}
		for _, e := range events {
			_, err := c.Chat(ctx, &llm.Request{Replicate: params.Repeat, Messages: []llm.Message{
				{Role: llm.System, Content: strings.Repeat("s", 400)}, {Role: llm.User, Content: e.Text},
				{Role: llm.Assistant, Content: strings.Repeat("a", 200)}, {Role: llm.User, Content: strings.Repeat("u", 40)},
			}})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// bench is a benchmark of so many traces of ten events, and of one of each other
// length, and a plan over it.
func bench(t *testing.T, traces int, lengths ...int) (*plan.Plan, Options, *int) {
	t.Helper()
	files := fstest.MapFS{"traces/splits.json": {Data: []byte(`{}`)}}
	for i := range traces {
		files[fmt.Sprintf("traces/t%04d.json", i)] = &fstest.MapFile{Data: []byte("[" + strings.Repeat(`{"Text":"eventeventevent."},`, 9) + `{"Text":"eventeventevent."}]`)}
	}
	for _, n := range lengths {
		files[fmt.Sprintf("traces/of%d.json", n)] = &fstest.MapFile{Data: []byte("[" + strings.Repeat(`{"Text":"`+strings.Repeat("long ", 20)+`."},`, n-1) + `{"Text":"."}]`)}
	}
	tree, err := store.Intake{}.Digest(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	params, err := json.Marshal(plan.Predict{
		Benchmark: plan.File{Input: "bench", Path: "traces"}, Candidate: plan.Candidate{Name: "m", Model: &model}, Judge: plan.Judge{Kind: plan.JudgeRewardModel},
	})
	if err != nil {
		t.Fatal(err)
	}
	reads := new(int)
	return &plan.Plan{Version: plan.Version, Experiment: "x", Steps: []plan.Step{
			{Name: "reward", Job: plan.JobReward, Shards: 1},
			{Name: "predict", Job: plan.JobPredict, Shards: 2, Inputs: []plan.Input{{Name: "model", Step: "reward", Output: "model.json"}}, Each: []plan.Share{
				{Params: params, Sources: []plan.File{{Input: "bench", Path: "traces"}}, Models: []string{"m"}},
				{Params: []byte(`{}`)}, // it calls no model
			}},
		}}, Options{
			Jobs: map[string]job.Func{plan.JobPredict: asker}, Trees: map[string]*store.TreeFS{"bench": tree},
			Read: func(_, path string) ([]byte, error) { *reads++; return files.ReadFile(path) },
			Now:  func() time.Time { return time.Time{} },
		}, reads
}

// Of a large benchmark few traces are read, and they stand for all.
func TestSampleOfABenchmark(t *testing.T) {
	for traces, want := range map[int]int{7: 7, 500: sampleEvents / 10} {
		p, opt, reads := bench(t, traces)
		opt.Access = map[string]llm.Access{"m": {Price: &llm.Price{Prompt: 1, Cached: 0.1, Completion: 100}}}
		e, err := Of(t.Context(), p, opt)
		if err != nil {
			t.Fatal(err)
		}
		if *reads != want || len(e.Models) != 1 {
			t.Fatalf("%d of %d traces were read: %+v", *reads, traces, e)
		}
		m, calls := e.Models[0], float64(10*traces)
		answer := m.CompletionTokens.Likely / calls // the stand-in has one for all
		for _, c := range []struct {
			what string
			of   Range
			want Range
		}{
			{"calls", m.Calls, Range{0.98 * calls, calls, 1.1 * calls}},
			// 100 tokens of the system, 4 and 10 of the user, and 50 that the model said.
			{"prompt tokens", m.PromptTokens, Range{0.98 * calls * (114 + 25), calls * (114 + 50), 1.1 * calls * (114 + 100)}},
			{"dollars", *m.USD, Range{
				0.98 * calls * (10*1 + (104+25)*0.1 + answer/2*100) / 1e6, // all but the last question is cached
				calls * (114 + 50 + answer*100) / 1e6,
				1.1 * calls * (114 + 100 + 2*answer*100) / 1e6,
			}},
		} {
			near := func(a, b float64) bool { return math.Abs(a-b) < 1e-9*math.Abs(b) }
			if !near(c.of.Low, c.want.Low) || !near(c.of.Likely, c.want.Likely) || !near(c.of.High, c.want.High) {
				t.Errorf("%d traces: %s %+v, want %+v", traces, c.what, c.of, c.want)
			}
		}
	}
}

// A trace whose tokens grow with the square of its events is warned of, unless the
// experiment bounds what is sent.
func TestLongTracesAreWarnedOf(t *testing.T) {
	p, opt, _ := bench(t, 2, 199, 300, 1000)
	e, err := Of(t.Context(), p, opt)
	if err != nil || len(e.Warnings) != 1 || !strings.Contains(e.Warnings[0], "2 traces of the benchmark with 200 and more events (bench/traces/of1000.json has 1,000)") || !strings.Contains(e.Warnings[0], "evaluate.history") {
		t.Fatalf("%+v, %v", e, err)
	}
	predict := p.Step("predict")
	predict.Each[0].Params = bytes.Replace(predict.Each[0].Params, []byte(`"tasks":`), []byte(`"history":20,"tasks":`), 1)
	if e, err := Of(t.Context(), p, opt); err != nil || e.Warnings != nil {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestWhatIsDoneCostsNothing(t *testing.T) {
	p, opt, reads := bench(t, 3)
	opt.Reused = func(store.StepName, int) bool { return true }
	if e, err := Of(t.Context(), p, opt); err != nil || len(e.Models) != 0 || *reads != 0 {
		t.Errorf("%+v, %v", e, err)
	}
}

// What several shards ask is asked once, as a rule, and by each at the most; candidates
// that are asked alike are one; and of many repeats a few stand for all.
func TestSharedAndRepeatedCalls(t *testing.T) {
	p, opt, _ := bench(t, 4) // of 10 events
	p.Steps = append(p.Steps, plan.Step{Name: "evaluate", Job: plan.JobEvaluate, Shards: 1, Share: plan.Share{Params: []byte(`{"oneModel":[["a","b"]]}`)}})
	predict := p.Step("predict")
	one, reused := predict.Each[0], map[int]bool{}
	opt.Reused = func(_ store.StepName, shard int) bool { return reused[shard] }
	with := func(change func(*plan.Predict)) plan.Share {
		var params plan.Predict
		if err := json.Unmarshal(one.Params, &params); err != nil {
			t.Fatal(err)
		}
		change(&params)
		raw, err := json.Marshal(params)
		if err != nil {
			t.Fatal(err)
		}
		return plan.Share{Params: raw, Sources: one.Sources, Models: one.Models}
	}
	named := with(func(q *plan.Predict) {
		q.Candidate.Name, q.Candidate.Model = "n", &llm.Model{Name: "n", Provider: llm.OpenAI, BaseURL: llm.DefaultBaseURL + "/"}
	})
	other := with(func(q *plan.Predict) { q.Tasks = 3 }) // the asker asks the same
	repeats := func(n int) (list []plan.Share) {
		for r := range n {
			list = append(list, with(func(q *plan.Predict) { q.Repeat = r }))
		}
		return list
	}
	for name, c := range map[string]struct {
		each         []plan.Share
		reused       []int
		likely, high float64 // in passes
	}{
		"alone":                              {[]plan.Share{one}, nil, 1, 1},
		"asked alike":                        {[]plan.Share{one, named}, nil, 1, 1},
		"asked alike, and one is done":       {[]plan.Share{one, named}, []int{0}, 0, 0},
		"the same by chance":                 {[]plan.Share{one, other}, nil, 1, 2},
		"the same by chance as what is done": {[]plan.Share{one, other}, []int{0}, 0, 1},
		"two repeats":                        {repeats(2), nil, 2, 2},
		"ten repeats":                        {repeats(10), nil, 10, 10},
		"two more repeats":                   {repeats(5), []int{0, 1, 2}, 2, 2},
		"ten repeats of two, asked alike":    {append(repeats(10), named), nil, 10, 10},
	} {
		predict.Each, predict.Shards = c.each, len(c.each)
		clear(reused)
		for _, shard := range c.reused {
			reused[shard] = true
		}
		e, err := Of(t.Context(), p, opt)
		if err != nil {
			t.Fatal(err)
		}
		var likely, high float64
		for _, m := range e.Models {
			likely, high = likely+m.Calls.Likely, high+m.Calls.High
		}
		if alike := strings.Join(e.Warnings, ""); strings.Contains(alike, "a, b are one model") != (c.likely+c.high > 0) {
			t.Errorf("%s: warnings %q", name, alike)
		}
		if math.Abs(likely-40*c.likely) > 1e-6 || math.Abs(high-1.1*40*c.high) > 1e-6 {
			t.Errorf("%s: %v calls, %v at most, want %v and %v", name, likely, high, 40*c.likely, 1.1*40*c.high)
		}
	}
}

func TestNoPrice(t *testing.T) {
	p, opt, _ := bench(t, 3)
	if e, err := Of(t.Context(), p, opt); err != nil || e.Models[0].USD != nil || e.USD != (Range{}) {
		t.Errorf("%+v, %v", e, err)
	}
}

// Sessions that last longer ask more often, and repeat more each time; they end
// where maxEvents has them end.
func TestStretch(t *testing.T) {
	ta := &tally{calls: 10, given: 1000, said: 400, completion: 50}
	for stretch, r := range map[float64]float64{0: 1, 1: 1, 1.5: 1.5, 4: 2} {
		u := highCase.of(ta, part{weight: 3, stretch: stretch}, nil)
		want := usage{Calls: 3.3 * r * 10, Prompt: 3.3 * r * (1000 + 2*r*400), Completion: 3.3 * r * 2 * 50}
		if math.Abs(u.Calls-want.Calls)+math.Abs(u.Prompt-want.Prompt)+math.Abs(u.Completion-want.Completion) > 1e-9*want.Prompt {
			t.Errorf("stretch %v: %+v, want %+v", stretch, u, want)
		}
	}
}

func TestUnreadableTrace(t *testing.T) {
	p, opt, _ := bench(t, 3)
	opt.Read = func(string, string) ([]byte, error) { return []byte("{}"), nil }
	if _, err := Of(t.Context(), p, opt); err == nil || !strings.Contains(err.Error(), "step predict: bench/traces/t000") {
		t.Errorf("got %v", err)
	}
}
