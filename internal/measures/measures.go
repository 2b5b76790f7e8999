// Package measures sums a run's events up as they come, into the named numbers that
// Prometheus and OpenTelemetry are shown. docs/watching.md lists them.
//
// Totals never go back: what a shard's failed attempts used stays counted, and
// of its rows the most that any attempt ended.
package measures

import (
	"sync"

	"github.com/gymline/gymline/internal/progress"
)

// A Measure says what numbers of a name are. Labels name what tells them apart.
type Measure struct {
	Name, Help string
	Total      bool // it only grows; else it is how things stand now
	Real       bool // it has fractions
	Labels     []string
}

// A Point is one number; Of are the labels' values, in their order.
type Point struct {
	*Measure
	Value float64
	Of    []string
}

func gauge(name, help string, labels ...string) *Measure {
	return &Measure{Name: name, Help: help, Labels: labels}
}

func total(name, help string, labels ...string) *Measure {
	return &Measure{Name: name, Help: help, Total: true, Labels: labels}
}

func (m *Measure) real() *Measure {
	m.Real = true
	return m
}

var (
	runInfo      = gauge("run_info", "The run that is under way; the value is always 1.", "run", "experiment")
	rowsPlanned  = gauge("rows_planned", "Rows planned, of the shards that know theirs.", "step")
	rows         = total("rows", "Rows that ended: failed, or done in any other way.", "step", "state")
	calls        = total("calls", "Model calls that were answered, replayed ones included.", "step")
	replayed     = total("calls_replayed", "Model calls that the ledger answered, at no price.", "step")
	tokens       = total("tokens", "Tokens of answered calls; prompt tokens from the provider's cache are of the kind cached alone.", "step", "kind")
	cost         = total("cost_usd", "Price of the calls that were not replayed, in US dollars.", "step").real()
	callErrors   = total("call_errors", "Model calls that failed; all but the refused ones are tried again.", "step", "kind")
	inFlight     = gauge("calls_in_flight", "Model calls sent and not answered.", "step")
	waiting      = gauge("calls_waiting", "Model calls held back by limits.", "step")
	shards       = gauge("shards", "Shards by state.", "step", "state")
	shardRetries = total("shard_retries", "Attempts of shards that failed and were tried again.", "step")
	f1           = gauge("f1", "F1 of a candidate, from 0 to 1, once the run has ended.", "candidate").real()
	f1Low        = gauge("f1_low", "Lower bound of the interval of F1.", "candidate").real()
	f1High       = gauge("f1_high", "Upper bound of the interval of F1.", "candidate").real()
	gatePassed   = gauge("gate_passed", "Whether no rule of the gate is broken, once the run has ended.")
)

// All are the measures there are.
var All = []*Measure{
	runInfo, rowsPlanned, rows, calls, replayed, tokens, cost, callErrors, inFlight, waiting, shards, shardRetries, f1, f1Low, f1High, gatePassed,
}

// states of a shard, as the label has them; "" is of one that waits for its turn.
var states = []struct{ state, label string }{
	{"", "waiting"}, {progress.Running, "running"}, {progress.Retrying, "retrying"}, {progress.Reused, "reused"},
	{progress.Succeeded, "succeeded"}, {progress.Failed, "failed"}, {progress.Cancelled, "cancelled"},
}

// A Tally is a progress.Sink that is safe for concurrent use; taking an event costs a
// few additions. The zero Tally has no run yet.
type Tally struct {
	mu              sync.Mutex
	run, experiment string
	steps           []*progress.Step
	scores          []progress.Score
	gate            *progress.Gate
}

// Emit implements progress.Sink.
func (t *Tally) Emit(e progress.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch e.Type {
	case progress.RunOpened:
		t.run, t.experiment = e.Run, e.Experiment
		for _, s := range e.Steps {
			t.step(s.Step).Grow(s.Shards)
		}
	case progress.StepState, progress.Progress:
		t.step(e.Step).Take(e)
	case progress.RunEnded:
		t.scores, t.gate = e.Scores, e.Gate
	}
}

// Scored reports whether the run's scores are known.
func (t *Tally) Scored() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.scores) > 0
}

// step returns a step, which a stream may mention unannounced.
func (t *Tally) step(name string) *progress.Step {
	for _, s := range t.steps {
		if s.Name == name {
			return s
		}
	}
	s := &progress.Step{Name: name}
	t.steps = append(t.steps, s)
	return s
}

// Points reads the numbers out, so that no slow reader holds up an event.
func (t *Tally) Points() (list []Point) {
	t.mu.Lock()
	defer t.mu.Unlock()
	point := func(m *Measure, v float64, of ...string) { list = append(list, Point{m, v, of}) }
	count := func(m *Measure, v int64, of ...string) { point(m, float64(v), of...) }
	for _, s := range t.scores {
		point(f1, s.F1, s.Candidate)
		if s.F1CI != nil {
			point(f1Low, s.F1CI[0], s.Candidate)
			point(f1High, s.F1CI[1], s.Candidate)
		}
	}
	if g := t.gate; g != nil && g.Passed {
		count(gatePassed, 1)
	} else if g != nil {
		count(gatePassed, 0)
	}
	if t.run != "" {
		count(runInfo, 1, t.run, t.experiment)
	}
	for _, s := range t.steps {
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
		count(rowsPlanned, planned, s.Name)
		count(rows, done, s.Name, "done")
		count(rows, failed, s.Name, "failed")
		u, e := sum.Usage, sum.Errors
		count(calls, u.Calls, s.Name)
		count(replayed, u.Replayed, s.Name)
		count(tokens, u.Prompt-u.Cached, s.Name, "prompt")
		count(tokens, u.Cached, s.Name, "cached")
		count(tokens, u.Completion, s.Name, "completion")
		point(cost, u.USD, s.Name)
		count(callErrors, e.RateLimited, s.Name, "rate_limited")
		count(callErrors, e.Server, s.Name, "server")
		count(callErrors, e.Timeout, s.Name, "timeout")
		count(callErrors, e.Other, s.Name, "other")
		count(callErrors, e.Refused, s.Name, "refused")
		count(inFlight, sum.InFlight, s.Name)
		count(waiting, sum.Waiting, s.Name)
		for _, of := range states {
			count(shards, in[of.state], s.Name, of.label)
		}
		count(shardRetries, s.Retries, s.Name)
	}
	return list
}
