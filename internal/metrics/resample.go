package metrics

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"gonum.org/v1/gonum/stat"
)

// Bootstrap is the percentile interval of a statistic over resampled units, such
// as traces (Efron 1979). The statistic gets how often a draw with replacement,
// of as many as there are units, took each of them; it is called by several
// goroutines at once and must not keep the slice. Two systems are compared by
// computing both on one draw. Confidence is in (0,1), resamples at least 1.
// With no units both bounds are the statistic of an empty draw. The result
// depends on the generator alone, which is read in order.
func Bootstrap(rng *rand.Rand, units, resamples int, confidence float64, statistic func(times []int32) float64) (lo, hi float64) {
	if units == 0 {
		v := statistic(nil)
		return v, v
	}
	values := make([]float64, resamples)
	block := min(resamples, max(1, handedOver/units)) // resamples that change goroutine together
	free := make(chan []int32, 1+runtime.GOMAXPROCS(0))
	for range cap(free) {
		free <- make([]int32, block*units)
	}
	var wg sync.WaitGroup
	for some := range slices.Chunk(values, block) {
		times := <-free
		clear(times)
		for r := range some {
			drawn := times[r*units : (r+1)*units]
			for range units {
				drawn[rng.IntN(units)]++
			}
		}
		wg.Go(func() {
			for r := range some {
				some[r] = statistic(times[r*units : (r+1)*units])
			}
			free <- times
		})
	}
	wg.Wait()
	slices.Sort(values)
	tail := (1 - confidence) / 2
	return stat.Quantile(tail, stat.Empirical, values, nil), stat.Quantile(1-tail, stat.Empirical, values, nil)
}

// handedOver is how many draws of a unit make a goroutine worth its while, as tried
// in November 2026.
const handedOver = 1 << 14

// Interval is the trace-bootstrap interval of a score's mean over repeats. A trace is
// drawn with all its repeats: what asking again changes is independent from trace to
// trace, and so in what differs between them. Drawing repeats within it as well would
// count that nearly twice (Davison & Hinkley 1997, section 3.8).
func Interval(rng *rand.Rand, r Repeated, resamples int, confidence float64, score func(Counts) float64) (lo, hi float64) {
	return Bootstrap(rng, r.traces(), resamples, confidence, func(times []int32) float64 {
		return r.drawn(times, score)
	})
}

// drawn adds up a draw's counts.
func drawn(traces []Counts, times []int32) Counts {
	var sum Counts
	for i, n := range times {
		k, c := int(n), &traces[i]
		sum = Counts{TP: sum.TP + k*c.TP, FP: sum.FP + k*c.FP, TN: sum.TN + k*c.TN, FN: sum.FN + k*c.FN}
	}
	return sum
}

// tie is how far apart two differences may lie and still be the same: rounding.
const tie = 1e-12
