package exporter

import (
	"context"
	"io"
	"maps"
	"math"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
	"go.uber.org/goleak"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/progress"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func state(shard int, state string) progress.Event {
	return progress.Event{Type: progress.StepState, Step: "predict", Shard: shard, State: state}
}

func counts(shard int, done, failed, calls int64) progress.Event {
	return progress.Event{Type: progress.Progress, Step: "predict", Shard: shard, Done: done, Total: 100, Failed: failed, InFlight: 6, Waiting: 1,
		Usage:  &llm.Usage{Calls: calls, Replayed: calls / 10, Prompt: 100 * calls, Cached: 40 * calls, Completion: 10 * calls, USD: 0.25 * float64(calls)},
		Errors: &llm.Errors{RateLimited: calls / 20, Server: 2, Timeout: 3, Other: 4, Refused: 5}}
}

// script is a run of two shards, one of which fails and is tried again.
func script() []progress.Event {
	return []progress.Event{
		{Type: progress.RunOpened, Run: "big-1", Experiment: "big", Steps: []progress.StepShape{{Step: "predict", Shards: 3}, {Step: "evaluate", Shards: 1}}},
		state(2, progress.Reused), state(0, progress.Running), state(1, progress.Running),
		counts(0, 40, 1, 80), counts(1, 30, 4, 60), state(1, progress.Retrying), state(1, progress.Running), counts(1, 5, 0, 20),
		counts(0, 100, 1, 200), state(0, progress.Succeeded), counts(1, 60, 2, 120),
	}
}

func TestMetricsOfARun(t *testing.T) {
	x := &Exporter{}
	for _, e := range script() {
		x.Emit(e)
	}
	want := `
# HELP gymline_calls_total Model calls that were answered, replayed ones included.
# TYPE gymline_calls_total counter
gymline_calls_total{step="evaluate"} 0
gymline_calls_total{step="predict"} 380
# HELP gymline_calls_replayed_total Model calls that the ledger answered, at no price.
# TYPE gymline_calls_replayed_total counter
gymline_calls_replayed_total{step="evaluate"} 0
gymline_calls_replayed_total{step="predict"} 38
# HELP gymline_calls_in_flight Model calls sent and not answered.
# TYPE gymline_calls_in_flight gauge
gymline_calls_in_flight{step="evaluate"} 0
gymline_calls_in_flight{step="predict"} 6
# HELP gymline_cost_usd_total Price of the calls that were not replayed, in US dollars.
# TYPE gymline_cost_usd_total counter
gymline_cost_usd_total{step="evaluate"} 0
gymline_cost_usd_total{step="predict"} 95
# HELP gymline_rows_planned Rows planned, of the shards that know theirs.
# TYPE gymline_rows_planned gauge
gymline_rows_planned{step="evaluate"} 0
gymline_rows_planned{step="predict"} 200
# HELP gymline_rows_total Rows that ended: failed, or done in any other way.
# TYPE gymline_rows_total counter
gymline_rows_total{state="done",step="evaluate"} 0
gymline_rows_total{state="done",step="predict"} 157
gymline_rows_total{state="failed",step="evaluate"} 0
gymline_rows_total{state="failed",step="predict"} 5
# HELP gymline_run_info The run that is under way; the value is always 1.
# TYPE gymline_run_info gauge
gymline_run_info{experiment="big",run="big-1"} 1
# HELP gymline_tokens_total Tokens of answered calls; prompt tokens from the provider's cache are of the kind cached alone.
# TYPE gymline_tokens_total counter
gymline_tokens_total{kind="cached",step="evaluate"} 0
gymline_tokens_total{kind="cached",step="predict"} 15200
gymline_tokens_total{kind="completion",step="evaluate"} 0
gymline_tokens_total{kind="completion",step="predict"} 3800
gymline_tokens_total{kind="prompt",step="evaluate"} 0
gymline_tokens_total{kind="prompt",step="predict"} 22800
`
	names := regexp.MustCompile(`(?m)^# TYPE (\S+)`)
	var compared []string
	for _, m := range names.FindAllStringSubmatch(want, -1) {
		compared = append(compared, m[1])
	}
	if err := testutil.CollectAndCompare(x, strings.NewReader(want), compared...); err != nil {
		t.Error(err)
	}
	for label, n := range map[string]float64{`shards{state="running",step="predict"}`: 1, `shards{state="reused",step="predict"}`: 1, `shards{state="waiting",step="evaluate"}`: 1,
		`shards{state="succeeded",step="predict"}`: 1, `shard_retries_total{step="predict"}`: 1, `calls_waiting{step="predict"}`: 1,
		`call_errors_total{kind="rate_limited",step="predict"}`: 19, `call_errors_total{kind="refused",step="predict"}`: 15} {
		if got := samples(t, x)["gymline_"+label]; got != n {
			t.Errorf("%s is %v, want %v", label, got, n)
		}
	}
}

func TestNamesFollowThePrometheusConventions(t *testing.T) {
	x := &Exporter{}
	for _, e := range script() {
		x.Emit(e)
	}
	problems, err := testutil.CollectAndLint(x)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// samples are the values by name and labels, as they are written out.
func samples(t *testing.T, x *Exporter) map[string]float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(x)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+`="`+l.GetValue()+`"`)
			}
			all[f.GetName()+"{"+strings.Join(labels, ",")+"}"] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return all
}

// Whatever comes, no counter goes back.
func TestCountersNeverGoBack(t *testing.T) {
	x := &Exporter{}
	before := map[string]float64{}
	events := append(script(), state(1, progress.Retrying), state(1, progress.Running), counts(1, 1, 1, 1), state(1, progress.Running), counts(1, 2, 0, 1),
		state(1, progress.Failed), state(0, progress.Cancelled))
	for i, e := range events {
		x.Emit(e)
		now := samples(t, x)
		for name, v := range now {
			if math.IsNaN(v) || strings.Contains(name, "_total{") && v < before[name] {
				t.Errorf("event %d: %s went from %v to %v", i, name, before[name], v)
			}
		}
		before = now
	}
}

// A real scrape, and the end of the server with the run.
func TestScrape(t *testing.T) {
	s, err := Listen("127.0.0.1:0", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	for _, e := range script() {
		s.Emit(e)
	}
	resp, err := http.Get("http://" + s.Address() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var parser expfmt.TextParser
	families, err := parser.TextToMetricFamilies(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%v, %s", err, resp.Status)
	}
	if f := families["gymline_calls_total"]; f == nil || len(f.GetMetric()) != 2 {
		t.Errorf("gymline_calls_total is %v, among %v", f, slices.Sorted(maps.Keys(families)))
	}
	if families["process_resident_memory_bytes"] == nil && families["go_goroutines"] == nil {
		t.Error("nothing is told of the process")
	}
	if _, err := Listen(s.Address(), time.Now); fault.Code(err) != fault.Config || !strings.Contains(err.Error(), s.Address()) || !strings.Contains(fault.Hint(err), "--metrics") {
		t.Errorf("a taken address: %v (%s)", err, fault.Hint(err))
	}
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if resp, err := http.Get("http://" + s.Address() + "/metrics"); err == nil {
		resp.Body.Close()
		t.Error("it serves after its end")
	}
}

// The page for readers has every metric, and no other.
func TestEveryMetricIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/watching.md")
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(gymline_[a-z0-9_]+)`").FindAllStringSubmatch(string(page), -1) {
		got = append(got, m[1])
	}
	for _, d := range described {
		want = append(want, regexp.MustCompile(`fqName: "([^"]+)"`).FindStringSubmatch(d.String())[1])
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("docs/watching.md has %v\nand there are %v", got, want)
	}
}

func BenchmarkEmit(b *testing.B) {
	x := &Exporter{}
	for _, e := range script() {
		x.Emit(e)
	}
	e := counts(1, 50, 1, 100)
	for b.Loop() {
		x.Emit(e)
	}
}

// What a run came to is seen: its end waits for a scraper that comes again and again, and
// for nobody else.
func TestTheEndIsSeen(t *testing.T) {
	now := time.Now()
	s, err := Listen("127.0.0.1:0", func() time.Time { now = now.Add(time.Minute); return now })
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close(context.Background()) }()
	get := func() string {
		resp, err := http.Get("http://" + s.Address() + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	quiet := func(why string) {
		s.Seen(t.Context(), func(time.Duration) { t.Errorf("it waits %s", why) })
	}
	ended := progress.Event{Type: progress.RunEnded, Scores: []progress.Score{{Candidate: "ours", F1: 0.5, F1CI: &[2]float64{0.25, 0.75}}}, Gate: &progress.Gate{}}
	get()
	s.Emit(ended)
	quiet("though nobody comes again")
	get()
	s.Emit(progress.Event{Type: progress.RunEnded})
	quiet("though there are no scores")
	s.Emit(ended)
	var page string
	s.Seen(t.Context(), func(wait time.Duration) {
		if wait != 2*time.Minute {
			t.Errorf("it waits %s", wait)
		}
		page = get()
	})
	for _, want := range []string{`gymline_f1{candidate="ours"} 0.5`, `gymline_f1_low{candidate="ours"} 0.25`, `gymline_f1_high{candidate="ours"} 0.75`, "gymline_gate_passed 0"} {
		if !strings.Contains(page, want+"\n") {
			t.Errorf("no %s in\n%s", want, page)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	s.Seen(gone, func(time.Duration) { cancel() })
	http.DefaultClient.CloseIdleConnections()
}
