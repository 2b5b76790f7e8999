package metrics

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// F1Interval is the confidence interval of F1, a mean over repeats: Student's t with C-1
// degrees of freedom on the logit of F1 and its linearised, trace-clustered standard error,
// SE/(F(1-F)), so that it stays within 0 and 1. At the 12 traces of ProactiveBench it holds
// the truth more often than a percentile bootstrap does; docs/evaluation.md has the figures.
// It is nil where the traces say nothing of how F1 varies: there is one of them, or they
// are alike, or nothing was right or all was.
func F1Interval(r Repeated, confidence float64) *[2]float64 {
	se, ok := F1StandardError(r, nil)
	f := MeanOf(r.Sums(), Counts.F1)
	if !ok || se < tie || f <= 0 || f >= 1 {
		return nil
	}
	half := student(r.traces(), confidence) * se / (f * (1 - f))
	at := math.Log(f / (1 - f))
	return &[2]float64{Round(logistic(at-half), places), Round(logistic(at+half), places)}
}

// F1DifferenceInterval is that of F1(b) less F1(a) on the same traces: Student's t on the
// linearised difference. It is nil as F1Interval is.
func F1DifferenceInterval(a, b Repeated, confidence float64) *[2]float64 {
	se, ok := F1StandardError(a, b)
	if !ok || se < tie {
		return nil
	}
	delta, half := MeanOf(b.Sums(), Counts.F1)-MeanOf(a.Sums(), Counts.F1), student(a.traces(), confidence)*se
	return &[2]float64{Round(max(-1, delta-half), places), Round(min(1, delta+half), places)}
}

// places are the decimals of bounds, which are no ratios of whole numbers.
const places = 9

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// student is the two-sided quantile of t with as many degrees of freedom as traces leave.
func student(traces int, confidence float64) float64 {
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(traces - 1)}.Quantile(1 - (1-confidence)/2)
}
