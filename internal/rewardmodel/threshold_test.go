package rewardmodel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestChooser compares with going through the cases one by one.
func TestChooser(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var cases []scored
	for i := range 300 {
		yes := rng.IntN(3) == 0
		score := clip(0.4 + 0.2*flag(yes) + 0.25*rng.NormFloat64()) // some of them 0 or 1
		if i%4 == 0 {
			score = float64(rng.IntN(11)) / 10 // equal to others
		}
		cases = append(cases, scored{int32(i % 7), score, yes})
	}
	c := newChooser(slices.Clone(cases))
	for group := int32(-1); group < 8; group++ {
		var scores []float64
		yes := 0
		for _, k := range cases {
			if k.group != group {
				scores = append(scores, k.score)
				if k.yes {
					yes++
				}
			}
		}
		reach := func(th float64) (n int) {
			for _, s := range scores {
				if s >= th {
					n++
				}
			}
			return n
		}
		best := len(scores)
		for _, s := range scores {
			best = min(best, max(reach(s)-yes, yes-reach(s)))
		}
		th := c.without(group)
		if got := max(reach(th)-yes, yes-reach(th)); got != best {
			t.Errorf("without group %d: threshold %v accepts %d of %d, and people %d; as near as %d is possible", group, th, reach(th), len(scores), yes, best)
		}
		for _, s := range scores {
			if math.Abs(s-th) < 1e-7 {
				t.Errorf("without group %d: threshold %v is the score %v", group, th, s)
			}
		}
	}
}

func TestChooserEdges(t *testing.T) {
	for _, c := range []struct {
		cases []scored
		want  float64
	}{
		{nil, 0.5},
		{[]scored{{0, 0.4, true}}, 0.2},
		{[]scored{{0, 0.4, false}}, 0.7},
		{[]scored{{0, 0.4, false}, {0, 0.400001, true}}, 0.4000005},
		{[]scored{{0, 0.4, true}, {0, 0.4, true}, {0, 0.4, false}, {0, 0.2, false}}, 0.3}, // 3 is nearer to 2 than 0
		{[]scored{{0, 0.4, true}, {0, 0.4, false}, {0, 0.4, false}, {0, 0.2, false}}, 0.7},
	} {
		if got := newChooser(c.cases).without(-1); got != c.want {
			t.Errorf("%v: %v, want %v", c.cases, got, c.want)
		}
	}
}
