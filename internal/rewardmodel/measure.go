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
func (t *trainer) measure(model *Model, held, official *scores) *Metrics {
	without := t.choosers(held)
	model.Thresholds = without(none)
	m := &Metrics{
		Format: 1, Data: t.data, Simulated: t.Simulated, Folds: t.Folds,
		Resamples: t.Resamples, Confidence: t.Confidence,
	}
	// A group's own scores have no part in the thresholds that it is judged by.
	thresholds := make([]Thresholds, len(t.groups))
	for g := range t.groups {
		thresholds[g] = without(int32(g))
	}
	verdicts := make([]bool, len(t.rows))
	var train, test []int32
	for i, r := range t.rows {
		verdicts[i] = held.rows[i] >= thresholds[r.group].of(r.task == silence)
		if r.test {
			test = append(test, int32(i))
		} else {
			train = append(train, int32(i))
		}
	}
	score := func(name string, which []int32, rows, more string) Result {
		r := t.result(name, which, held.rows, verdicts)
		r.Thresholds, r.ThresholdRange = &model.Thresholds, t.span(thresholds, which)
		r.Note = rows + ", each scored by a model and a vocabulary that never saw its group, at a threshold that the group's scores had no part in" + more
		return r
	}
	which, rows := test, "the source's test rows"
	if len(test) == 0 {
		which, rows = train, "every row"
	}
	m.TraceHeldOut = score("traceHeldOut", which, rows, "")
	trained := &m.TraceHeldOut
	switch {
	case len(test) > 0:
		cv := score("crossValidation", train, "the training rows", "; features and the threshold rule were chosen here")
		m.CrossValidation, trained = &cv, &cv
		t.leaks(m, test, model, official.rows)
	case slices.ContainsFunc(t.data, func(c Data) bool { return c.Source == trace.ProactiveBench }):
		m.Warnings = append(m.Warnings, "the ProactiveBench data has no test split (reward_data/test_data.jsonl): traceHeldOut is over every row, and official is missing")
	}
	constant := func(name string, accept bool) Result {
		r := t.result(name, which, slices.Repeat([]float64{flag(accept)}, len(t.rows)), slices.Repeat([]bool{accept}, len(t.rows)))
		r.Note = "the rows of traceHeldOut"
		return r
	}
	m.Baselines.AlwaysAccept = constant("alwaysAccept", true)
	m.Baselines.AlwaysReject = constant("alwaysReject", false)
	if w := metrics.Few(m.TraceHeldOut.Groups, "group", metrics.Narrow); w != "" {
		m.Warnings = append(m.Warnings, w)
	}
	of := &model.Training
	of.TraceHeldOut = Summary{m.TraceHeldOut.Rows, m.TraceHeldOut.F1, m.TraceHeldOut.Accuracy, m.TraceHeldOut.AUC}
	of.AcceptedProposals, of.AcceptedSilences = trained.Proposals.acceptance(), trained.Silences.acceptance()
	return m
}

// choosers returns a function that chooses both thresholds on every group but
// one. Proposals weigh as they come, silences by the turns that say whether
// help was needed: what the two regressions learn from.
func (d *Dataset) choosers(held *scores) (without func(group int32) Thresholds) {
	var proposals, silences []scored
	for i := range d.rows {
		if r := &d.rows[i]; r.trains() {
			proposals = append(proposals, scored{r.group, held.rows[i], r.accepted})
		}
	}
	for i := range d.turns {
		if t := &d.turns[i]; t.known {
			silences = append(silences, scored{d.rows[t.first].group, held.turns[i], !t.need})
		}
	}
	p, s := newChooser(proposals), newChooser(silences)
	return func(group int32) Thresholds { return Thresholds{p.without(group), s.without(group)} }
}

// leaks scores the official split and what a mere lookup reaches on it.
func (t *trainer) leaks(m *Metrics, test []int32, model *Model, scores []float64) {
	verdicts := make([]bool, len(t.rows))
	looked, lookup := make([]float64, len(t.rows)), make([]bool, len(t.rows))
	leak := &Leakage{TestRows: len(test)}
	trained := make([]bool, len(t.turns)) // histories of training rows
	for i := range t.rows {
		if r := &t.rows[i]; !r.test {
			trained[r.turn] = true
		}
	}
	for _, i := range test {
		r := &t.rows[i]
		verdicts[i] = scores[i] >= model.Thresholds.of(r.task == silence)
		leak.SameTrace += index(len(t.groups[r.group].learnt) > 0)
		leak.SameHistory += index(trained[r.turn])
		if at := &t.turns[r.turn]; at.known {
			// Help was needed: a task is right, and silence is wrong.
			lookup[i] = at.need == (r.task != silence)
			looked[i] = flag(lookup[i])
		}
	}
	official := t.result("official", test, scores, verdicts)
	official.Thresholds = &model.Thresholds
	official.Note = "trained on the source's train rows, scored on its test rows"
	leak.Note = "no test row's history occurs among the training rows"
	if leak.SameTrace > 0 {
		official.Leaky = true
		official.Note += fmt.Sprintf("; leaky: %d of %d test rows have their exact history among the training rows, and %d their trace. Use traceHeldOut", leak.SameHistory, len(test), leak.SameTrace)
	}
	if leak.SameHistory > 0 {
		r := t.result("siblingLookup", test, looked, lookup)
		r.Leaky = true
		r.Note = "answers with the need that a training row of the same history states; understands nothing"
		m.Baselines.SiblingLookup = &r
		leak.LookupF1 = r.F1
		leak.Note = fmt.Sprintf("%d of %d test rows have their exact history among the training rows; looking up that row's need scores F1 %.3f with no understanding of text", leak.SameHistory, len(test), r.F1)
	}
	m.Official, m.Leakage = &official, leak
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
