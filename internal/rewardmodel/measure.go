package rewardmodel

import (
	"fmt"
	"slices"

	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/trace"
)

const testSplit = "test"

// measure computes every protocol, and sets the model's thresholds and what it
// says of its training. official has the model's scores of the test rows.
func (d *Dataset) measure(model *Model, held *heldOut, official []float64, o Options, p *pace) *Metrics {
	thresholdsWithout := d.choosers(held)
	model.Thresholds = thresholdsWithout(-1)
	m := &Metrics{
		Format: 1, Data: d.data, Simulated: o.Simulated, Folds: model.Training.Folds,
		Resamples: o.Resamples, Confidence: o.Confidence,
	}
	train, test := d.split()
	// A group's own scores have no part in the thresholds that it is judged by.
	verdicts := make([]bool, len(d.rows))
	thresholds := make([]Thresholds, len(d.groups))
	for g := range d.groups {
		thresholds[g] = thresholdsWithout(int32(g))
	}
	for i, r := range d.rows {
		verdicts[i] = held.rows[i] >= thresholds[r.group].of(r.task == silence)
	}
	evaluate := func(name string, which []int32, scores []float64, verdicts []bool) Result {
		return d.sample(which, scores, verdicts).result(name, o, p)
	}
	score := func(name string, which []int32) Result {
		r := evaluate(name, which, held.rows, verdicts)
		r.Thresholds, r.ThresholdRange = &model.Thresholds, d.span(thresholds, which)
		return r
	}

	which := test
	const protocol = ", each scored by a model and a vocabulary that never saw its group, at a threshold that the group's scores had no part in"
	var trained *Result
	if len(test) == 0 {
		which = train
		m.TraceHeldOut = score("traceHeldOut", train)
		m.TraceHeldOut.Note = "every row" + protocol
		if slices.ContainsFunc(d.data, func(c Data) bool { return c.Source == trace.ProactiveBench }) {
			m.Warnings = append(m.Warnings, "the ProactiveBench data has no test split (reward_data/test_data.jsonl): traceHeldOut is over every row, and official is missing")
		}
		trained = &m.TraceHeldOut
	} else {
		m.TraceHeldOut = score("traceHeldOut", test)
		m.TraceHeldOut.Note = "the source's test rows" + protocol
		cv := score("crossValidation", train)
		cv.Note = "the training rows" + protocol + "; features and the threshold rule were chosen here"
		m.CrossValidation, trained = &cv, &cv
		m.leaks(d, test, model, official, evaluate)
	}
	constant := func(name string, accept bool) Result {
		scores, verdicts := slices.Repeat([]float64{flag(accept)}, len(d.rows)), slices.Repeat([]bool{accept}, len(d.rows))
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
func (d *Dataset) choosers(held *heldOut) (without func(group int32) Thresholds) {
	var proposals, silences []scored
	for g := range d.groups {
		for i, t := range d.turnsOf(g) {
			if t.known {
				silences = append(silences, scored{int32(g), held.turns[i], !t.need})
			}
			for i, r := range d.cases(t) {
				if r.task != silence && !r.test {
					proposals = append(proposals, scored{int32(g), held.rows[i], r.accepted})
				}
			}
		}
	}
	p, s := newChooser(proposals), newChooser(silences)
	return func(group int32) Thresholds { return Thresholds{p.without(group), s.without(group)} }
}

// leaks scores the official split and what a mere lookup reaches on it.
func (m *Metrics) leaks(d *Dataset, test []int32, model *Model, scores []float64, evaluate func(string, []int32, []float64, []bool) Result) {
	verdicts := make([]bool, len(d.rows))
	looked, lookup := make([]float64, len(d.rows)), make([]bool, len(d.rows))
	leak := &Leakage{TestRows: len(test)}
	for g := range d.groups {
		for _, t := range d.turnsOf(g) {
			for i, r := range d.cases(t) {
				if !r.test {
					continue
				}
				verdicts[i] = scores[i] >= model.Thresholds.of(r.task == silence)
				if d.groups[g].trains {
					leak.SameTrace++
				}
				if t.trains {
					leak.SameHistory++
				}
				if t.known {
					// Help was needed: a task is right, and silence is wrong.
					lookup[i] = t.need == (r.task != silence)
					looked[i] = flag(lookup[i])
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
func (d *Dataset) split() (train, test []int32) {
	for i := range d.rows {
		if d.rows[i].test {
			test = append(test, int32(i))
		} else {
			train = append(train, int32(i))
		}
	}
	return train, test
}

// span returns the smallest and largest thresholds of the rows' groups.
func (d *Dataset) span(of []Thresholds, which []int32) *[2]Thresholds {
	low := of[d.rows[which[0]].group]
	high := low
	for _, i := range which {
		v := of[d.rows[i].group]
		low = Thresholds{min(low.Proposal, v.Proposal), min(low.Silence, v.Silence)}
		high = Thresholds{max(high.Proposal, v.Proposal), max(high.Silence, v.Silence)}
	}
	return &[2]Thresholds{low, high}
}
