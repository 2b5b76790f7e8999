package evaluate

import (
	"cmp"
	"maps"
	"slices"

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
		Version: metrics.Version, Judge: first.traces[0].judge, JudgeModel: first.traces[0].judgeModel,
		Traces: len(first.traces), Events: metrics.Sum(first.counts).N(),
		Resamples: params.Resamples, Confidence: params.Confidence,
		Warnings: []string{}, Candidates: []metrics.Candidate{}, Comparisons: []metrics.Comparison{},
	}
	for _, tr := range first.traces {
		e.Unjudged += len(tr.events)
	}
	e.Unjudged -= e.Events
	e.JudgeTraining, e.JudgePrompt = judgeTraining(first), params.JudgePrompt
	for _, r := range results {
		c := candidate(t, params, r)
		e.JudgedBy = union(e.JudgedBy, r, func(s scored) []string { return s.judgedBy })
		e.Simulated = e.Simulated || c.Simulated
		e.Candidates = append(e.Candidates, c)
		t.Done(rows.Accepted)
	}
	e.Comparisons, e.Detectable = compare(t, params, results)
	e.Warnings = warnings(&e, params)
	return e
}

// union adds the models of a result's traces, in alphabetical order.
func union(list []string, r result, of func(scored) []string) []string {
	for _, tr := range r.traces {
		list = append(list, of(tr)...)
		slices.Sort(list)
		list = slices.Compact(list)
	}
	return list
}

func candidate(t *job.Task, params plan.Evaluate, r result) metrics.Candidate {
	c := metrics.Candidate{Name: r.name, Score: metrics.ScoreOf(metrics.Sum(r.counts)), Domains: []metrics.Group{}, ByTrace: []metrics.Group{}}
	// Every candidate gets the same draws, so that their intervals differ only by their answers.
	c.F1CI[0], c.F1CI[1] = metrics.Interval(t.Rand("interval"), r.counts, params.Resamples, params.Confidence, metrics.Counts.F1)
	domains, accepted := map[string]metrics.Counts{}, 0
	for i, tr := range r.traces {
		c.Simulated = c.Simulated || tr.simulated
		c.Unanswered += tr.unanswered
		c.Failed += tr.failed
		c.Control += tr.control
		c.Proposals += tr.proposals
		accepted += tr.accepted
		domain := cmp.Or(tr.domain, noDomain)
		domains[domain] = domains[domain].Add(r.counts[i])
		c.ByTrace = append(c.ByTrace, metrics.Group{Name: tr.id, Domain: domain, Score: metrics.ScoreOf(r.counts[i])})
	}
	if own, ok := params.Prompts[r.name]; ok {
		c.Prompt = &own
	}
	c.AnsweredBy = union(nil, r, func(s scored) []string { return s.answeredBy })
	if n := r.alike(); n >= 5 && 2*n >= c.Proposals {
		c.Alike = n
	}
	if c.Proposals > 0 {
		c.Acceptance = float64(accepted) / float64(c.Proposals)
	}
	for _, name := range slices.Sorted(maps.Keys(domains)) {
		c.Domains = append(c.Domains, metrics.Group{Name: name, Score: metrics.ScoreOf(domains[name])})
	}
	return c
}

// judgeTraining adds up what the judge says of its training, trace by trace.
func judgeTraining(r result) *metrics.JudgeTraining {
	var sum *metrics.JudgeTraining
	for _, tr := range r.traces {
		t := tr.training
		if t == nil {
			return nil
		}
		if sum == nil {
			sum = &metrics.JudgeTraining{Proposals: t.Proposals, Accepted: t.Accepted}
		}
		sum.Seen += t.Seen
	}
	return sum
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
				d = metrics.Round(d, 6)
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
