package metrics

import (
	"cmp"
	"math"
	"slices"
)

// Holm adjusts p-values for being looked at together, keeping the chance of any
// false finding at the level they are compared with (Holm 1979). The result is
// in the order of p, each at least its p and at most 1.
func Holm(p []float64) []float64 {
	order := byValue(p)
	adjusted, most := make([]float64, len(p)), 0.0
	for rank, i := range order {
		most = max(most, float64(len(p)-rank)*p[i])
		adjusted[i] = min(1, most)
	}
	return adjusted
}

// BenjaminiHochberg adjusts p-values so that of what is found at a level, no greater share
// is false on average (Benjamini & Hochberg 1995). It finds more than Holm, and promises
// less: some of it may be false. Results are as Holm's.
func BenjaminiHochberg(p []float64) []float64 {
	order := byValue(p)
	adjusted, least := make([]float64, len(p)), 1.0
	for rank := len(p) - 1; rank >= 0; rank-- {
		i := order[rank]
		least = min(least, float64(len(p))/float64(rank+1)*p[i])
		adjusted[i] = least
	}
	return adjusted
}

// SmallestHolm is the smallest p that Holm can leave to any of so many comparisons on so
// many traces: of all ways to swap them, two are as extreme as the most extreme.
func SmallestHolm(comparisons, traces int) float64 {
	return min(1, float64(comparisons)*math.Exp2(float64(1-traces)))
}

// byValue are the places of p from the smallest on.
func byValue(p []float64) []int {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	return order
}
