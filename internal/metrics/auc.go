package metrics

import (
	"cmp"
	"slices"
)

// AUC is the area under the ROC curve: the chance that a true item scores above
// a false one, ties counting half (Mann-Whitney). Scores and labels have the
// same length, and no score is NaN. With items of one class only it is 0.5.
func AUC(scores []float64, labels []bool) float64 {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(scores[a], scores[b]) })
	var wins, falseBelow, trueSeen float64 // wins counts pairs, so halves are exact
	for i := 0; i < len(order); {
		var t, f float64
		j := i
		for ; j < len(order) && scores[order[j]] == scores[order[i]]; j++ {
			if labels[order[j]] {
				t++
			} else {
				f++
			}
		}
		wins += t * (falseBelow + f/2)
		falseBelow += f
		trueSeen += t
		i = j
	}
	if trueSeen == 0 || falseBelow == 0 {
		return 0.5
	}
	return wins / (trueSeen * falseBelow)
}
