package rewardmodel

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/trace"
)

// TestThreshold compares with trying every step on every row.
func TestThreshold(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var rows []trace.Judged
	var scores []float64
	task := "t"
	for i := range 300 {
		r := trace.Judged{Trace: strconv.Itoa(i % 7), Accepted: rng.IntN(3) == 0}
		if rng.IntN(5) > 0 {
			r.Task = &task
		}
		s := clip(0.4 + 0.2*flag(r.Accepted) + 0.25*rng.NormFloat64())
		if i%10 == 0 {
			s = float64(rng.IntN(thresholdSteps+1)) / thresholdSteps // exactly on a step
		}
		rows, scores = append(rows, r), append(scores, s)
	}
	c := newChooser(rows, scores)
	for _, leave := range []string{"", "0", "6", "elsewhere"} {
		n := map[cell]float64{}
		for _, r := range rows {
			if r.Trace != leave {
				n[cell{r.Task == nil, r.Accepted}]++
			}
		}
		value := func(th float64) float64 {
			var tp, fp float64 // each class weighs 1, each cell half
			for i, r := range rows {
				if r.Trace == leave || scores[i] < th {
					continue
				}
				w := 0.5 / n[cell{r.Task == nil, r.Accepted}]
				if r.Accepted {
					tp += w
				} else {
					fp += w
				}
			}
			return 2*tp/(tp+fp+1) + (tp+1-fp)/2
		}
		best := 0.0
		for s := range thresholdSteps + 1 {
			best = max(best, value(float64(s)/thresholdSteps))
		}
		if got := c.without(leave); math.Abs(value(got)-best) > 1e-9 {
			t.Errorf("without %q: threshold %v is worth %v, the best %v", leave, got, value(got), best)
		}
	}
}

func TestThresholdIgnoresTestRows(t *testing.T) {
	rows := []trace.Judged{{Trace: "a", Accepted: true}, {Trace: "b"}}
	scores := []float64{0.7, 0.3}
	want := newChooser(rows, scores).without("")
	rows = append(rows, trace.Judged{Trace: "c", Accepted: true, Split: "test"})
	if got := newChooser(rows, append(scores, 0.01)).without(""); got != want {
		t.Errorf("a test row moved the threshold from %v to %v", want, got)
	}
}

func TestRankIsAUC(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var rows []trace.Judged
	var scores []float64
	var labels []bool
	var which []int
	for i := range 90 {
		r := trace.Judged{Trace: strconv.Itoa(i % 5), Accepted: rng.IntN(2) == 0}
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
			if rows[i].Trace == strconv.Itoa(u) {
				drawn, drawnLabels = append(drawn, scores[i]), append(drawnLabels, labels[i])
			}
		}
	}
	if got, want := auc(draw), metrics.AUC(drawn, drawnLabels); got != want {
		t.Errorf("a draw with repeats: %v, want %v", got, want)
	}
}
