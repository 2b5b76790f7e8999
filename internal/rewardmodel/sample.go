package rewardmodel

import (
	"cmp"
	"slices"

	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/trace"
)

// A sample is scored and judged rows, by group, ready for scores and intervals.
type sample struct {
	traces    int
	groups    int
	scores    []float64
	labels    []bool
	verdicts  []bool
	silent    []bool
	unit      []int            // the row's group
	confusion []metrics.Counts // by group
}

// newSample takes the rows that which names.
func newSample(rows []trace.Judged, which []int, scores []float64, verdicts []bool) *sample {
	s := &sample{}
	unit, traces := map[string]int{}, map[string]bool{}
	for _, i := range which {
		traces[rows[i].Trace] = true
		u, ok := unit[rows[i].Group]
		if !ok {
			u = len(unit)
			unit[rows[i].Group] = u
			s.confusion = append(s.confusion, metrics.Counts{})
		}
		s.unit = append(s.unit, u)
		s.scores = append(s.scores, scores[i])
		s.labels = append(s.labels, rows[i].Accepted)
		s.verdicts = append(s.verdicts, verdicts[i])
		s.silent = append(s.silent, rows[i].Task == nil)
		c := &s.confusion[u]
		switch {
		case verdicts[i] && rows[i].Accepted:
			c.TP++
		case verdicts[i]:
			c.FP++
		case rows[i].Accepted:
			c.FN++
		default:
			c.TN++
		}
	}
	s.traces, s.groups = len(traces), len(unit)
	return s
}

// result computes scores and their intervals. name tells generators apart.
func (s *sample) result(name string, o Options) Result {
	total := metrics.Sum(s.confusion)
	interval := func(of string, score func(metrics.Counts) float64) (ci [2]float64) {
		ci[0], ci[1] = metrics.Interval(o.Rand("bootstrap", name, of), s.confusion, o.Resamples, o.Confidence, score)
		return ci
	}
	r := Result{
		Rows: len(s.scores), Traces: s.traces, Groups: s.groups,
		F1: total.F1(), F1CI: interval("f1", metrics.Counts.F1),
		Accuracy: total.Accuracy(), AccuracyCI: interval("accuracy", metrics.Counts.Accuracy),
		Precision: total.Precision(), PrecisionCI: interval("precision", metrics.Counts.Precision),
		Recall: total.Recall(), RecallCI: interval("recall", metrics.Counts.Recall),
		TP: total.TP, FP: total.FP, TN: total.TN, FN: total.FN,
		AUC:       metrics.AUC(s.scores, s.labels),
		Proposals: s.kind(false), Silences: s.kind(true),
	}
	auc := s.rank()
	r.AUCCI[0], r.AUCCI[1] = metrics.Bootstrap(o.Rand("bootstrap", name, "auc"), s.groups, o.Resamples, o.Confidence, auc)
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

// rank returns a function that computes the AUC of resampled groups. Rows are
// sorted once; a draw only changes how often each counts.
func (s *sample) rank() func(draw []int) float64 {
	order := make([]int, len(s.scores))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(s.scores[a], s.scores[b]) })
	times := make([]float64, s.groups)
	return func(draw []int) float64 {
		clear(times)
		for _, u := range draw {
			times[u]++
		}
		var wins, below, above float64 // counts are whole or half numbers, so sums are exact
		for i := 0; i < len(order); {
			var yes, no float64
			score := s.scores[order[i]]
			for ; i < len(order) && s.scores[order[i]] == score; i++ {
				if k := order[i]; s.labels[k] {
					yes += times[s.unit[k]]
				} else {
					no += times[s.unit[k]]
				}
			}
			wins += yes * (below + no/2)
			below += no
			above += yes
		}
		if below == 0 || above == 0 {
			return 0.5
		}
		return wins / (above * below)
	}
}
