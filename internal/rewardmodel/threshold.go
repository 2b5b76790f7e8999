package rewardmodel

import "github.com/gymline/gymline/internal/trace"

// thresholds are tried at this many equal steps of [0,1]; scores are no finer.
const thresholdSteps = 200

// A cell is a kind of row by its label: what a judge must be good at evenly.
type cell struct{ silence, accepted bool }

// chooser finds the threshold with the highest sum of F1 and accuracy on
// held-out scores, each cell of rows weighing the same however many it has.
// F1 alone is flat over a wide range and would take the end that accepts nearly
// everything. Counts are by step, so leaving a trace out is a subtraction.
type chooser struct {
	all     tally
	byTrace map[string]*tally
}

// A tally counts the rows of each cell by the highest step that accepts them.
type tally map[cell]*[thresholdSteps + 1]int

func (t tally) add(r *trace.Judged, score float64) {
	c := cell{r.Task == nil, r.Accepted}
	if t[c] == nil {
		t[c] = new([thresholdSteps + 1]int)
	}
	step := int(score * thresholdSteps)
	// Products round either way: step is the last one with step/steps <= score.
	if step < thresholdSteps && float64(step+1)/thresholdSteps <= score {
		step++
	} else if float64(step)/thresholdSteps > score {
		step--
	}
	t[c][step]++
}

// newChooser takes in the training rows with their held-out scores.
func newChooser(rows []trace.Judged, scores []float64) *chooser {
	c := &chooser{all: tally{}, byTrace: map[string]*tally{}}
	for i := range rows {
		r := &rows[i]
		if r.Split == testSplit {
			continue
		}
		if c.byTrace[r.Trace] == nil {
			c.byTrace[r.Trace] = &tally{}
		}
		c.all.add(r, scores[i])
		c.byTrace[r.Trace].add(r, scores[i])
	}
	return c
}

// without returns the threshold chosen on every trace but one; "" leaves out none.
func (c *chooser) without(trace string) float64 {
	var own tally
	if t := c.byTrace[trace]; t != nil {
		own = *t
	}
	// accepted[step] of a cell: the share of its rows that step accepts.
	accepted := map[bool][]([thresholdSteps + 1]float64){}
	for _, k := range []cell{{false, false}, {false, true}, {true, false}, {true, true}} {
		if c.all[k] == nil {
			continue
		}
		counts := *c.all[k]
		total := 0
		for s := range counts {
			if own[k] != nil {
				counts[s] -= own[k][s]
			}
			total += counts[s]
		}
		if total == 0 {
			continue
		}
		var share [thresholdSteps + 1]float64
		above := 0
		for s := thresholdSteps; s >= 0; s-- {
			above += counts[s]
			share[s] = float64(above) / float64(total)
		}
		accepted[k.accepted] = append(accepted[k.accepted], share)
	}
	best, at := -1.0, 0
	for s := range thresholdSteps + 1 {
		tpr, fpr := mean(accepted[true], s), mean(accepted[false], s)
		// With both classes weighing 1: F1 = 2TP/(2TP+FP+FN), accuracy = (TP+TN)/2.
		value := ratio(2*tpr, tpr+fpr+1) + (tpr+1-fpr)/2
		if value > best+1e-12 {
			best, at = value, s
		}
	}
	return float64(at) / thresholdSteps
}

func mean(shares []([thresholdSteps + 1]float64), step int) float64 {
	sum := 0.0
	for i := range shares {
		sum += shares[i][step]
	}
	return ratio(sum, float64(len(shares)))
}
