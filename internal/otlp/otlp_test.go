package otlp

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/otlp/otlptest"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 11, 29, 3, 0, 0, 0, time.UTC)

// open reads an environment, in which nothing is wrong, and begins to send.
func open(t *testing.T, env map[string]string) *Exporter {
	t.Helper()
	c, problems := FromEnv(func(name string) string { return env[name] })
	if c == nil || len(problems) > 0 {
		t.Fatalf("%+v, %v", c, problems)
	}
	return Open(c, "v1", func() time.Time { return start })
}

func state(step string, shard int, state string) progress.Event {
	return progress.Event{Type: progress.StepState, Step: step, Shard: shard, State: state}
}

func counts(step string, shard int, done, calls int64) progress.Event {
	return progress.Event{Type: progress.Progress, Step: step, Shard: shard, Done: done, Total: 10, Failed: 1,
		Usage: &llm.Usage{Calls: calls, Replayed: 1, Prompt: 100 * calls, Cached: 40 * calls, Completion: 10 * calls, USD: .25}}
}

// play tells of a run, an event a second: one shard is reused, one is tried again, and
// the step after it fails for good.
func play(x *Exporter) {
	failing := state("predict", 1, progress.Retrying)
	failing.Cause, failing.Hint, failing.ExitCode = "HTTP 500\x1b[31m", "wait", fault.Temporary
	lasting := state("evaluate", 0, progress.Failed)
	lasting.Cause, lasting.ExitCode = "row 3 is bad", fault.Permanent
	for i, e := range []progress.Event{
		{Type: progress.InputRead, Input: "samples", Done: 1, Total: 1},
		{Type: progress.RunOpened, Run: "big-1", Experiment: "big", Steps: []progress.StepShape{{Step: "predict", Shards: 3}, {Step: "evaluate", Shards: 1}, {Step: "report", Shards: 1}}},
		state("predict", 2, progress.Reused), state("predict", 0, progress.Running), state("predict", 1, progress.Running),
		counts("predict", 1, 3, 30), failing, state("predict", 1, progress.Running), counts("predict", 0, 10, 100), state("predict", 0, progress.Succeeded),
		counts("predict", 1, 10, 90), state("predict", 1, progress.Succeeded), state("evaluate", 0, progress.Running), lasting,
		{Type: progress.RunEnded, Run: "big-1", State: store.Failed, Cause: "run big-1 failed in evaluate/0: row 3 is bad", Hint: "mend it", ExitCode: fault.Permanent,
			Scores: []progress.Score{{Candidate: "c", F1: .5, F1CI: &[2]float64{.4, .6}}}, Gate: &progress.Gate{Sentence: "gate failed: s"}},
	} {
		x.Measure(e)
		x.Trace(start.Add(time.Duration(i+1)*time.Second), e)
	}
}

// told is a span in one line.
func told(s *tracepb.Span) string {
	at := func(ns uint64) int { return int(time.Unix(0, int64(ns)).Sub(start).Seconds()) }
	a := otlptest.Attributes(s.Attributes)
	line := fmt.Sprintf("%s %d-%d %s", s.Name, at(s.StartTimeUnixNano), at(s.EndTimeUnixNano), a["gymline.outcome"])
	for _, key := range []string{"gymline.shard", "gymline.attempt", "gymline.shards", "gymline.shards.reused", "gymline.calls", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "process.exit.code"} {
		if v, ok := a[key]; ok {
			line += " " + key[strings.LastIndex(key, ".")+1:] + "=" + v
		}
	}
	if s.Status.GetCode() == tracepb.Status_STATUS_CODE_ERROR {
		line += ": " + s.Status.Message
	}
	return line
}

// A run is one trace: what failed says why, what was tried again is there twice, and what
// was reused is a number.
func TestTraceOfARun(t *testing.T) {
	c := otlptest.New(t)
	x := open(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL, "OTEL_RESOURCE_ATTRIBUTES": "team=a%2Cb, service.name=x", "OTEL_SERVICE_NAME": "nights"})
	play(x)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	spans := c.Spans(t)
	var got []string
	ids := map[string]*tracepb.Span{}
	for _, s := range spans {
		got = append(got, told(s))
		ids[string(s.SpanId)] = s
		if a := otlptest.Attributes(s.Attributes); a["gymline.run"] != "big-1" || a["gymline.experiment"] != "big" {
			t.Errorf("%v", s)
		}
	}
	want := []string{
		"predict shard 5-7 retrying shard=1 attempt=1 calls=30 input_tokens=3000 output_tokens=300 code=75: HTTP 500\\u001b[31m",
		"predict shard 4-10 succeeded shard=0 attempt=1 calls=100 input_tokens=10000 output_tokens=1000",
		"predict shard 8-12 succeeded shard=1 attempt=2 calls=90 input_tokens=9000 output_tokens=900",
		"predict 3-12 succeeded shards=3 reused=1",
		"evaluate shard 13-14 failed shard=0 attempt=1 code=65: row 3 is bad",
		"evaluate 13-14 failed shards=1 reused=0: row 3 is bad",
		"run big 0-15 failed code=65: run big-1 failed in evaluate/0: row 3 is bad",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for i, parent := range []string{"predict", "predict", "predict", "run big", "evaluate", "run big", ""} {
		if p := ids[string(spans[i].ParentSpanId)]; p.GetName() != parent {
			t.Errorf("%s is below %q, want %q", spans[i].Name, p.GetName(), parent)
		}
	}
	if r := c.Resource(); r["service.name"] != "nights" || r["team"] != "a,b" || r["gymline.run"] != "big-1" || len(r["service.instance.id"]) != 36 || r["service.version"] != "v1" {
		t.Errorf("%v", r)
	}
	for metric, points := range map[string]map[string]float64{
		"gymline.calls":       {"predict": 220, "evaluate": 0, "report": 0},
		"gymline.cost_usd":    {"predict": .75, "evaluate": 0, "report": 0},
		"gymline.f1":          {"c": .5},
		"gymline.f1_high":     {"c": .6},
		"gymline.gate_passed": {"": 0},
		"gymline.run_info":    {"big-1 big": 1},
	} {
		if got := c.Points(t, metric); fmt.Sprint(got) != fmt.Sprint(points) {
			t.Errorf("%s is %v, want %v", metric, got, points)
		}
	}
}

// The same events at the same times are the same spans, and another time is another trace.
func TestIdentifiers(t *testing.T) {
	trace := func(began time.Time) string {
		c := otlptest.New(t)
		x := open(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL})
		x.Since(began)
		play(x)
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, s := range c.Spans(t) {
			all = append(all, fmt.Sprintf("%x %x", s.TraceId, s.SpanId))
		}
		return strings.Join(all, "\n")
	}
	if a, b := trace(start), trace(start); a != b {
		t.Errorf("%s\nand\n%s", a, b)
	}
	if a, b := trace(start), trace(start.Add(time.Nanosecond)); a[:32] == b[:32] {
		t.Error("two runs of a name are one trace")
	}
}

// Below a CI job the run is a part of its trace, unless that is not kept.
func TestParent(t *testing.T) {
	const trace, above = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	c := otlptest.New(t)
	env := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL, "TRACEPARENT": "00-" + trace + "-" + above + "-01"}
	x := open(t, env)
	play(x)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	spans := c.Spans(t, above)
	if root := spans[len(spans)-1]; fmt.Sprintf("%x %x", root.TraceId, root.ParentSpanId) != trace+" "+above {
		t.Errorf("%v", root)
	}
	env["TRACEPARENT"] = "00-" + trace + "-" + above + "-00"
	c = otlptest.New(t)
	env["OTEL_EXPORTER_OTLP_ENDPOINT"] = c.URL
	x = open(t, env)
	play(x)
	if err := x.Close(); err != nil || len(c.Spans(t)) > 0 || c.Points(t, "gymline.calls") == nil {
		t.Errorf("%v, %v", err, c.Spans(t))
	}
}

// What began and did not end, ends with the run; and a run that never opened is told of.
func TestCutOff(t *testing.T) {
	for _, test := range []struct {
		events []progress.Event
		want   []string
	}{
		{[]progress.Event{{Type: progress.RunEnded, State: store.Failed, Cause: "no such file", ExitCode: 78}}, []string{"run 0-1 failed code=78: no such file"}},
		{
			[]progress.Event{
				{Type: progress.RunOpened, Run: "x-1", Experiment: "x", Steps: []progress.StepShape{{Step: "make", Shards: 2}}}, state("make", 0, progress.Running), state("make", 1, progress.Running),
				state("make", 1, progress.Cancelled), {Type: progress.RunEnded, Run: "x-1", State: store.Interrupted, Cause: "interrupted", ExitCode: 130}, state("make", 0, progress.Succeeded),
			},
			[]string{
				"make shard 3-4 cancelled shard=1 attempt=1", "make shard 2-5 unknown shard=0 attempt=1", "make 2-5 cancelled shards=2 reused=0", "run x 0-5 interrupted code=130: interrupted",
			},
		},
		{
			[]progress.Event{
				{Type: progress.RunOpened, Run: "x-1", Experiment: "x", Steps: []progress.StepShape{{Step: "make", Shards: 1}}}, state("make", 0, progress.Running), state("make", 0, progress.Running),
				{Type: progress.Progress, Step: "make", Shard: 7}, state("other", 3, progress.Running), state("make", 0, progress.Reused), {Type: progress.RunEnded, Run: "x-1", State: store.Succeeded, ExitCode: 66},
			},
			[]string{
				"make shard 2-3 unknown shard=0 attempt=1", "make shard 3-6 reused shard=0 attempt=2", "make 2-6 reused shards=1 reused=1",
				"other shard 5-7 unknown shard=3 attempt=1", "other 5-7 unknown shards=0 reused=0", "run x 0-7 succeeded code=66",
			},
		},
	} {
		c := otlptest.New(t)
		x := open(t, map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": c.URL + "/v1/traces"})
		for i, e := range test.events {
			x.Trace(start.Add(time.Duration(i+1)*time.Second), e)
		}
		if err := x.Close(); err != nil {
			t.Error(err)
		}
		var got []string
		for _, s := range c.Spans(t) {
			got = append(got, told(s))
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
		}
	}
}
