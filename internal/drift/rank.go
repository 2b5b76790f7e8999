package drift

import (
	"math"
	"math/big"
	"slices"
	"sort"
	"sync"
)

// horizon is the nights of a year: a watch starts anew after so many.
const horizon = 365

// windows are how many of the last nights are held against all.
var windows = [...]int{3, 5, 8, 13, 21}

// widest is the last of windows.
const widest = 21

// Budgets of α = .05 a year, by what is tested.
const (
	budgetScore    = .025
	budgetAccepted = .00625 // each way
	budgetAgreed   = .0125
)

// limitOf is the p at which a test with a budget alarms: windows and nights of a year
// together keep to the budget, however they depend on each other.
func limitOf(budget float64) float64 { return budget / (horizon * float64(len(windows))) }

// tails are P(W ≤ w) by nights n and the place of h in windows, from the smallest sum
// h(h+1)/2 on, as far as any test alarms; W is the sum of the ranks of h of n nights.
var tails = sync.OnceValue(func() [][len(windows)][]float64 {
	const top = widest * (horizon + 1) / 2 // no tail reaches beyond the mean
	table := make([][len(windows)][]float64, horizon+1)
	sets := make([][]float64, widest+1) // of 1..n, by size and sum
	for h := range sets {
		sets[h] = make([]float64, top+1)
	}
	sets[0][0] = 1
	for n := 1; n <= horizon; n++ {
		for h := min(n, widest); h > 0; h-- {
			larger, smaller := sets[h][n:], sets[h-1]
			for w := range larger {
				larger[w] += smaller[w]
			}
		}
		for i, h := range windows {
			if n > h {
				table[n][i] = tailOf(sets[h], n, h)
			}
		}
	}
	return table
})

func tailOf(sets []float64, n, h int) (tail []float64) {
	all, _ := new(big.Float).SetInt(new(big.Int).Binomial(int64(n), int64(h))).Float64()
	sum, limit := 0.0, limitOf(budgetScore)
	for _, v := range sets[h*(h+1)/2:] {
		if sum += v; sum/all > limit {
			break
		}
		tail = append(tail, sum/all)
	}
	return tail
}

// A test looks night after night for a drop of its values.
type test struct {
	limit  float64
	values []float64
	ranks  []int // 1 is the lowest
}

// A found is the evidence of a test: the last Window of Nights are too low for chance.
type found struct {
	which          int // of the anchors' tests
	nights, window int
	p, limit       float64
	was, is        float64 // medians before the window, and in it
}

// add takes the value of the next night, and returns nil where it gives no alarm. Of
// equal values the later has the higher rank, which favours "no drop".
func (t *test) add(x float64) *found {
	x = math.RoundToEven(x*1e12) / 1e12 // sums in another order are equal
	rank := 1
	for i, v := range t.values {
		if v > x {
			t.ranks[i]++
		} else {
			rank++
		}
	}
	t.values, t.ranks = append(t.values, x), append(t.ranks, rank)
	n := len(t.values)
	var best *found
	for i, h := range windows {
		if n <= h {
			break
		}
		w := -h * (h + 1) / 2
		for _, r := range t.ranks[n-h:] {
			w += r
		}
		tail := tails()[n][i]
		if w < len(tail) && tail[w] <= t.limit && (best == nil || tail[w] < best.p) {
			best = &found{nights: n, window: h, p: tail[w], limit: t.limit, was: median(t.values[:n-h]), is: median(t.values[n-h:])}
		}
	}
	return best
}

// first is how many nights a test needs before any values could give an alarm.
func (t *test) first() int {
	return sort.Search(horizon, func(n int) bool {
		for _, tail := range tails()[n] {
			if len(tail) > 0 && tail[0] <= t.limit {
				return true
			}
		}
		return false
	})
}

// median is what a night comes to that is like half of them, whatever the worst is.
func median(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
