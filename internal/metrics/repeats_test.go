package metrics

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat"
)

// What answered once scores as ever, to the last bit.
func TestOneRepeatIsNone(t *testing.T) {
	traces := someTraces(rng(31), 20, 1, 0)
	if got, want := MeanScore(once(traces).Sums()), ScoreOf(Sum(traces)); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if values, sd := Spread(once(traces).Sums(), Counts.F1); len(values) != 1 || values[0] != Sum(traces).F1() || sd != 0 {
		t.Errorf("%v, %v", values, sd)
	}
	if MeanOf(nil, Counts.F1) == 0 {
		t.Error("nobody's mean is no number")
	}
}

func TestMeanScore(t *testing.T) {
	got := MeanScore([]Counts{{TP: 3, FP: 1}, {TN: 2, FN: 2}}) // F1 6/7 and 0
	if got.Counts != (Counts{TP: 3, FP: 1, TN: 2, FN: 2}) || got.Events != 8 {
		t.Errorf("%+v", got)
	}
	near(t, "F1", got.F1, 3.0/7, 1e-15)
	near(t, "recall", got.Recall, .5, 1e-15)
	near(t, "precision", got.Precision, .375, 1e-15)
	near(t, "accuracy", got.Accuracy, .625, 1e-15)
	near(t, "false alarm", got.FalseAlarm, .125, 1e-15)
	_, sd := Spread([]Counts{{TP: 3, FP: 1}, {TN: 2, FN: 2}}, Counts.F1)
	near(t, "sd", sd, math.Sqrt(2)*3/7, 1e-15)
	if one := (Repeated{{{TP: 1}}}).Times(3); len(one) != 3 || one[2][0].TP != 1 {
		t.Errorf("%v", one)
	}
}

// TestPassesByBruteForce draws every subset of k answers.
func TestPassesByBruteForce(t *testing.T) {
	for n := 1; n <= 6; n++ {
		right := make([]int, 0, n+1)
		for c := range n + 1 {
			right = append(right, c)
			for k := 1; k <= n; k++ {
				all, some := Passes([]int{c}, n, k)
				wantAll, wantSome := subsets(c, n, k)
				near(t, "pass^k", all, wantAll, 1e-12)
				near(t, "pass@k", some, wantSome, 1e-12)
			}
		}
		all, some := Passes(right, n, 1)
		near(t, "pass^1, the accuracy", all, .5, 1e-12)
		near(t, "pass@1, the accuracy", some, .5, 1e-12)
	}
	if all, some := Passes(nil, 3, 2); all != 0 || some != 0 {
		t.Errorf("of no event: %v, %v", all, some)
	}
}

// subsets counts among all choices of k of n answers, of which the first c are right,
// those that are all right, and those with a right one.
func subsets(c, n, k int) (all, some float64) {
	chosen := 0
	for set := range 1 << n {
		size, right := 0, 0
		for i := range n {
			if set>>i&1 == 1 {
				size++
				if i < c {
					right++
				}
			}
		}
		if size != k {
			continue
		}
		chosen++
		if right == k {
			all++
		}
		if right > 0 {
			some++
		}
	}
	return all / float64(chosen), some / float64(chosen)
}

// A world has traces that suit a system more or less, by sd, and days on which a trace's
// answers are better or worse as a whole, by noise: repeats of a trace are alike, and
// answers within a repeat more so.
type world struct{ sd, noise, skill float64 }

func (w world) answers(r *rand.Rand, traces, repeats int) Repeated {
	ease := make([]float64, traces)
	for i := range ease {
		ease[i] = w.sd * r.NormFloat64()
	}
	list := make(Repeated, repeats)
	for n := range list {
		now := make([]float64, traces)
		for i := range now {
			now[i] = ease[i] + w.noise*r.NormFloat64()
		}
		list[n] = onTraces(r, now, 20, w.skill)
	}
	return list
}

// twoStage draws repeats within each drawn trace, too.
func twoStage(r *rand.Rand, a Repeated, resamples int, confidence float64) (lo, hi float64) {
	values := make([]float64, resamples)
	for i := range values {
		sums := make([]Counts, len(a))
		for range a.traces() {
			trace := r.IntN(a.traces())
			for n := range sums {
				sums[n] = sums[n].Add(a[r.IntN(len(a))][trace])
			}
		}
		values[i] = MeanOf(sums, Counts.F1)
	}
	slices.Sort(values)
	tail := (1 - confidence) / 2
	return stat.Quantile(tail, stat.Empirical, values, nil), stat.Quantile(1-tail, stat.Empirical, values, nil)
}

// singly takes each repeat of a trace for a trace of its own.
func (r Repeated) singly() Repeated { return Repeated{slices.Concat(r...)} }

// TestIntervalsKnowTracesAndRepeats: intervals over traces with all their repeats hold the
// true F1 about as often as they say, whatever asking again changes. Taking each repeat of
// a trace for a trace of its own does not, and drawing repeats as well is too wide.
func TestIntervalsKnowTracesAndRepeats(t *testing.T) {
	const runs, traces, repeats, resamples = 300, 40, 3, 300
	for name, c := range map[string]struct {
		world
		single, wide float64 // at most so many of the singly drawn hold it; at least so wide is drawing both
	}{
		"traces differ":  {world{sd: 2, noise: .2}, .80, .95},
		"asking differs": {world{sd: .2, noise: 2}, 1, 1.2},
		"both differ":    {world{sd: 1, noise: 1}, .88, 1.05},
	} {
		r := rng(41)
		truth := MeanOf(c.answers(r, 50_000, 1).Sums(), Counts.F1)
		var whole, single, both, width, wide float64
		held := func(into *float64, lo, hi float64) float64 {
			if lo <= truth && truth <= hi {
				*into += 1. / runs
			}
			return hi - lo
		}
		for range runs {
			a := c.answers(r, traces, repeats)
			ci := F1Interval(a, .95)
			width += held(&whole, ci[0], ci[1])
			ci = F1Interval(a.singly(), .95)
			held(&single, ci[0], ci[1])
			lo, hi := twoStage(r, a, resamples, .95)
			wide += held(&both, lo, hi)
		}
		t.Logf("%s: true F1 %.3f; held by traces with repeats %.3f, by single repeats %.3f, by drawing both %.3f and %.2f times as wide", name, truth, whole, single, both, wide/width)
		if whole < .90 || whole > .98 {
			t.Errorf("%s: the interval holds the truth in %.3f of runs", name, whole)
		}
		if single > c.single || wide/width < c.wide {
			t.Errorf("%s: the simulation no longer shows why traces are drawn, and they alone", name)
		}
	}
}

// TestRandomisationOfRepeats: two systems that differ in nothing but which traces suit them
// are found different as seldom as the level says, and not by single repeats.
func TestRandomisationOfRepeats(t *testing.T) {
	const runs, level = 600, .05
	r, w := rng(42), world{sd: 1.5, noise: .5}
	whole, single := 0, 0
	for range runs {
		a, b := w.answers(r, 15, 3), w.answers(r, 15, 3)
		if _, p := Randomisation(r, a, b, 199); p <= level {
			whole++
		}
		if _, p := Randomisation(r, a.singly(), b.singly(), 199); p <= level {
			single++
		}
	}
	t.Logf("false findings: whole %d, single repeats %d of %d", whole, single, runs)
	if whole >= 48 || single < 90 { // 30 expected; 48 and more come by chance in 1 of 1,000
		t.Errorf("false findings: whole %d, single repeats %d of %d", whole, single, runs)
	}
	same := w.answers(r, 15, 3)
	if delta, p := Randomisation(r, same, same, 199); delta != 0 || p != 1 {
		t.Errorf("a system against itself: %v, p %v", delta, p)
	}
	if ci := F1DifferenceInterval(same, same, .95); ci != nil {
		t.Errorf("a system against itself: %v", *ci)
	}
	// Asked more often, a system is known better.
	few, _ := F1StandardError(world{noise: 2}.answers(rng(1), 100, 1), nil)
	many, _ := F1StandardError(world{noise: 2}.answers(rng(1), 100, 9), nil)
	near(t, "standard error of one repeat, in those of nine", few/many, 3, .5)
}
