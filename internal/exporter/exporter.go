// Package exporter shows a run's events to Prometheus: it sums them up as they
// come, and reads the sums out when it is scraped.
//
// Counters never go back: what a shard's failed attempts used stays counted, and
// of its rows the most that any attempt ended.
package exporter

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gymline/gymline/internal/progress"
)

// An Exporter is a progress.Sink and a prometheus.Collector. It is safe for
// concurrent use; taking an event costs a few additions. The zero Exporter has no
// run yet.
type Exporter struct {
	mu              sync.Mutex
	run, experiment string
	steps           []*progress.Step
	scores          []progress.Score
	gate            *progress.Gate
}

// Emit implements progress.Sink.
func (x *Exporter) Emit(e progress.Event) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch e.Type {
	case progress.RunOpened:
		x.run, x.experiment = e.Run, e.Experiment
		for _, s := range e.Steps {
			x.step(s.Step).Grow(s.Shards)
		}
	case progress.StepState, progress.Progress:
		x.step(e.Step).Take(e)
	case progress.RunEnded:
		x.scores, x.gate = e.Scores, e.Gate
	}
}

// step returns a step, which a stream may mention unannounced.
func (x *Exporter) step(name string) *progress.Step {
	for _, s := range x.steps {
		if s.Name == name {
			return s
		}
	}
	s := &progress.Step{Name: name}
	x.steps = append(x.steps, s)
	return s
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("gymline_"+name, help, labels, nil)
}

var (
	runInfo      = describe("run_info", "The run that is under way; the value is always 1.", "run", "experiment")
	rowsPlanned  = describe("rows_planned", "Rows planned, of the shards that know theirs.", "step")
	rows         = describe("rows_total", "Rows that ended: failed, or done in any other way.", "step", "state")
	calls        = describe("calls_total", "Model calls that were answered, replayed ones included.", "step")
	replayed     = describe("calls_replayed_total", "Model calls that the ledger answered, at no price.", "step")
	tokens       = describe("tokens_total", "Tokens of answered calls; prompt tokens from the provider's cache are of the kind cached alone.", "step", "kind")
	cost         = describe("cost_usd_total", "Price of the calls that were not replayed, in US dollars.", "step")
	callErrors   = describe("call_errors_total", "Model calls that failed; all but the refused ones are tried again.", "step", "kind")
	inFlight     = describe("calls_in_flight", "Model calls sent and not answered.", "step")
	waiting      = describe("calls_waiting", "Model calls held back by limits.", "step")
	shards       = describe("shards", "Shards by state.", "step", "state")
	shardRetries = describe("shard_retries_total", "Attempts of shards that failed and were tried again.", "step")
	f1           = describe("f1", "F1 of a candidate, from 0 to 1, once the run has ended.", "candidate")
	f1Low        = describe("f1_low", "Lower bound of the interval of F1.", "candidate")
	f1High       = describe("f1_high", "Upper bound of the interval of F1.", "candidate")
	gatePassed   = describe("gate_passed", "Whether no rule of the gate is broken, once the run has ended.")
)

var descriptions = []*prometheus.Desc{
	runInfo, rowsPlanned, rows, calls, replayed, tokens, cost, callErrors, inFlight, waiting, shards, shardRetries, f1, f1Low, f1High, gatePassed,
}

// states of a shard, as the label has them; "" is of one that waits for its turn.
var states = map[string]string{
	"": "waiting", progress.Running: "running", progress.Retrying: "retrying", progress.Reused: "reused",
	progress.Succeeded: "succeeded", progress.Failed: "failed", progress.Cancelled: "cancelled",
}

// Describe implements prometheus.Collector.
func (x *Exporter) Describe(out chan<- *prometheus.Desc) {
	for _, d := range descriptions {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (x *Exporter) Collect(out chan<- prometheus.Metric) {
	for _, m := range x.metrics() {
		out <- m
	}
}

// metrics reads the sums out, so that no slow reader holds up an event.
func (x *Exporter) metrics() (list []prometheus.Metric) {
	x.mu.Lock()
	defer x.mu.Unlock()
	count := func(d *prometheus.Desc, v float64, labels ...string) {
		list = append(list, prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...))
	}
	measure := func(d *prometheus.Desc, v float64, labels ...string) {
		list = append(list, prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...))
	}
	gauge := func(d *prometheus.Desc, v int64, labels ...string) { measure(d, float64(v), labels...) }
	for _, s := range x.scores {
		measure(f1, s.F1, s.Candidate)
		if s.F1CI != nil {
			measure(f1Low, s.F1CI[0], s.Candidate)
			measure(f1High, s.F1CI[1], s.Candidate)
		}
	}
	if g := x.gate; g != nil && g.Passed {
		gauge(gatePassed, 1)
	} else if g != nil {
		gauge(gatePassed, 0)
	}
	if x.run != "" {
		gauge(runInfo, 1, x.run, x.experiment)
	}
	for _, s := range x.steps {
		sum := s.Sum()
		var planned, done, failed int64
		in := map[string]int64{}
		for i := range s.Shards {
			sh := &s.Shards[i]
			planned += sh.Total
			done += sh.Most.Done
			failed += sh.Most.Failed
			in[sh.State]++
		}
		gauge(rowsPlanned, planned, s.Name)
		count(rows, float64(done), s.Name, "done")
		count(rows, float64(failed), s.Name, "failed")
		u, e := sum.Usage, sum.Errors
		count(calls, float64(u.Calls), s.Name)
		count(replayed, float64(u.Replayed), s.Name)
		count(tokens, float64(u.Prompt-u.Cached), s.Name, "prompt")
		count(tokens, float64(u.Cached), s.Name, "cached")
		count(tokens, float64(u.Completion), s.Name, "completion")
		count(cost, u.USD, s.Name)
		count(callErrors, float64(e.RateLimited), s.Name, "rate_limited")
		count(callErrors, float64(e.Server), s.Name, "server")
		count(callErrors, float64(e.Timeout), s.Name, "timeout")
		count(callErrors, float64(e.Other), s.Name, "other")
		count(callErrors, float64(e.Refused), s.Name, "refused")
		gauge(inFlight, sum.InFlight, s.Name)
		gauge(waiting, sum.Waiting, s.Name)
		for state, label := range states {
			gauge(shards, in[state], s.Name, label)
		}
		count(shardRetries, float64(s.Retries), s.Name)
	}
	return list
}
