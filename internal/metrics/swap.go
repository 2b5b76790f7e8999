package metrics

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
)

// mostExact is up to how many traces that differ every way to swap them is tried:
// half a million.
const mostExact = 20

// Resolution is how many times finer than the level that adjusted p-values are compared
// with their steps are, where swaps are drawn.
const Resolution = 20

// Rounds is how many swaps a test draws: as many as were asked for, and no fewer than
// tell of so many comparisons together which are different at a level.
func Rounds(asked, comparisons int, level float64) int {
	return max(asked, int(math.Ceil(Resolution*float64(comparisons)/level)))
}

// Randomisation tests whether two systems have one F1 on the same traces, with as many
// repeats each. It returns delta, the mean over repeats of F1(b) less that of F1(a), and the
// two-sided p-value: how often the difference is as large when the systems are swapped in
// any set of traces, with all their repeats (Noreen 1989; Yeh 2000). Up to 20 traces in
// which they differ all sets count, each once, and p is exact: nothing is drawn. Of more,
// rounds are drawn, and p = (1+#{|Δ*| ≥ |Δ|})/(rounds+1). Whole traces are swapped, so it
// holds its level however correlated the events and repeats of one are.
func Randomisation(rng *rand.Rand, a, b Repeated, rounds int) (delta, p float64) {
	s := newSwaps(a, b)
	delta = s.difference()
	if len(s.traces) <= mostExact {
		return delta, s.exact(math.Abs(delta) - tie)
	}
	return delta, s.drawn(rng, rounds, math.Abs(delta)-tie)
}

// sums are what F1 is a ratio of: 2TP, and 2TP+FP+FN.
type sums struct{ hits, all int64 }

func sumsOf(c Counts) sums { return sums{int64(2 * c.TP), int64(2*c.TP + c.FP + c.FN)} }

func (s sums) f1() float64 {
	if s.all == 0 {
		return 0
	}
	return float64(s.hits) / float64(s.all)
}

// swaps are two systems' sums by repeat, and what swapping a trace adds to the first's and
// takes from the second's.
type swaps struct {
	x, y   []sums   // by repeat
	traces [][]sums // by trace that differs, then by repeat
}

func newSwaps(a, b Repeated) *swaps {
	s := &swaps{x: make([]sums, len(a)), y: make([]sums, len(a))}
	for i := range a.traces() {
		by, differs := make([]sums, len(a)), false
		for r := range a {
			of, and := sumsOf(a[r][i]), sumsOf(b[r][i])
			s.x[r] = sums{s.x[r].hits + of.hits, s.x[r].all + of.all}
			s.y[r] = sums{s.y[r].hits + and.hits, s.y[r].all + and.all}
			by[r] = sums{and.hits - of.hits, and.all - of.all}
			differs = differs || by[r] != sums{}
		}
		if differs {
			s.traces = append(s.traces, by)
		}
	}
	return s
}

// swap swaps a trace: sign is 1 there and -1 back.
func (s *swaps) swap(trace int, sign int64) {
	for r, by := range s.traces[trace] {
		s.x[r].hits += sign * by.hits
		s.x[r].all += sign * by.all
		s.y[r].hits -= sign * by.hits
		s.y[r].all -= sign * by.all
	}
}

// difference is the mean over repeats of F1(y) less F1(x).
func (s *swaps) difference() float64 {
	sum := 0.0
	for r := range s.x {
		sum += s.y[r].f1() - s.x[r].f1()
	}
	return sum / float64(len(s.x))
}

// exact is the share of all sets of traces whose swap makes a difference of at least. A
// set and its complement make the same one, so one trace stays; the others change one at
// a time, in the order of a Gray code.
func (s *swaps) exact(least float64) float64 {
	if len(s.traces) == 0 {
		return 1
	}
	extreme, all := 0, 1<<(len(s.traces)-1)
	for n := 1; ; n++ {
		if math.Abs(s.difference()) >= least {
			extreme++
		}
		if n == all {
			return float64(extreme) / float64(all)
		}
		trace := bits.TrailingZeros(uint(n))
		sign := int64(1)
		if n>>(trace+1)&1 == 1 { // it was swapped before
			sign = -1
		}
		s.swap(trace, sign)
	}
}

// drawn is the share of sets that a fair coin draws, with the one that was observed.
func (s *swaps) drawn(rng *rand.Rand, rounds int, least float64) float64 {
	x, y, extreme := slices.Clone(s.x), slices.Clone(s.y), 0
	for range rounds {
		copy(s.x, x)
		copy(s.y, y)
		for from := 0; from < len(s.traces); from += 64 {
			for coins := rng.Uint64() & (1<<min(64, len(s.traces)-from) - 1); coins != 0; coins &= coins - 1 {
				s.swap(from+bits.TrailingZeros64(coins), 1)
			}
		}
		if math.Abs(s.difference()) >= least {
			extreme++
		}
	}
	return float64(1+extreme) / float64(rounds+1)
}
