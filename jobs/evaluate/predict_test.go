package evaluate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/job/jobtest"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/trace"
)

const twoTraces = `b/code_1.json: [{"observation":{"time":"1","event":"Opens parser.go."}},{"observation":{"time":"2","event":"Searches for a regexp."}},{"observation":{"time":"3","event":"Runs the tests."}}]
b/writing_1.json: [{"observation":{"time":"Day 1, 9:00 AM","event":"Opens essay.md."}},{"observation":{"time":"Day 1, 9:01 AM","event":"Types a title."}}]
b/deeper/other_1.json: not a trace of this benchmark
b/splits.json: {}`

// files reads "path: content" lines.
func files(lines ...string) fs.FS {
	fsys := fstest.MapFS{}
	for _, line := range strings.Split(strings.Join(lines, "\n"), "\n") {
		name, content, _ := strings.Cut(line, ": ")
		fsys[name] = &fstest.MapFile{Data: []byte(content)}
	}
	return fsys
}

// script is a chatter that answers by a function of the last message, and
// keeps every request.
type script struct {
	mu       sync.Mutex
	requests []llm.Request
	answer   func(req *llm.Request) string
}

func (s *script) Chat(_ context.Context, req *llm.Request) (*llm.Response, error) {
	s.mu.Lock()
	s.requests = append(s.requests, *req)
	s.mu.Unlock()
	return &llm.Response{Content: s.answer(req), FinishReason: "stop"}, nil
}

func last(req *llm.Request) string { return req.Messages[len(req.Messages)-1].Content }

// models opens each model by name.
func models(byName map[string]llm.Chatter) job.Models {
	return jobtest.Models(func(m llm.Model) (llm.Chatter, error) {
		c, ok := byName[m.Name]
		if !ok {
			return nil, fmt.Errorf("no model %q", m.Name)
		}
		return c, nil
	})
}

func model(name string) *llm.Model { return &llm.Model{Name: name, Provider: llm.OpenAI} }

// aCase is a live candidate "agent" on twoTraces, judged by the model "judge".
func aCase(agent, judge llm.Chatter) jobtest.Case {
	return jobtest.Case{
		Job: plan.JobPredict, Func: Predict, Seed: 3,
		Files:  map[string]fs.FS{"samples": files(twoTraces)},
		Models: models(map[string]llm.Chatter{"agent": agent, "judge": judge}),
		Params: plan.Predict{
			Benchmark: plan.File{Input: "samples", Path: "b"},
			Candidate: plan.Candidate{Name: "careful", Model: model("agent")},
			Judge:     plan.Judge{Kind: plan.JudgeLLM, Model: model("judge")},
			Tasks:     1, Repairs: 1,
		},
	}
}

func with(c jobtest.Case, change func(*plan.Predict)) jobtest.Case {
	p := c.Params.(plan.Predict)
	change(&p)
	c.Params = p
	return c
}

func predicted(t *testing.T, c jobtest.Case) ([]trace.JudgedTrace, []rows.Row) {
	t.Helper()
	res, err := jobtest.Run(t, c)
	if err != nil {
		t.Fatal(err)
	}
	return decode[trace.JudgedTrace](t, res.Output(t, plan.JudgedOutput)), decode[rows.Row](t, res.Output(t, plan.RowsOutput))
}

func decode[T any](t *testing.T, data []byte) []T {
	t.Helper()
	var list []T
	err := job.Decode(bytes.NewReader(data), "output", func(_ int, row *T) error {
		list = append(list, *row)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func quiet(*llm.Request) string    { return `{"tasks":[]}` }
func agreeing(*llm.Request) string { return `{"accepted":true,"reason":"fits"}` }

// A bounded conversation is cut like the gym's: at twice what is kept, to what is
// kept, and not again before it has twice as many.
func TestFirstTurnOfABoundedConversation(t *testing.T) {
	for exchanges, want := range map[int][]int{
		0: {0, 0, 0, 0, 0, 0, 0, 0, 0},
		2: {0, 0, 0, 0, 2, 2, 4, 4, 6},
		3: {0, 0, 0, 0, 0, 0, 3, 3, 3},
	} {
		first := 0
		for j := range want {
			if exchanges > 0 && j-first >= 2*exchanges { // as the gym cuts
				first = j - exchanges
			}
			if got := firstTurn(j, exchanges); got != want[j] || got != first {
				t.Errorf("%d exchanges, turn %d: from %d, want %d", exchanges, j, got, want[j])
			}
		}
	}
}

func TestPredictIsMultiTurn(t *testing.T) {
	agent := &script{answer: func(req *llm.Request) string {
		if strings.Contains(last(req), "Searches") {
			return `{"tasks":["Write the regexp."]}`
		}
		return `{"tasks":[]}`
	}}
	judge := &script{answer: func(req *llm.Request) string {
		return fmt.Sprintf(`{"accepted":%t,"reason":"because"}`, !strings.Contains(last(req), "Runs"))
	}}
	judged, ledger := predicted(t, aCase(agent, judge))
	if len(judged) != 2 || judged[0].Trace.ID != "code_1" || judged[1].Trace.ID != "writing_1" {
		t.Fatalf("traces %+v", judged)
	}
	code := judged[0]
	if code.Candidate != "careful" || code.Simulated || code.Judge != plan.JudgeLLM || code.JudgeModel != "judge" || code.Trace.Domain != "coding" {
		t.Errorf("%+v", code)
	}
	search, run := code.Trace.Turns[1], code.Trace.Turns[2]
	if !slices.Equal(search.Proposals, []string{"Write the regexp."}) || !search.Judgement.Accepted || *search.Judgement.Task != 0 || search.Judgement.Reason != "because" {
		t.Errorf("the search: %+v %+v", search, search.Judgement)
	}
	if len(run.Proposals) != 0 || run.Judgement.Accepted || run.Judgement.Task != nil {
		t.Errorf("the run: %+v %+v", run, run.Judgement)
	}
	if len(ledger) != 5 || ledger[3].ID != "careful/writing_1/0" {
		t.Errorf("rows %+v", ledger)
	}
	for _, r := range ledger {
		if r.State != rows.Accepted || r.Yields != 1 || r.Stage != plan.JobPredict {
			t.Errorf("row %+v", r)
		}
	}

	// The third request of the code trace shows both earlier events and the
	// agent's own answers to them, and no verdict.
	i := slices.IndexFunc(agent.requests, func(r llm.Request) bool { return strings.Contains(last(&r), "Runs") })
	var got []string
	for _, m := range agent.requests[i].Messages[1:] {
		got = append(got, m.Role+" "+m.Content)
	}
	want := []string{
		"user [1] Opens parser.go.", `assistant {"tasks":[]}`,
		"user [2] Searches for a regexp.", `assistant {"tasks":["Write the regexp."]}`,
		"user [3] Runs the tests.",
	}
	if !slices.Equal(got, want) {
		t.Errorf("history\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if name := agent.requests[i].Schema.Name; name != "proposal" {
		t.Errorf("schema %q", name)
	}
	// The judge sees the events up to the one it judges, and nothing later.
	for _, r := range judge.requests {
		if strings.Contains(last(&r), "proposed: Write the regexp.") != (strings.Contains(last(&r), "Searches") && !strings.Contains(last(&r), "Runs")) {
			t.Errorf("case %q", last(&r))
		}
	}
	if len(agent.requests) != 5 || len(judge.requests) != 5 {
		t.Errorf("%d answers and %d verdicts for 5 events", len(agent.requests), len(judge.requests))
	}
}

func TestPredictRepairsAndFails(t *testing.T) {
	// Runs the tests: repaired once. Types a title: never usable.
	agent := &script{answer: func(req *llm.Request) string {
		text := req.Messages[len(req.Messages)-1].Content
		switch {
		case strings.Contains(text, "cannot be used") && strings.Contains(req.Messages[len(req.Messages)-3].Content, "Runs"):
			return `{"tasks":["Mend the test."]}`
		case strings.Contains(text, "Runs"), strings.Contains(text, "Types"), strings.Contains(text, "cannot be used"):
			return "I would rather chat."
		}
		return `{"tasks":[]}`
	}}
	judge := &script{answer: func(req *llm.Request) string {
		return fmt.Sprintf(`{"accepted":%t,"reason":""}`, strings.Contains(last(req), "Mend"))
	}}
	judged, ledger := predicted(t, aCase(agent, judge))
	if p := judged[0].Trace.Turns[2].Proposals; !slices.Equal(p, []string{"Mend the test."}) {
		t.Errorf("repaired to %q", p)
	}
	if judged[0].Failed != nil || !slices.Equal(judged[1].Failed, []int{1}) {
		t.Errorf("failed %v and %v", judged[0].Failed, judged[1].Failed)
	}
	title := judged[1].Trace.Turns[1]
	if len(title.Proposals) != 0 || title.Judgement == nil || title.Judgement.Accepted {
		t.Errorf("an unusable answer must be judged as the silence it is: %+v", title)
	}
	c := aCase(agent, judge)
	agent.requests = nil
	res, err := jobtest.Run(t, c)
	if err != nil {
		t.Fatal(err)
	}
	if kept := string(res.Output(t, plan.FailuresOutput)); strings.Count(kept, "\n") != 1 || !strings.Contains(kept, `"id":"`+ledger[4].ID+`","role":"candidate","cause":"`+causeMalformed) || !strings.Contains(kept, `"raw":"`) {
		t.Errorf("failures: %s", kept)
	}
	r := ledger[4]
	if r.State != rows.Failed || r.Cause != causeMalformed || r.Yields != 1 {
		t.Errorf("row %+v", r)
	}
	if len(agent.requests) != 7 {
		t.Errorf("%d requests, want 5 and a repair for 2 of them", len(agent.requests))
	}
}

func TestPredictRefusedAndBrokenCalls(t *testing.T) {
	failing := func(status int, class llm.Class, of string) llm.Chatter {
		return llm.ChatFunc(func(_ context.Context, req *llm.Request) (*llm.Response, error) {
			if strings.Contains(last(req), of) {
				return nil, &llm.Error{Model: "agent", Status: status, Class: class, Err: errors.New("we have no such field")}
			}
			return &llm.Response{Content: `{"tasks":[]}`}, nil
		})
	}
	for status, cause := range map[int]string{400: causeRefused, 200: causeSilent, 500: causeSilent, 0: causeSilent} {
		judged, ledger := predicted(t, aCase(failing(status, llm.Refused, "Types"), &script{answer: agreeing}))
		if !slices.Equal(judged[1].Failed, []int{1}) || ledger[4].State != rows.Failed || ledger[4].Cause != cause {
			t.Errorf("refused: %v, %+v", judged[1].Failed, ledger[4])
		}
	}
	// Where all fail, the provider has the last word.
	_, err := jobtest.Run(t, aCase(failing(418, llm.Refused, ""), &script{answer: agreeing}))
	if fault.Code(err) != fault.Permanent || !strings.Contains(err.Error(), "HTTP 418: we have no such field") || !strings.Contains(fault.Hint(err), "asks for them again") {
		t.Errorf("all refused: %v, %q", err, fault.Hint(err))
	}
	for _, class := range []llm.Class{llm.Retryable, llm.Denied} {
		_, err := jobtest.Run(t, aCase(failing(400, class, "Types"), &script{answer: agreeing}))
		e, ok := errors.AsType[*llm.Error](err)
		if !ok || e.Class != class || !strings.Contains(err.Error(), "candidate careful: writing_1/1") {
			t.Errorf("class %v: %v", class, err)
		}
	}
}

func TestPredictSilenceInWords(t *testing.T) {
	agent := &script{answer: func(*llm.Request) string { return `{"tasks":["None"]}` }}
	judged, _ := predicted(t, aCase(agent, &script{answer: agreeing}))
	if p := judged[0].Trace.Turns[0].Proposals; len(p) != 0 {
		t.Errorf("proposals %q", p)
	}
	raw, _ := json.Marshal(judged[0].Trace.Turns[0])
	if !bytes.Contains(raw, []byte(`"proposals":[]`)) {
		t.Errorf("silence is written as %s", raw)
	}
}

func TestPredictSeveralTasks(t *testing.T) {
	agent := &script{answer: func(req *llm.Request) string {
		if strings.Contains(last(req), "Opens parser") {
			return `{"tasks":["A bad idea.","A good idea.","Another good idea."]}`
		}
		return `{"tasks":["A bad idea.","A worse idea."]}`
	}}
	judge := &script{answer: func(req *llm.Request) string {
		return fmt.Sprintf(`{"accepted":%t,"reason":%q}`, strings.Contains(last(req), "good"), last(req)[strings.LastIndex(last(req), ":")+2:])
	}}
	judged, _ := predicted(t, with(aCase(agent, judge), func(p *plan.Predict) { p.Tasks = 3 }))
	first, second := judged[0].Trace.Turns[0].Judgement, judged[0].Trace.Turns[1].Judgement
	if !first.Accepted || first.Task == nil || *first.Task != 1 || first.Reason != "A good idea." {
		t.Errorf("any accepted task accepts the turn: %+v", first)
	}
	if second.Accepted || second.Task != nil || second.Reason != "A bad idea." {
		t.Errorf("none accepted: %+v", second)
	}
	// More tasks than were allowed, even after the repair, are no answer.
	agent.answer = func(req *llm.Request) string {
		if said := fmt.Sprint(req.Messages); strings.Contains(said, "Opens parser") && !strings.Contains(said, "Searches") {
			return `{"tasks":["A bad idea.","A good idea.","Another good idea."]}`
		}
		return `{"tasks":["A bad idea.","A worse idea."]}`
	}
	judged, ledger := predicted(t, with(aCase(agent, judge), func(p *plan.Predict) { p.Tasks = 2 }))
	if !slices.Equal(judged[0].Failed, []int{0}) || ledger[0].Cause != causeMalformed {
		t.Errorf("failed %v, row %+v", judged[0].Failed, ledger[0])
	}
}

func TestPredictJudgeThatBreaks(t *testing.T) {
	judge := &script{answer: func(req *llm.Request) string {
		if strings.Contains(last(req), "cannot be used") || strings.Contains(last(req), "Types") {
			return "Well, that depends."
		}
		return `{"accepted":true,"reason":""}`
	}}
	judged, ledger := predicted(t, aCase(&script{answer: quiet}, judge))
	if judged[1].Trace.Turns[1].Judgement != nil || judged[1].Trace.Turns[0].Judgement == nil {
		t.Errorf("judgements %+v", judged[1].Trace.Turns)
	}
	if judged[1].Failed != nil {
		t.Error("the judge's failure is not the candidate's")
	}
	if r := ledger[4]; r.State != rows.Failed || r.Cause != causeJudge || r.Yields != 0 {
		t.Errorf("row %+v", r)
	}
}

func TestPredictDoesNotDependOnInFlight(t *testing.T) {
	// Answers depend on the seed and the whole history, as a model's would.
	answer := func(req *llm.Request) string {
		h := len(fmt.Sprint(req.Messages)) + int(req.Seed%7)
		if req.Schema.Name == "judgement" {
			return fmt.Sprintf(`{"accepted":%t,"reason":"%d"}`, h%3 > 0, req.Seed)
		}
		if h%2 == 0 {
			return `{"tasks":[]}`
		}
		return fmt.Sprintf(`{"tasks":["Do %d."]}`, req.Seed)
	}
	var want []byte
	for _, inFlight := range []int{1, 8, 8} {
		c := aCase(&script{answer: answer}, &script{answer: answer})
		c.InFlight = inFlight
		c.Files = map[string]fs.FS{"samples": manyTraces(20)}
		res, err := jobtest.Run(t, c)
		if err != nil {
			t.Fatal(err)
		}
		got := append(res.Output(t, plan.JudgedOutput), res.Output(t, plan.RowsOutput)...)
		if want == nil {
			want = got
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%d in flight: other outputs", inFlight)
		}
	}
	if n := bytes.Count(want, []byte(`"Do `)); n < 40 || n > 160 {
		t.Errorf("%d proposals in 200 events: the test shows too little", n)
	}
}

func manyTraces(n int) fs.FS {
	var lines []string
	for i := range n {
		var events []string
		for j := range 10 {
			events = append(events, fmt.Sprintf(`{"observation":{"time":"%d","event":"Event %d of %d."}}`, j, j, i))
		}
		lines = append(lines, fmt.Sprintf("b/code_%02d.json: [%s]", i, strings.Join(events, ",")))
	}
	return files(lines...)
}

func TestPredictSeedsAreOfTheEvent(t *testing.T) {
	seeds := func(name string) map[string]uint64 {
		got := map[string]uint64{}
		agent := &script{answer: quiet}
		predicted(t, with(aCase(agent, &script{answer: agreeing}), func(p *plan.Predict) { p.Candidate.Name = name }))
		for _, r := range agent.requests {
			got[last(&r)] = r.Seed
			if r.Seed >= 1<<53 {
				t.Errorf("seed %d", r.Seed)
			}
		}
		return got
	}
	a, b := seeds("careful"), seeds("renamed")
	distinct := map[uint64]bool{}
	for event, s := range a {
		distinct[s] = true
		if b[event] != s {
			t.Errorf("%s: seeds %d and %d", event, s, b[event])
		}
	}
	if len(distinct) != 5 {
		t.Errorf("%d seeds for 5 events", len(distinct))
	}
}

func TestPredictErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*plan.Predict)
		want   string
	}{
		{"no such folder", func(p *plan.Predict) { p.Benchmark.Path = "elsewhere" }, "input samples, path elsewhere: benchmark: elsewhere holds no trace"},
		{"no such judge", func(p *plan.Predict) { p.Judge.Kind = "coin" }, `unknown judge "coin"`},
		{"no judge model", func(p *plan.Predict) { p.Judge.Model = nil }, "the judge has no model"},
		{"recorded verdicts of a live model", func(p *plan.Predict) { p.Judge = plan.Judge{Kind: plan.JudgeRecorded} }, "no recorded answer has a judgement"},
		{"no recording", func(p *plan.Predict) {
			p.Candidate = plan.Candidate{Name: "old", Recorded: &plan.File{Input: "samples", Path: "nowhere"}}
		}, `candidate old: input samples: recorded answers: no file nowhere/code_1.json for the trace "code_1"`},
		{"nobody", func(p *plan.Predict) { p.Candidate = plan.Candidate{Name: "nobody"} }, "neither a model nor recorded answers"},
	} {
		_, err := jobtest.Run(t, with(aCase(&script{answer: quiet}, &script{answer: agreeing}), c.change))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// A repeat asks the candidate anew and the judge as ever, and its rows have names of
// their own.
func TestPredictRepeats(t *testing.T) {
	ask := func(repeat int) (agent, judge *script, judged []trace.JudgedTrace, list []rows.Row) {
		agent, judge = &script{answer: quiet}, &script{answer: agreeing}
		judged, list = predicted(t, with(aCase(agent, judge), func(p *plan.Predict) { p.Repeat = repeat }))
		return agent, judge, judged, list
	}
	_, before, first, firstRows := ask(0)
	agent, judge, second, secondRows := ask(2)
	for _, req := range agent.requests {
		if req.Replicate != 2 {
			t.Errorf("the candidate was asked %+v", req)
		}
	}
	for _, req := range slices.Concat(before.requests, judge.requests) {
		if req.Replicate != 0 {
			t.Errorf("the judge was asked %+v", req)
		}
	}
	for i := range first {
		if first[i].Repeat != 0 || second[i].Repeat != 2 {
			t.Errorf("repeats %d, %d", first[i].Repeat, second[i].Repeat)
		}
	}
	if firstRows[0].ID != "careful/code_1/0" || secondRows[0].ID != "careful/code_1/0#2" {
		t.Errorf("%q, %q", firstRows[0].ID, secondRows[0].ID)
	}
}
