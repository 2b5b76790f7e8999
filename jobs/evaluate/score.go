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
func evaluation(t *job.Task, params plan.Evaluate, candidates []answers) metrics.Evaluation {
	first := candidates[0][0]
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
	e.JudgeTraining, e.JudgePrompt, e.JudgeAsked = judgeTraining(first), params.JudgePrompt, first.traces[0].judgeAsked
	for _, a := range candidates {
		c := candidate(t, params, a)
		if c.Repetition != nil {
			e.Repeats = max(e.Repeats, c.Repeats)
		}
		e.JudgedBy = union(e.JudgedBy, a, func(s scored) []string { return s.judgedBy })
		e.Simulated = e.Simulated || c.Simulated
		e.Candidates = append(e.Candidates, c)
		t.Done(rows.Accepted)
	}
	e.Comparisons, e.Detectable = compare(t, params, candidates)
	e.Warnings = warnings(&e, params)
	return e
}

// union adds the models of a candidate's traces, in alphabetical order.
func union(list []string, a answers, of func(scored) []string) []string {
	for _, r := range a {
		for _, tr := range r.traces {
			list = append(list, of(tr)...)
			slices.Sort(list)
			list = slices.Compact(list)
		}
	}
	return list
}

func candidate(t *job.Task, params plan.Evaluate, a answers) metrics.Candidate {
	counts := a.counts(1)
	c := metrics.Candidate{Name: a[0].name, Score: metrics.MeanScore(counts.Sums()), Repetition: repetition(a, counts)}
	// Every candidate gets the same draws, so that their intervals differ only by their answers.
	c.F1CI[0], c.F1CI[1] = metrics.Interval(t.Rand("interval"), counts, params.Resamples, params.Confidence, metrics.Counts.F1)
	accepted := 0
	for _, r := range a {
		for _, tr := range r.traces {
			c.Simulated = c.Simulated || tr.simulated
			c.Unanswered += tr.unanswered
			c.Failed += tr.failed
			c.Control += tr.control
			c.Proposals += tr.proposals
			accepted += tr.accepted
		}
	}
	if own, ok := params.Prompts[c.Name]; ok {
		c.Prompt = &own
	}
	c.Asked = a[0].traces[0].asked
	c.AnsweredBy = union(nil, a, func(s scored) []string { return s.answeredBy })
	if n := a.alike(); n >= 5 && 2*n >= c.Proposals {
		c.Alike = n
	}
	if c.Proposals > 0 {
		c.Acceptance = float64(accepted) / float64(c.Proposals)
	}
	c.Domains, c.ByTrace = groups(a, counts)
	return c
}

// repetition tells of repeats; nil where there is one.
func repetition(a answers, counts metrics.Repeated) *metrics.Repetition {
	n := len(counts)
	if n < 2 {
		return nil
	}
	rep, right := &metrics.Repetition{Repeats: n}, a.right()
	rep.F1ByRepeat, rep.F1SD = metrics.Spread(counts.Sums(), metrics.Counts.F1)
	for k := 1; k <= n; k++ {
		all, some := metrics.Passes(right, n, k)
		rep.PassK, rep.PassAtK = append(rep.PassK, metrics.Round(all, 12)), append(rep.PassAtK, metrics.Round(some, 12))
	}
	rep.F1SD = metrics.Round(rep.F1SD, 12)
	return rep
}

// groups scores a candidate's parts.
func groups(a answers, counts metrics.Repeated) (domains, traces []metrics.Group) {
	domains, traces = []metrics.Group{}, []metrics.Group{}
	of := map[string][]metrics.Counts{} // by domain, then by repeat
	for i, tr := range a[0].traces {
		domain, repeats := cmp.Or(tr.domain, noDomain), make([]metrics.Counts, len(counts))
		if of[domain] == nil {
			of[domain] = make([]metrics.Counts, len(counts))
		}
		for r := range counts {
			repeats[r], of[domain][r] = counts[r][i], of[domain][r].Add(counts[r][i])
		}
		traces = append(traces, metrics.Group{Name: tr.id, Domain: domain, Score: metrics.MeanScore(repeats)})
	}
	for _, name := range slices.Sorted(maps.Keys(of)) {
		domains = append(domains, metrics.Group{Name: name, Score: metrics.MeanScore(of[name])})
	}
	return domains, traces
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
func compare(t *job.Task, params plan.Evaluate, candidates []answers) ([]metrics.Comparison, *float64) {
	list := []metrics.Comparison{}
	var p []float64
	var most *float64
	for i, of := range candidates {
		for _, and := range candidates[i+1:] {
			n := max(len(of), len(and))
			a, b := of.counts(n), and.counts(n)
			c := metrics.Comparison{A: of[0].name, B: and[0].name}
			c.Delta, c.P = metrics.Randomisation(t.Rand("randomisation", c.A, c.B), a, b, params.Resamples, metrics.Counts.F1)
			c.CI[0], c.CI[1] = metrics.DifferenceInterval(t.Rand("interval"), a, b, params.Resamples, params.Confidence, metrics.Counts.F1)
			if d, ok := metrics.Detectable(a, b, params.Confidence); ok {
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
