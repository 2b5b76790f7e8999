package metrics

import (
	"cmp"
	"math"
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

// DifferenceInterval is the trace-bootstrap interval of the mean of score(b) less that of
// score(a), both on the same draws. Traces are at the same places in both.
func DifferenceInterval(rng *rand.Rand, a, b Repeated, resamples int, confidence float64, score func(Counts) float64) (lo, hi float64) {
	return Bootstrap(rng, a.traces(), resamples, confidence, func(times []int32) float64 {
		return b.drawn(times, score) - a.drawn(times, score)
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

// Randomisation tests whether two systems score alike on the same traces, with as many
// repeats each. It returns delta, the mean over repeats of score(b) less that of score(a)
// over all traces, and the two-sided p-value: each round swaps the systems' counts in
// every trace, with all its repeats, by a fair coin, and
// p = (1+#{|Δ*| ≥ |Δ|})/(rounds+1) (Noreen 1989; Yeh 2000). Whole traces are
// swapped, so it holds its level however correlated the events and repeats of one are.
func Randomisation(rng *rand.Rand, a, b Repeated, rounds int, score func(Counts) float64) (delta, p float64) {
	delta = MeanOf(b.Sums(), score) - MeanOf(a.Sums(), score)
	extreme := 0
	x, y := make([]Counts, len(a)), make([]Counts, len(a)) // by repeat
	for range rounds {
		clear(x)
		clear(y)
		for i := range a.traces() {
			from, to := a, b
			if rng.Uint64()&1 == 1 {
				from, to = b, a
			}
			for r := range x {
				x[r], y[r] = x[r].Add(from[r][i]), y[r].Add(to[r][i])
			}
		}
		if math.Abs(MeanOf(y, score)-MeanOf(x, score)) >= math.Abs(delta)-tie {
			extreme++
		}
	}
	return delta, float64(1+extreme) / float64(rounds+1)
}

// Holm adjusts p-values for being looked at together, keeping the chance of any
// false finding at the level they are compared with (Holm 1979). The result is
// in the order of p, each at least its p and at most 1.
func Holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	adjusted, most := make([]float64, len(p)), 0.0
	for rank, i := range order {
		most = max(most, float64(len(p)-rank)*p[i])
		adjusted[i] = min(1, most)
	}
	return adjusted
}
