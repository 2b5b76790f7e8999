package evaluate

import (
	"runtime"
	"sync"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/plan"
)

// compare compares every pair of candidates, or each with the baseline, and adjusts what
// it finds for being looked at together.
func compare(t *job.Task, params plan.Evaluate, candidates []answers, e *metrics.Evaluation) {
	pairs := pairsOf(candidates, params.Baseline)
	level := 1 - params.Confidence
	e.Resamples = metrics.Rounds(params.Resamples, len(pairs), level)
	e.Comparisons = make([]metrics.Comparison, len(pairs))
	abreast := make(chan struct{}, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for i, pair := range pairs {
		abreast <- struct{}{}
		wg.Go(func() {
			defer func() { <-abreast }()
			e.Comparisons[i] = comparison(t, pair, e.Resamples, params.Confidence, level/float64(len(pairs)))
		})
	}
	wg.Wait()
	adjust(e, params)
}

// pairsOf are the comparisons to make, in the order of the candidates.
func pairsOf(candidates []answers, baseline string) (pairs [][2]answers) {
	for i, of := range candidates {
		for _, and := range candidates[i+1:] {
			switch baseline {
			case "", of[0].name:
				pairs = append(pairs, [2]answers{of, and})
			case and[0].name:
				pairs = append(pairs, [2]answers{and, of})
			}
		}
	}
	return pairs
}

// comparison compares two candidates; level is that of the first to be found among all.
func comparison(t *job.Task, pair [2]answers, rounds int, confidence, level float64) metrics.Comparison {
	n := max(len(pair[0]), len(pair[1]))
	a, b := pair[0].counts(n), pair[1].counts(n)
	c := metrics.Comparison{A: pair[0][0].name, B: pair[1][0].name}
	c.Delta, c.P = metrics.Randomisation(t.Rand("randomisation", c.A, c.B), a, b, rounds)
	c.CI = metrics.F1DifferenceInterval(a, b, confidence)
	c.Detectable = metrics.Detectable(a, b, level)
	return c
}

// adjust says of each comparison whether its candidates are different, and of all together
// what could have been found.
func adjust(e *metrics.Evaluation, params plan.Evaluate) {
	var p []float64
	for _, c := range e.Comparisons {
		p = append(p, c.P)
	}
	holm, rate := metrics.Holm(p), metrics.BenjaminiHochberg(p)
	whole := true
	for i := range e.Comparisons {
		c := &e.Comparisons[i]
		c.PHolm = holm[i]
		adjusted := c.PHolm
		if params.Adjust == plan.AdjustRate {
			c.PRate, adjusted = &rate[i], rate[i]
		}
		c.Different = adjusted <= 1-params.Confidence
		if c.Detectable == nil {
			whole = false
		} else if e.Detectable == nil || *c.Detectable > *e.Detectable {
			e.Detectable = c.Detectable
		}
	}
	if !whole {
		e.Detectable = nil
	}
}
