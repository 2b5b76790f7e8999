package metrics

import "math"

// A Fraction is what one trace gives to a figure that is a ratio of sums.
type Fraction struct{ A, B float64 }

// Fractions are a system's: of each time that it answered, by trace.
type Fractions [][]Fraction

// A Figure is a ratio of sums over traces, the mean over repeats, and its interval; that is
// absent as F1Interval is.
type Figure struct {
	Value float64     `json:"value"`
	CI    *[2]float64 `json:"ci,omitempty"`
}

// A scaleOf is where an interval is symmetric, and how a value gets there and back.
type scaleOf struct {
	there, back, slope func(float64) float64
}

var (
	// ofShare is of what lies between 0 and 1, and ofRate of what is never below 0.
	ofShare = scaleOf{func(x float64) float64 { return math.Log(x / (1 - x)) }, logistic, func(x float64) float64 { return x * (1 - x) }}
	ofRate  = scaleOf{math.Log, math.Exp, func(x float64) float64 { return x }}
)

// ShareOf is a figure between 0 and 1, with its interval as F1Interval makes it; nil where
// there is nothing that it is a share of.
func ShareOf(f Fractions, confidence float64) *Figure { return figureOf(f, confidence, ofShare) }

// RateOf is a figure of 0 and more; its interval is on the logarithm.
func RateOf(f Fractions, confidence float64) *Figure { return figureOf(f, confidence, ofRate) }

func figureOf(f Fractions, confidence float64, on scaleOf) *Figure {
	value, r, ok := linearised(f)
	if !ok {
		return nil
	}
	fig := &Figure{Value: Round(value, places)}
	se := spreadOf(r)
	if slope := on.slope(value); se >= tie && slope > 0 {
		half, at := student(len(r), confidence)*se/slope, on.there(value)
		fig.CI = &[2]float64{Round(on.back(at-half), places), Round(on.back(at+half), places)}
	}
	return fig
}

// linearised are a ratio and each trace's residual (a-R·b)/Σb, both means over the repeats
// that have something to divide by; ok is false where none has.
func linearised(f Fractions) (value float64, r []float64, ok bool) {
	n := 0
	for _, traces := range f {
		if sumOf(traces).B > 0 {
			n++
		}
	}
	if n == 0 {
		return 0, nil, false
	}
	r = make([]float64, len(f[0]))
	for _, traces := range f {
		sum := sumOf(traces)
		if sum.B <= 0 {
			continue
		}
		ratio := sum.A / sum.B
		value += ratio / float64(n)
		for i, c := range traces {
			r[i] += (c.A - ratio*c.B) / sum.B / float64(n)
		}
	}
	return value, r, true
}

func sumOf(traces []Fraction) (sum Fraction) {
	for _, c := range traces {
		sum.A, sum.B = sum.A+c.A, sum.B+c.B
	}
	return sum
}

// spreadOf is the standard error of what has these residuals, by trace; 0 below two traces.
func spreadOf(r []float64) float64 {
	if len(r) < 2 {
		return 0
	}
	sum := 0.0
	for _, x := range r {
		sum += x * x
	}
	c := float64(len(r))
	return math.Sqrt(c / (c - 1) * sum)
}
