package metrics

import (
	"gonum.org/v1/gonum/stat/distuv"
)

// F1StandardError is the trace-clustered standard error of F1(b)-F1(a), each the mean
// over repeats; a nil b gives that of F1(a) alone. With
// a = 2TP and b = 2TP+FP+FN in each of C traces and F = Σa/Σb, a trace's
// linearised residual is r = (a - F·b)/Σb, its mean over repeats, and Var ≈ C/(C-1)·Σr²,
// where for a difference r is that of b less that of a. ok is false below two traces.
func F1StandardError(a, b Repeated) (se float64, ok bool) {
	if a.traces() < 2 {
		return 0, false
	}
	ra := residuals(a)
	if b != nil {
		for i, r := range residuals(b) {
			ra[i] = r - ra[i]
		}
	}
	return spreadOf(ra), true
}

func residuals(repeats Repeated) []float64 {
	r := make([]float64, repeats.traces())
	for _, traces := range repeats {
		total := Sum(traces)
		weight := float64(2*total.TP + total.FP + total.FN)
		if weight == 0 {
			continue
		}
		f := total.F1()
		for i, c := range traces {
			r[i] += (float64(2*c.TP) - f*float64(2*c.TP+c.FP+c.FN)) / weight / float64(len(repeats))
		}
	}
	return r
}

// Power is the chance that Detectable's difference is found.
const Power = 0.8

// Detectable is the smallest true difference in F1 that traces like these would
// show in 80% of repetitions (Power) at a two-sided level α:
// (t(1-α/2) + t(0.8))·SE with C-1 degrees of freedom, after Miller 2024
// (arXiv 2411.00640). Of comparisons that are adjusted for one another, α is the level of
// the first to be found, which is theirs together by their number. It is nil below two
// traces, of traces that do not vary, and where it is above 1, which no difference is.
func Detectable(a, b Repeated, level float64) *float64 {
	se, ok := F1StandardError(a, b)
	if !ok || se < tie {
		return nil
	}
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(a.traces() - 1)}
	d := Round((t.Quantile(1-level/2)+t.Quantile(Power))*se, 6)
	if d > 1 {
		return nil
	}
	return &d
}
