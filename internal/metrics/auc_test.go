package metrics

import (
	"math"
	"testing"
)

// TestRankingCountsPairs compares with counting the pairs of a draw, with ties,
// repeats, units left out, and one class only.
func TestRankingCountsPairs(t *testing.T) {
	r := rng(4)
	for trial := range 400 {
		n, units := r.IntN(40), 1+r.IntN(6)
		scores, labels, unit := make([]float64, n), make([]bool, n), make([]int32, n)
		levels, share := 1+r.IntN(12), r.IntN(4)
		for i := range n {
			scores[i], labels[i], unit[i] = float64(r.IntN(levels))/10-0.3, r.IntN(3) < share, int32(r.IntN(units))
		}
		times := make([]int32, units)
		for u := range times {
			times[u] = int32(r.IntN(4))
		}
		ranking := Rank(scores, labels, unit)
		got, want := ranking.AUC(times), pairs(scores, labels, func(i int) float64 { return float64(times[unit[i]]) })
		if got != want {
			t.Fatalf("trial %d: %v, by pairs %v: scores %v labels %v times %v of units %v", trial, got, want, scores, labels, times, unit)
		}
		if ranking.Flat && got != 0.5 {
			t.Fatalf("trial %d: flat, and %v", trial, got)
		}
		if got, want := AUC(scores, labels), pairs(scores, labels, func(int) float64 { return 1 }); got != want {
			t.Fatalf("trial %d: AUC %v, by pairs %v", trial, got, want)
		}
	}
}

func pairs(scores []float64, labels []bool, times func(int) float64) float64 {
	wins, all := 0.0, 0.0
	for i := range scores {
		for j := range scores {
			if !labels[i] || labels[j] {
				continue
			}
			w := times(i) * times(j)
			all += w
			switch {
			case scores[i] > scores[j]:
				wins += w
			case scores[i] == scores[j]:
				wins += w / 2
			}
		}
	}
	if all == 0 {
		return 0.5
	}
	return wins / all
}

func TestFlat(t *testing.T) {
	for name, c := range map[string]struct {
		scores []float64
		labels []bool
		want   bool
	}{
		"nothing":        {nil, nil, true},
		"one class":      {[]float64{1, 2}, []bool{true, true}, true},
		"all alike":      {[]float64{3, 3}, []bool{true, false}, true},
		"negative zero":  {[]float64{0, math.Copysign(0, -1)}, []bool{true, false}, true},
		"told apart":     {[]float64{1, 2}, []bool{true, false}, false},
		"a tie and more": {[]float64{1, 1, 2}, []bool{true, false, false}, false},
	} {
		if got := Rank(c.scores, c.labels, make([]int32, len(c.scores))).Flat; got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func BenchmarkRanking(b *testing.B) {
	const n, units = 1 << 18, 1 << 14
	r := rng(6)
	scores, labels, unit, times := make([]float64, n), make([]bool, n), make([]int32, n), make([]int32, units)
	for i := range n {
		scores[i], labels[i], unit[i] = float64(r.IntN(n)), r.IntN(2) == 0, int32(i*units/n)
	}
	for range units {
		times[r.IntN(units)]++
	}
	ranking := Rank(scores, labels, unit)
	for b.Loop() {
		ranking.AUC(times)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/item")
}
