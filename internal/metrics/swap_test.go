package metrics

import (
	"math"
	"testing"
)

// every swaps each set of traces in turn, from scratch.
func every(a, b Repeated) float64 {
	delta := MeanOf(b.Sums(), Counts.F1) - MeanOf(a.Sums(), Counts.F1)
	extreme, all := 0, 1<<a.traces()
	for set := range all {
		x, y := make([]Counts, len(a)), make([]Counts, len(a))
		for r := range x {
			for i := range a.traces() {
				from, to := a[r][i], b[r][i]
				if set>>i&1 == 1 {
					from, to = to, from
				}
				x[r], y[r] = x[r].Add(from), y[r].Add(to)
			}
		}
		if math.Abs(MeanOf(y, Counts.F1)-MeanOf(x, Counts.F1)) >= math.Abs(delta)-tie {
			extreme++
		}
	}
	return float64(extreme) / float64(all)
}

// TestExactIsEverySet: up to 20 traces p is the share of all sets, whatever the repeats and
// however many traces are the same in both.
func TestExactIsEverySet(t *testing.T) {
	r := rng(61)
	for range 120 {
		w, traces, repeats := world{sd: 1, noise: .5, skill: r.Float64()}, 1+r.IntN(11), 1+r.IntN(3)
		a, b := w.answers(r, traces, repeats), w.answers(r, traces, repeats)
		for i := range traces {
			if r.IntN(4) == 0 {
				for n := range repeats {
					b[n][i] = a[n][i]
				}
			}
		}
		delta, p := Randomisation(nil, a, b, 1)
		near(t, "delta", delta, MeanOf(b.Sums(), Counts.F1)-MeanOf(a.Sums(), Counts.F1), 1e-12)
		near(t, "p", p, every(a, b), 1e-12)
	}
}

// TestDrawnNearsExact: where sets are drawn, p nears the share of all of them.
func TestDrawnNearsExact(t *testing.T) {
	r := rng(62)
	for range 12 {
		a, b := world{sd: 1}.answers(r, 16, 2), world{sd: 1, skill: .3}.answers(r, 16, 2)
		_, want := Randomisation(nil, a, b, 1)
		s := newSwaps(a, b)
		got := s.drawn(r, 20_000, math.Abs(s.difference())-tie)
		near(t, "p", got, want, 4*math.Sqrt(want*(1-want)/20_000)+1e-4)
	}
}

func TestRounds(t *testing.T) {
	for _, c := range []struct {
		asked, comparisons int
		level              float64
		want               int
	}{{2000, 1, .05, 2000}, {2000, 105, .05, 42_000}, {2000, 0, .05, 2000}, {2000, 10, .01, 20_000}} {
		if got := Rounds(c.asked, c.comparisons, c.level); got != c.want {
			t.Errorf("%d comparisons at %v: %d rounds, want %d", c.comparisons, c.level, got, c.want)
		}
	}
}

// The published benchmark's size, and a large one.
func BenchmarkRandomisation(b *testing.B) {
	for name, traces := range map[string]int{"20 traces, exactly": 20, "10,000 traces, 2,000 rounds": 10_000} {
		b.Run(name, func(b *testing.B) {
			r := rng(1)
			x, y := once(someTraces(r, traces, 1, .2)), once(someTraces(r, traces, 1, .3))
			for b.Loop() {
				Randomisation(r, x, y, 2000)
			}
		})
	}
}
