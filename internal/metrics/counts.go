// Package metrics computes how good proposals are and how sure one can be of
// it: the paper's scores over judged events, and intervals and tests whose unit
// is the trace, because the events of one trace are correlated.
package metrics

// Counts is a confusion matrix over judged events, as "Proactive Agent"
// (arXiv 2410.12361) defines it: a proposal accepted is TP, a proposal rejected
// FP, silence accepted TN, silence rejected (help was missed) FN. A classifier's
// predictions against labels fit it as well.
type Counts struct {
	TP int `json:"tp"`
	FP int `json:"fp"`
	TN int `json:"tn"`
	FN int `json:"fn"`
}

// Of returns the counts of one event.
func Of(proposed, accepted bool) Counts {
	switch {
	case proposed && accepted:
		return Counts{TP: 1}
	case proposed:
		return Counts{FP: 1}
	case accepted:
		return Counts{TN: 1}
	default:
		return Counts{FN: 1}
	}
}

// Add returns the sum of c and d.
func (c Counts) Add(d Counts) Counts {
	return Counts{TP: c.TP + d.TP, FP: c.FP + d.FP, TN: c.TN + d.TN, FN: c.FN + d.FN}
}

// Sum adds up counts, such as those of single traces.
func Sum(list []Counts) Counts {
	var sum Counts
	for _, c := range list {
		sum = sum.Add(c)
	}
	return sum
}

// N is the number of events.
func (c Counts) N() int { return c.TP + c.FP + c.TN + c.FN }

// Recall is TP/(TP+FN), or 0 when no event needed help.
func (c Counts) Recall() float64 { return ratio(c.TP, c.TP+c.FN) }

// Precision is TP/(TP+FP), or 0 when nothing was proposed.
func (c Counts) Precision() float64 { return ratio(c.TP, c.TP+c.FP) }

// Accuracy is (TP+TN)/N, or 0 when there is no event.
func (c Counts) Accuracy() float64 { return ratio(c.TP+c.TN, c.N()) }

// FalseAlarm is FP/(TP+FP), the share of proposals that were rejected, or 0
// when nothing was proposed.
func (c Counts) FalseAlarm() float64 { return ratio(c.FP, c.TP+c.FP) }

// F1 is the harmonic mean of recall and precision, 2TP/(2TP+FP+FN), or 0 when
// nothing was proposed and no event needed help.
func (c Counts) F1() float64 { return ratio(2*c.TP, 2*c.TP+c.FP+c.FN) }

func ratio(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}
