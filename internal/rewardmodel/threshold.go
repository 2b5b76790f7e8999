package rewardmodel

import (
	"cmp"
	"slices"

	"github.com/gymline/gymline/internal/metrics"
)

// Thresholds are the scores from which a row is accepted. Proposals and
// silences come from two regressions, so each kind has its own.
type Thresholds struct {
	Proposal float64 `json:"proposal"`
	Silence  float64 `json:"silence"`
}

func (t Thresholds) of(silence bool) float64 {
	if silence {
		return t.Silence
	}
	return t.Proposal
}

// A scored is a training case with its held-out score.
type scored struct {
	group int32
	score float64
	yes   bool
}

// A chooser finds the threshold that held-out scores reach as often as the
// answer is yes, so that the model accepts what people accept in number. A
// threshold that weighs errors instead depends on what a mistake costs, and
// chosen for evenly mixed rows it accepts far more than people do.
type chooser struct {
	cases []scored // the highest score first
	yes   int
	own   map[int32][]int32 // group → its positions in cases, in order
}

// newChooser sorts the cases.
func newChooser(cases []scored) *chooser {
	c := &chooser{cases: cases, own: map[int32][]int32{}}
	slices.SortFunc(c.cases, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
	for i, k := range c.cases {
		c.own[k.group] = append(c.own[k.group], int32(i))
		c.yes += index(k.yes)
	}
	return c
}

// without returns the threshold chosen on every group but one; -1 leaves out none.
// It lies between two scores, so that no rounding turns a verdict over.
func (c *chooser) without(group int32) float64 {
	own, yes := c.own[group], c.yes
	for _, i := range own {
		yes -= index(c.cases[i].yes)
	}
	n := len(c.cases) - len(own)
	// score is that of the i-th case of the rest, with a 1 before and a 0 after them.
	score := func(i int) float64 {
		switch {
		case i < 0:
			return 1
		case i >= n:
			return 0
		}
		for _, skip := range own {
			if int(skip) <= i {
				i++
			}
		}
		return c.cases[i].score
	}
	// Equal scores share a verdict: cut at the nearer end of their run.
	above, below := yes, yes
	for above > 0 && above < n && score(above-1) == score(above) {
		above--
	}
	for below > 0 && below < n && score(below-1) == score(below) {
		below++
	}
	cut := above
	if below-yes < yes-above {
		cut = below
	}
	return metrics.Round((score(cut-1)+score(cut))/2, scoreDecimals+1)
}
