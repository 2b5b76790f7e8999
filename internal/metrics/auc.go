package metrics

import (
	"cmp"
	"slices"
)

// AUC is the area under the ROC curve: the chance that a true item scores above
// a false one, ties counting half (Mann-Whitney). Scores and labels have the
// same length, and no score is NaN. With items of one class only it is 0.5.
func AUC(scores []float64, labels []bool) float64 {
	return Rank(scores, labels, make([]int32, len(scores))).AUC([]int32{1})
}

// A Ranking is scored items in the order of their scores: sorted once, it gives
// the AUC of any draw of their units in one pass.
type Ranking struct {
	// An item is its unit shifted by 2, and lastOfTie and positive.
	items []uint32
	// Flat says that the AUC is 0.5 of whatever draw: all items score alike, or are
	// of one class.
	Flat bool
}

const (
	positive  = 1
	lastOfTie = 2 // the next item scores higher
)

// Rank ranks items; units[i], below 2^30, is the unit of item i, such as its
// trace. Scores, labels and units have the same length, and no score is NaN.
func Rank(scores []float64, labels []bool, units []int32) *Ranking {
	order := make([]int32, len(scores))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(scores[a], scores[b]) })
	r := &Ranking{items: make([]uint32, len(order))}
	ties, positives := 0, 0
	for k, i := range order {
		item := uint32(units[i]) << 2
		if labels[i] {
			item |= positive
			positives++
		}
		if k == len(order)-1 || scores[order[k+1]] != scores[i] {
			item |= lastOfTie
			ties++
		}
		r.items[k] = item
	}
	r.Flat = ties < 2 || positives == 0 || positives == len(order)
	return r
}

// AUC is the AUC of a draw that takes each item of unit u times[u] times.
func (r *Ranking) AUC(times []int32) float64 {
	// Twice the pairs that are won, and counts: whole numbers, so any order of
	// sums is exact. Labels and ties are as good as random, so no branch asks for them.
	var wins, below, above, yes, no int64
	for _, item := range r.items {
		n := int64(times[item>>2])
		y := n & -int64(item&positive)
		yes, no = yes+y, no+n-y
		ends := -int64(item & lastOfTie >> 1)
		wins += yes * (2*below + no) & ends
		below, above = below+no&ends, above+yes&ends
		yes, no = yes&^ends, no&^ends
	}
	if below == 0 || above == 0 {
		return 0.5
	}
	return float64(wins) / 2 / (float64(above) * float64(below))
}
