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
		Confidence: params.Confidence, Baseline: params.Baseline, Adjust: params.Adjust,
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
	compare(t, params, candidates, &e)
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
	c.F1CI = metrics.F1Interval(counts, params.Confidence)
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
