package rewardmodel

import (
	"fmt"
	"slices"

	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/trace"
)

const testSplit = "test"

// measure computes every protocol, and sets the model's thresholds and what it
// says of its training.
func (d *dataset) measure(rows []trace.Judged, model *Model, held *heldOut, o Options) *Metrics {
	thresholdsWithout := d.choosers(held)
	model.Thresholds = thresholdsWithout(-1)
	m := &Metrics{
		Format: 1, Data: countData(rows), Simulated: o.Simulated, Folds: model.Training.Folds,
		Resamples: o.Resamples, Confidence: o.Confidence,
	}
	train, test := d.split(rows)
	// A group's own scores have no part in the thresholds that it is judged by.
	verdicts := make([]bool, len(rows))
	thresholds := make([]Thresholds, len(rows))
	for g := range d.groups {
		th := thresholdsWithout(g)
		for _, t := range d.groups[g].turns {
			for _, c := range t.cases {
				thresholds[c.row], verdicts[c.row] = th, held.rows[c.row] >= th.of(c.task == nil)
			}
		}
	}
	evaluate := func(name string, which []int, scores []float64, verdicts []bool) Result {
		return newSample(rows, which, scores, verdicts).result(name, o)
	}
	score := func(name string, which []int) Result {
		r := evaluate(name, which, held.rows, verdicts)
		r.Thresholds, r.ThresholdRange = &model.Thresholds, span(thresholds, which)
		return r
	}

	which := test
	const protocol = ", each scored by a model and a vocabulary that never saw its group, at a threshold that the group's scores had no part in"
	var trained *Result
	if len(test) == 0 {
		which = train
		m.TraceHeldOut = score("traceHeldOut", train)
		m.TraceHeldOut.Note = "every row" + protocol
		if slices.ContainsFunc(rows, func(r trace.Judged) bool { return r.Source == trace.ProactiveBench }) {
			m.Warnings = append(m.Warnings, "the ProactiveBench data has no test split (reward_data/test_data.jsonl): traceHeldOut is over every row, and official is missing")
		}
		trained = &m.TraceHeldOut
	} else {
		m.TraceHeldOut = score("traceHeldOut", test)
		m.TraceHeldOut.Note = "the source's test rows" + protocol
		cv := score("crossValidation", train)
		cv.Note = "the training rows" + protocol + "; features and the threshold rule were chosen here"
		m.CrossValidation, trained = &cv, &cv
		m.leaks(d, rows, test, model, evaluate)
	}
	constant := func(name string, accept bool) Result {
		scores, verdicts := make([]float64, len(rows)), make([]bool, len(rows))
		for i := range rows {
			scores[i], verdicts[i] = flag(accept), accept
		}
		r := evaluate(name, which, scores, verdicts)
		r.Note = "the rows of traceHeldOut"
		return r
	}
	m.Baselines.AlwaysAccept = constant("alwaysAccept", true)
	m.Baselines.AlwaysReject = constant("alwaysReject", false)
	if w := metrics.FewOf(m.TraceHeldOut.Groups, "group"); w != "" {
		m.Warnings = append(m.Warnings, w)
	}
	t := &model.Training
	t.TraceHeldOut = Summary{m.TraceHeldOut.Rows, m.TraceHeldOut.F1, m.TraceHeldOut.Accuracy, m.TraceHeldOut.AUC}
	t.AcceptedProposals, t.AcceptedSilences = trained.Proposals.acceptance(), trained.Silences.acceptance()
	return m
}

// choosers returns a function that chooses both thresholds on every group but
// one. Proposals weigh as they come, silences by the turns that say whether
// help was needed: what the two regressions learn from.
func (d *dataset) choosers(held *heldOut) (without func(group int) Thresholds) {
	var proposals, silences []scored
	for g := range d.groups {
		for i, t := range d.groups[g].turns {
			if t.need != nil {
				silences = append(silences, scored{g, held.silences[g][i], !*t.need})
			}
			for _, c := range t.cases {
				if c.task != nil && !c.test {
					proposals = append(proposals, scored{g, held.rows[c.row], c.accepted})
				}
			}
		}
	}
	p, s := newChooser(proposals), newChooser(silences)
	return func(group int) Thresholds { return Thresholds{p.without(group), s.without(group)} }
}

// leaks scores the official split and what a mere lookup reaches on it.
func (m *Metrics) leaks(d *dataset, rows []trace.Judged, test []int, model *Model, evaluate func(string, []int, []float64, []bool) Result) {
	scores, verdicts := make([]float64, len(rows)), make([]bool, len(rows))
	looked, lookup := make([]float64, len(rows)), make([]bool, len(rows))
	leak := &Leakage{TestRows: len(test)}
	for g := range d.groups {
		grp := &d.groups[g]
		model.scores(grp, scores)
		for i := range grp.turns {
			t := &grp.turns[i]
			for _, c := range t.cases {
				verdicts[c.row] = scores[c.row] >= model.Thresholds.of(c.task == nil)
				if !c.test {
					continue
				}
				if grp.vocabulary.Texts > 0 {
					leak.SameTrace++
				}
				if t.trains() {
					leak.SameHistory++
				}
				if t.need != nil {
					// Help was needed: a task is right, and silence is wrong.
					lookup[c.row] = *t.need == (c.task != nil)
					looked[c.row] = flag(lookup[c.row])
				}
			}
		}
	}
	official := evaluate("official", test, scores, verdicts)
	official.Thresholds = &model.Thresholds
	official.Note = "trained on the source's train rows, scored on its test rows"
	leak.Note = "no test row's history occurs among the training rows"
	if leak.SameTrace > 0 {
		official.Leaky = true
		official.Note += fmt.Sprintf("; leaky: %d of %d test rows have their exact history among the training rows, and %d their trace. Use traceHeldOut", leak.SameHistory, len(test), leak.SameTrace)
	}
	if leak.SameHistory > 0 {
		r := evaluate("siblingLookup", test, looked, lookup)
		r.Leaky = true
		r.Note = "answers with the need that a training row of the same history states; understands nothing"
		m.Baselines.SiblingLookup = &r
		leak.LookupF1 = r.F1
		leak.Note = fmt.Sprintf("%d of %d test rows have their exact history among the training rows; looking up that row's need scores F1 %.3f with no understanding of text", leak.SameHistory, len(test), r.F1)
	}
	m.Official, m.Leakage = &official, leak
}

// split lists the indices of training and test rows.
func (d *dataset) split(rows []trace.Judged) (train, test []int) {
	for i := range rows {
		if rows[i].Split == testSplit {
			test = append(test, i)
		} else {
			train = append(train, i)
		}
	}
	return train, test
}

// span returns the smallest and largest thresholds of values[which].
func span(values []Thresholds, which []int) *[2]Thresholds {
	low, high := values[which[0]], values[which[0]]
	for _, i := range which {
		v := values[i]
		low = Thresholds{min(low.Proposal, v.Proposal), min(low.Silence, v.Silence)}
		high = Thresholds{max(high.Proposal, v.Proposal), max(high.Silence, v.Silence)}
	}
	return &[2]Thresholds{low, high}
}

// countData counts rows by source and split, in the order they came.
func countData(rows []trace.Judged) []Data {
	var out []Data
	at := map[[2]string]int{}
	traces := map[[3]string]bool{}
	for i := range rows {
		r := &rows[i]
		key := [2]string{r.Source, r.Split}
		k, ok := at[key]
		if !ok {
			k = len(out)
			at[key] = k
			out = append(out, Data{Source: r.Source, Split: r.Split})
		}
		c := &out[k]
		c.Rows++
		if r.Task == nil {
			c.Silences++
		} else {
			c.Proposals++
		}
		if r.Accepted {
			c.Accepted++
		}
		if t := [3]string{r.Source, r.Split, r.Trace}; !traces[t] {
			traces[t] = true
			c.Traces++
		}
	}
	return out
}
