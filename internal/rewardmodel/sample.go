package rewardmodel

import (
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/gymline/gymline/internal/metrics"
)

// A sample is rows that a protocol judges.
type sample struct {
	scores []float64
	labels []bool
	counts metrics.Counts // of verdicts against labels
}

func (s *sample) add(score float64, label bool, c metrics.Counts) {
	s.scores, s.labels, s.counts = append(s.scores, score), append(s.labels, label), s.counts.Add(c)
}

func (s *sample) kind() Kind {
	c := s.counts
	return Kind{Rows: c.N(), Accepted: c.TP + c.FN, Model: c.TP + c.FP, Accuracy: c.Accuracy(), AUC: metrics.AUC(s.scores, s.labels)}
}

// result scores the rows that which names, with intervals. name tells generators apart.
func (t *trainer) result(name string, which []int32, scores []float64, verdicts []bool) Result {
	all := sample{scores: make([]float64, 0, len(which)), labels: make([]bool, 0, len(which))}
	var proposals, silences sample
	var confusion []metrics.Counts // by group
	unit := make([]int32, 0, len(which))
	units, traces := map[int32]int32{}, map[int32]bool{}
	for _, i := range which {
		r, part := &t.rows[i], &proposals
		if r.task == silence {
			part = &silences
		}
		c := metrics.Of(verdicts[i], verdicts[i] == r.accepted)
		all.add(scores[i], r.accepted, c)
		part.add(scores[i], r.accepted, c)
		u, fresh := number(&units, r.group)
		if fresh {
			confusion = append(confusion, metrics.Counts{})
		}
		confusion[u], unit, traces[r.trace] = confusion[u].Add(c), append(unit, u), true
	}
	total, groups, rank := all.counts, len(units), metrics.Rank(all.scores, all.labels, unit)
	r := Result{
		Rows: len(which), Traces: len(traces), Groups: groups,
		F1: total.F1(), Accuracy: total.Accuracy(), Precision: total.Precision(), Recall: total.Recall(),
		TP: total.TP, FP: total.FP, TN: total.TN, FN: total.FN,
		AUC:   rank.AUC(slices.Repeat([]int32{1}, groups)),
		AUCCI: [2]float64{0.5, 0.5}, Proposals: proposals.kind(), Silences: silences.kind(),
	}
	var eg errgroup.Group // each interval has a generator of its own
	interval := func(ci *[2]float64, of string, score func(metrics.Counts) float64) {
		eg.Go(func() error {
			ci[0], ci[1] = metrics.Interval(t.Rand("bootstrap", name, of), metrics.Repeated{confusion}, t.Resamples, t.Confidence, score)
			t.did(float64(t.Resamples*groups) * drawCost)
			return nil
		})
	}
	interval(&r.AccuracyCI, "accuracy", metrics.Counts.Accuracy)
	if total.TP+total.FP > 0 { // else they are 0 of any draw
		interval(&r.F1CI, "f1", metrics.Counts.F1)
		interval(&r.PrecisionCI, "precision", metrics.Counts.Precision)
		interval(&r.RecallCI, "recall", metrics.Counts.Recall)
	}
	if !rank.Flat {
		eg.Go(func() error {
			r.AUCCI[0], r.AUCCI[1] = metrics.Bootstrap(t.Rand("bootstrap", name, "auc"), groups, t.Resamples, t.Confidence, func(times []int32) float64 {
				t.did(float64(groups)*drawCost + float64(len(which))*rankCost)
				return rank.AUC(times)
			})
			return nil
		})
	}
	_ = eg.Wait() // none of them fails
	return r
}
