package evaluate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/rows"
)

// noDomain is the domain of traces whose file name has none.
const noDomain = "other"

// evaluation scores and compares results that are on the same events.
func evaluation(t *job.Task, params plan.Evaluate, results []result) metrics.Evaluation {
	first := results[0]
	e := metrics.Evaluation{
		Version: metrics.Version, Judge: first.traces[0].Judge, JudgeModel: first.traces[0].JudgeModel,
		Traces: len(first.traces), Events: metrics.Sum(first.counts).N(),
		Resamples: params.Resamples, Confidence: params.Confidence,
		Warnings: []string{}, Candidates: []metrics.Candidate{}, Comparisons: []metrics.Comparison{},
	}
	for _, tr := range first.traces {
		e.Unjudged += len(tr.Trace.Turns)
	}
	e.Unjudged -= e.Events
	for _, r := range results {
		c := candidate(t, params, r)
		e.Simulated = e.Simulated || c.Simulated
		e.Candidates = append(e.Candidates, c)
		t.Done(rows.Accepted)
	}
	e.Comparisons, e.Detectable = compare(t, params, results)
	e.Warnings = warnings(&e)
	return e
}

func candidate(t *job.Task, params plan.Evaluate, r result) metrics.Candidate {
	c := metrics.Candidate{Name: r.name, Score: metrics.ScoreOf(metrics.Sum(r.counts)), Domains: []metrics.Group{}, ByTrace: []metrics.Group{}}
	// Every candidate gets the same draws, so that their intervals differ only by their answers.
	c.F1CI[0], c.F1CI[1] = metrics.Interval(t.Rand("interval"), r.counts, params.Resamples, params.Confidence, metrics.Counts.F1)
	domains := map[string]metrics.Counts{}
	for i, tr := range r.traces {
		c.Simulated = c.Simulated || tr.Simulated
		c.Unanswered += len(tr.Unanswered)
		c.Failed += len(tr.Failed)
		domain := tr.Trace.Domain
		if domain == "" {
			domain = noDomain
		}
		domains[domain] = domains[domain].Add(r.counts[i])
		c.ByTrace = append(c.ByTrace, metrics.Group{Name: tr.Trace.ID, Domain: domain, Score: metrics.ScoreOf(r.counts[i])})
	}
	for _, name := range slices.Sorted(maps.Keys(domains)) {
		c.Domains = append(c.Domains, metrics.Group{Name: name, Score: metrics.ScoreOf(domains[name])})
	}
	return c
}

// compare compares every pair of candidates, and returns the largest of their
// detectable differences too.
func compare(t *job.Task, params plan.Evaluate, results []result) ([]metrics.Comparison, *float64) {
	list := []metrics.Comparison{}
	var p []float64
	var most *float64
	for i, a := range results {
		for _, b := range results[i+1:] {
			c := metrics.Comparison{A: a.name, B: b.name}
			c.Delta, c.P = metrics.Randomisation(t.Rand("randomisation", a.name, b.name), a.counts, b.counts, params.Resamples, metrics.Counts.F1)
			c.CI[0], c.CI[1] = metrics.DifferenceInterval(t.Rand("interval"), a.counts, b.counts, params.Resamples, params.Confidence, metrics.Counts.F1)
			if d, ok := metrics.Detectable(a.counts, b.counts, params.Confidence); ok {
				c.Detectable = &d
				if most == nil || d > *most {
					most = &d
				}
			}
			list, p = append(list, c), append(p, c.P)
		}
	}
	for i, adjusted := range metrics.Holm(p) {
		list[i].PHolm = adjusted
		list[i].Different = adjusted <= 1-params.Confidence
	}
	return list, most
}

// warnings says in plain words what a reader of the table must know.
func warnings(e *metrics.Evaluation) []string {
	list := []string{}
	if w := metrics.Few(e.Traces); w != "" {
		list = append(list, w)
	}
	if e.Unjudged > 0 {
		list = append(list, fmt.Sprintf("%d of %d events have no verdict and nobody is scored on them", e.Unjudged, e.Unjudged+e.Events))
	}
	var unanswered, failed []string
	for _, c := range e.Candidates {
		if c.Unanswered > 0 {
			unanswered = append(unanswered, fmt.Sprintf("%s %d", c.Name, c.Unanswered))
		}
		if c.Failed > 0 {
			failed = append(failed, fmt.Sprintf("%s %d", c.Name, c.Failed))
		}
	}
	if unanswered != nil {
		list = append(list, fmt.Sprintf("events without a recorded answer count as silence: %s of %d", strings.Join(unanswered, ", "), e.Events+e.Unjudged))
	}
	if failed != nil {
		list = append(list, fmt.Sprintf("events with an answer that could not be used count as silence: %s of %d", strings.Join(failed, ", "), e.Events+e.Unjudged))
	}
	if e.Simulated {
		list = append(list, "simulated: a stand-in answered or judged, so the scores say nothing about any real model")
	}
	return list
}
