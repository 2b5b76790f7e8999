package rewardmodel

import (
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/gymline/gymline/internal/metrics"
)

// A sample is scored and judged rows, by group, ready for scores and intervals.
type sample struct {
	traces    int
	groups    int
	scores    []float64
	labels    []bool
	verdicts  []bool
	silent    []bool
	unit      []int32          // the row's group
	confusion []metrics.Counts // by group
}

// sample takes the rows that which names.
func (d *Dataset) sample(which []int32, scores []float64, verdicts []bool) *sample {
	n := len(which)
	s := &sample{scores: make([]float64, n), labels: make([]bool, n), verdicts: make([]bool, n), silent: make([]bool, n), unit: make([]int32, n)}
	units, traces := map[int32]int32{}, map[int32]bool{}
	for k, i := range which {
		r := &d.rows[i]
		traces[r.trace] = true
		u, fresh := number(&units, r.group)
		if fresh {
			s.confusion = append(s.confusion, metrics.Counts{})
		}
		s.unit[k], s.scores[k], s.labels[k], s.verdicts[k], s.silent[k] = u, scores[i], r.accepted, verdicts[i], r.task == silence
		c := &s.confusion[u]
		switch {
		case verdicts[i] && r.accepted:
			c.TP++
		case verdicts[i]:
			c.FP++
		case r.accepted:
			c.FN++
		default:
			c.TN++
		}
	}
	s.traces, s.groups = len(traces), len(units)
	return s
}

// result computes scores and their intervals. name tells generators apart.
func (s *sample) result(name string, o Options, p *pace) Result {
	total, rank := metrics.Sum(s.confusion), metrics.Rank(s.scores, s.labels, s.unit)
	r := Result{
		Rows: len(s.scores), Traces: s.traces, Groups: s.groups,
		F1: total.F1(), Accuracy: total.Accuracy(), Precision: total.Precision(), Recall: total.Recall(),
		TP: total.TP, FP: total.FP, TN: total.TN, FN: total.FN,
		AUC:       rank.AUC(slices.Repeat([]int32{1}, s.groups)),
		Proposals: s.kind(false), Silences: s.kind(true),
	}
	var eg errgroup.Group // each interval has a generator of its own
	interval := func(ci *[2]float64, of string, score func(metrics.Counts) float64) {
		eg.Go(func() error {
			ci[0], ci[1] = metrics.Interval(o.Rand("bootstrap", name, of), s.confusion, o.Resamples, o.Confidence, func(c metrics.Counts) float64 {
				p.add(float64(s.groups) * drawCost)
				return score(c)
			})
			return nil
		})
	}
	interval(&r.AccuracyCI, "accuracy", metrics.Counts.Accuracy)
	if total.TP+total.FP > 0 { // else they are 0 of any draw
		interval(&r.F1CI, "f1", metrics.Counts.F1)
		interval(&r.PrecisionCI, "precision", metrics.Counts.Precision)
		interval(&r.RecallCI, "recall", metrics.Counts.Recall)
	}
	r.AUCCI = [2]float64{0.5, 0.5}
	if !rank.Flat() {
		eg.Go(func() error {
			r.AUCCI[0], r.AUCCI[1] = metrics.Bootstrap(o.Rand("bootstrap", name, "auc"), s.groups, o.Resamples, o.Confidence, func(times []int32) float64 {
				p.add(float64(s.groups)*drawCost + float64(len(s.scores))*rankCost)
				return rank.AUC(times)
			})
			return nil
		})
	}
	_ = eg.Wait() // none of them fails
	return r
}

// kind scores the silences or the proposals by themselves.
func (s *sample) kind(silent bool) Kind {
	k, right := Kind{}, 0
	var scores []float64
	var labels []bool
	for i := range s.scores {
		if s.silent[i] != silent {
			continue
		}
		k.Rows++
		if s.labels[i] {
			k.Accepted++
		}
		if s.verdicts[i] {
			k.Model++
		}
		if s.verdicts[i] == s.labels[i] {
			right++
		}
		scores, labels = append(scores, s.scores[i]), append(labels, s.labels[i])
	}
	k.Accuracy = ratio(float64(right), float64(k.Rows))
	k.AUC = metrics.AUC(scores, labels)
	return k
}
