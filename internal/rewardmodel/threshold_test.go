package rewardmodel

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/trace"
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
		cases = append(cases, scored{i % 7, score, yes})
	}
	c := newChooser(cases)
	for group := -1; group < 8; group++ {
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

func TestRankIsAUC(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var rows []trace.Judged
	var scores []float64
	var labels []bool
	var which []int
	for i := range 90 {
		r := trace.Judged{Group: strconv.Itoa(i % 5), Accepted: rng.IntN(2) == 0}
		rows, which = append(rows, r), append(which, i)
		scores, labels = append(scores, math.Round(10*rng.Float64())/10), append(labels, r.Accepted) // with ties
	}
	s := newSample(rows, which, scores, make([]bool, len(rows)))
	auc := s.rank()
	if got, want := auc([]int{0, 1, 2, 3, 4}), metrics.AUC(scores, labels); got != want {
		t.Errorf("every trace once: %v, want %v", got, want)
	}
	var drawn []float64
	var drawnLabels []bool
	draw := []int{2, 0, 2, 4, 2}
	for _, u := range draw {
		for i := range rows {
			if rows[i].Group == strconv.Itoa(u) {
				drawn, drawnLabels = append(drawn, scores[i]), append(drawnLabels, labels[i])
			}
		}
	}
	if got, want := auc(draw), metrics.AUC(drawn, drawnLabels); got != want {
		t.Errorf("a draw with repeats: %v, want %v", got, want)
	}
}
