package rewardmodel

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/metrics"
)

// A part is what one feature adds to a score, in words.
type part struct {
	words string
	adds  float64
}

// The reason names at most this many features for a verdict and against it, and
// none that moves the score by less than negligible.
const (
	namedFor     = 3
	namedAgainst = 2
	negligible   = 0.005
)

// explain says what each column of x adds to the score; sign is -1 where the score
// falls as the prediction rises.
func explain[T any](features []feature[T], columns []Column, x []float64, sign float64) []part {
	out := make([]part, len(features))
	for i, f := range features {
		var words string
		switch {
		case f.kind == yesNo && x[i] == 0:
			words = "no " + strings.TrimPrefix(strings.TrimPrefix(f.label, "a "), "an ")
		case f.kind == yesNo:
			words = f.label
		case x[i] >= columns[i].Mean:
			words = f.label + " (high)"
		default:
			words = f.label + " (low)"
		}
		out[i] = part{words, metrics.Round(sign*columns[i].part(x[i]), scoreDecimals)}
	}
	return out
}

// reason says the score, the threshold, and which features weighed most, the
// verdict's own side first.
func reason(v Verdict, threshold float64, why []part) string {
	verdict, side := "rejected, score %.2f is below %.2f", -1.0
	if v.Accepted {
		verdict, side = "accepted, score %.2f reaches %.2f", 1.0
	}
	var b strings.Builder
	fmt.Fprintf(&b, verdict, v.Score, threshold)
	most := func(intro string, side float64, n int) {
		list := slices.Clone(why)
		slices.SortStableFunc(list, func(a, b part) int { return cmp.Compare(side*b.adds, side*a.adds) })
		for i, p := range list[:min(n, len(list))] {
			if side*p.adds < negligible {
				break
			}
			if i > 0 {
				intro = ", "
			}
			fmt.Fprintf(&b, "%s%s %+.2f", intro, p.words, p.adds)
		}
	}
	most("; mostly because of: ", side, namedFor)
	most("; in spite of: ", -side, namedAgainst)
	return b.String()
}
