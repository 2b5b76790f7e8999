package metrics

import (
	"gonum.org/v1/gonum/stat"
)

// Repeated are a system's counts: of each time that it answered, by trace. A system that
// answered once has one element, and one that cannot answer otherwise is the same in all.
type Repeated [][]Counts

// Times is a system of n repeats: one that answered once would answer the same again.
func (r Repeated) Times(n int) Repeated {
	for len(r) > 0 && len(r) < n {
		r = append(r[:len(r):len(r)], r[0])
	}
	return r
}

// Sums are the counts of each repeat.
func (r Repeated) Sums() []Counts {
	sums := make([]Counts, len(r))
	for i, traces := range r {
		sums[i] = Sum(traces)
	}
	return sums
}

// traces is how many traces each repeat has.
func (r Repeated) traces() int {
	if len(r) == 0 {
		return 0
	}
	return len(r[0])
}

// drawn is the mean of a score over repeats, of traces that were drawn so often.
func (r Repeated) drawn(times []int32, score func(Counts) float64) float64 {
	sum := 0.0
	for _, traces := range r {
		sum += score(drawn(traces, times))
	}
	return sum / float64(len(r))
}

// MeanOf is the mean of a score over the counts of repeats.
func MeanOf(repeats []Counts, score func(Counts) float64) float64 {
	sum := 0.0
	for _, c := range repeats {
		sum += score(c)
	}
	return sum / float64(len(repeats))
}

// MeanScore has the counts of all repeats, and of each score the mean over them.
func MeanScore(repeats []Counts) Score {
	sum := Sum(repeats)
	of := func(score func(Counts) float64) float64 { return MeanOf(repeats, score) }
	return Score{
		Events: sum.N(), Counts: sum, Recall: of(Counts.Recall), Precision: of(Counts.Precision),
		Accuracy: of(Counts.Accuracy), FalseAlarm: of(Counts.FalseAlarm), F1: of(Counts.F1),
	}
}

// Spread are the values of a score in each repeat, and their sample standard deviation;
// 0 of fewer than two.
func Spread(repeats []Counts, score func(Counts) float64) (values []float64, sd float64) {
	for _, c := range repeats {
		values = append(values, score(c))
	}
	if len(values) > 1 {
		sd = stat.StdDev(values, nil)
	}
	return values, sd
}

// Passes estimate, from answers to events that were given n times each, how k answers to
// an event would be: all right (pass^k of Yao et al. 2024, arXiv 2406.12045) and any of
// them right (pass@k of Chen et al. 2021, arXiv 2107.03374). right has for each event how
// many of its n answers are right. Both are means over events of what k of the n answers,
// drawn without replacement, would be, and so unbiased: C(c,k)/C(n,k), and 1 less
// C(n-c,k)/C(n,k). k is from 1 to n.
func Passes(right []int, n, k int) (all, some float64) {
	for _, c := range right {
		every, none := 1.0, 1.0
		for i := range k {
			every *= float64(max(c-i, 0)) / float64(n-i)
			none *= float64(max(n-c-i, 0)) / float64(n-i)
		}
		all, some = all+every, some+1-none
	}
	if len(right) == 0 {
		return 0, 0
	}
	return all / float64(len(right)), some / float64(len(right))
}
