package rewardmodel

import (
	"fmt"

	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/trace"
)

const testSplit = "test"

// measure computes every protocol and sets the model's threshold. held are the
// scores by models that never saw the row's trace.
func (d *dataset) measure(rows []trace.Judged, model *Model, held []float64, o Options) *Metrics {
	choose := newChooser(rows, held)
	model.Threshold = choose.without("")
	m := &Metrics{
		Format: 1, Data: countData(rows), Simulated: o.Simulated, Folds: model.Training.Folds,
		Resamples: o.Resamples, Confidence: o.Confidence,
	}
	train, test := d.split(rows)
	// The verdicts of a trace come from the threshold chosen without it.
	verdicts := make([]bool, len(rows))
	thresholds := make([]float64, len(rows))
	for g := range d.groups {
		th := choose.without(d.groups[g].trace)
		for _, t := range d.groups[g].turns {
			for _, c := range t.cases {
				thresholds[c.row], verdicts[c.row] = th, held[c.row] >= th
			}
		}
	}
	evaluate := func(name string, which []int, scores []float64, verdicts []bool) Result {
		return newSample(rows, which, scores, verdicts).result(name, o)
	}
	heldOut := func(name string, which []int) Result {
		r := evaluate(name, which, held, verdicts)
		r.Threshold, r.ThresholdRange = model.Threshold, span(thresholds, which)
		return r
	}

	which := test
	if len(test) == 0 {
		which = train
		m.TraceHeldOut = heldOut("traceHeldOut", train)
		m.TraceHeldOut.Note = "every row, scored by a model and a threshold that never saw its trace"
	} else {
		m.TraceHeldOut = heldOut("traceHeldOut", test)
		m.TraceHeldOut.Note = "the source's test rows, each scored by a model, a vocabulary and a threshold that never saw its trace"
		cv := heldOut("crossValidation", train)
		cv.Note = "the training rows, each scored by a model and a threshold that never saw its trace; features and the threshold rule were chosen here"
		m.CrossValidation = &cv
		m.leaks(d, rows, test, model, evaluate)
	}
	constant := func(name string, accept bool) Result {
		scores, verdicts := make([]float64, len(rows)), make([]bool, len(rows))
		for i := range rows {
			scores[i], verdicts[i] = flag(accept), accept
		}
		r := evaluate(name, which, scores, verdicts)
		r.Threshold, r.Note = 0.5, "the rows of traceHeldOut"
		return r
	}
	m.Baselines.AlwaysAccept = constant("alwaysAccept", true)
	m.Baselines.AlwaysReject = constant("alwaysReject", false)
	if w := metrics.Few(m.TraceHeldOut.Traces); w != "" {
		m.Warnings = append(m.Warnings, w)
	}
	model.Training.TraceHeldOut = Summary{m.TraceHeldOut.Rows, m.TraceHeldOut.F1, m.TraceHeldOut.Accuracy, m.TraceHeldOut.AUC}
	return m
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
				verdicts[c.row] = scores[c.row] >= model.Threshold
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
	official.Threshold = model.Threshold
	official.Note = "trained on the source's train rows, scored on its test rows"
	leak.Note = "no test row's history occurs among the training rows"
	if leak.SameTrace > 0 {
		official.Leaky = true
		official.Note += fmt.Sprintf("; leaky: %d of %d test rows have their exact history among the training rows, and %d their trace. Use traceHeldOut", leak.SameHistory, len(test), leak.SameTrace)
	}
	if leak.SameHistory > 0 {
		r := evaluate("siblingLookup", test, looked, lookup)
		r.Threshold, r.Leaky = 0.5, true
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

// span returns the smallest and largest of values[which].
func span(values []float64, which []int) *[2]float64 {
	out := [2]float64{values[which[0]], values[which[0]]}
	for _, i := range which {
		out[0], out[1] = min(out[0], values[i]), max(out[1], values[i])
	}
	return &out
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
