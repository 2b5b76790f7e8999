package metrics

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
)

// once is a system that answered once.
func once(traces []Counts) Repeated {
	if traces == nil {
		return nil
	}
	return Repeated{traces}
}

func rng(n uint64) *rand.Rand { return rand.New(rand.NewPCG(n, n+1)) }

// TestBootstrapIsTheLoop: the same generator gives the same interval as drawing
// and computing one resample after another, with as many processors as may be.
func TestBootstrapIsTheLoop(t *testing.T) {
	for _, units := range []int{1, 2, 7, 1000, handedOver + 1} {
		resamples := 500
		if units > 1000 {
			resamples = 9
		}
		statistic := func(times []int32) float64 {
			sum, n := 0.0, 0
			for u, k := range times {
				n += int(k)
				sum = 0.99*sum + float64(k)*float64(u%13) // minds the order
			}
			if len(times) != units || n != units {
				t.Errorf("a draw of %d of %d units, want as many as there are %d", n, len(times), units)
			}
			return sum
		}
		values, r := make([]float64, resamples), rng(1)
		for i := range values {
			times := make([]int32, units)
			for range units {
				times[r.IntN(units)]++
			}
			values[i] = statistic(times)
		}
		next := r.Uint64()
		slices.Sort(values)
		for _, procs := range []int{1, 4} {
			before := runtime.GOMAXPROCS(procs)
			r := rng(1)
			lo, hi := Bootstrap(r, units, resamples, .9, statistic)
			runtime.GOMAXPROCS(before)
			if want := values[int(math.Ceil(.05*float64(resamples)))-1]; lo != want {
				t.Errorf("%d units, %d processors: lower bound %v, want %v", units, procs, lo, want)
			}
			if want := values[int(math.Ceil((1-(1-.9)/2)*float64(resamples)))-1]; hi != want {
				t.Errorf("%d units, %d processors: upper bound %v, want %v", units, procs, hi, want)
			}
			if got := r.Uint64(); got != next {
				t.Errorf("%d units, %d processors: the generator was read further or less far than the draws", units, procs)
			}
		}
	}
}

func TestBootstrapMatchesTheStandardError(t *testing.T) {
	r := rng(5)
	values := make([]float64, 200)
	var sum, squares float64
	for i := range values {
		values[i] = r.NormFloat64()
		sum += values[i]
	}
	mean := sum / 200
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	se := math.Sqrt(squares / 200 / 200)
	lo, hi := Bootstrap(r, len(values), 4000, .95, func(times []int32) float64 {
		var s float64
		for i, n := range times {
			s += float64(n) * values[i]
		}
		return s / float64(len(times))
	})
	near(t, "lower bound in standard errors", (lo-mean)/se, -1.96, .12)
	near(t, "upper bound in standard errors", (hi-mean)/se, 1.96, .12)
}

func TestBootstrapEdges(t *testing.T) {
	if lo, hi := Bootstrap(rng(1), 0, 100, .95, func(d []int32) float64 { return float64(len(d)) }); lo != 0 || hi != 0 {
		t.Errorf("no units: [%v,%v]", lo, hi)
	}
	one := []Counts{{TP: 1, FP: 1}}
	if lo, hi := Interval(rng(1), once(one), 100, .95, Counts.F1); lo != hi || lo != one[0].F1() {
		t.Errorf("one unit: [%v,%v], want F1 twice", lo, hi)
	}
}

func TestIntervalHoldsTheScoreAndWidens(t *testing.T) {
	traces := someTraces(rng(8), 30, 1, 0)
	f1 := Sum(traces).F1()
	lo, hi := Interval(rng(2), once(traces), 1000, .95, Counts.F1)
	lo80, hi80 := Interval(rng(2), once(traces), 1000, .80, Counts.F1)
	if !(lo < lo80 && lo80 < f1 && f1 < hi80 && hi80 < hi) {
		t.Errorf("want %v < %v < %v < %v < %v", lo, lo80, f1, hi80, hi)
	}
	again, _ := Interval(rng(2), once(traces), 1000, .95, Counts.F1)
	if again != lo {
		t.Errorf("the same generator gave %v and %v", lo, again)
	}
}

func TestRandomisationKnownValues(t *testing.T) {
	a := []Counts{{TP: 5, FN: 5}, {TP: 3, FP: 2}}
	if delta, p := Randomisation(rng(1), once(a), once(a), 99); delta != 0 || p != 1 {
		t.Errorf("a system against itself: delta %v, p %v", delta, p)
	}
	// B beats A in each of 10 like traces: only the 2 of 1,024 assignments that swap all or none are as extreme.
	var worse, better []Counts
	for range 10 {
		worse, better = append(worse, Counts{TP: 2, FP: 8}), append(better, Counts{TP: 8, FP: 2})
	}
	delta, p := Randomisation(rng(3), once(worse), once(better), 100_000)
	near(t, "delta", delta, Sum(better).F1()-Sum(worse).F1(), 1e-15)
	near(t, "p", p, 2.0/1024, 1e-15)
	back, q := Randomisation(rng(3), once(better), once(worse), 100_000)
	if back != -delta || q != p {
		t.Errorf("turned round: delta %v, p %v, want %v, %v", back, q, -delta, p)
	}
	many := func(of []Counts) Repeated { return once(slices.Repeat(of, 3)) } // more than are tried exactly
	if _, p := Randomisation(rng(3), many(worse), many(better), 9); p < .1 {
		t.Errorf("9 rounds cannot give p %v", p)
	}
}

// someTraces simulates a system on traces of 20 events whose ease varies from
// trace to trace by sd, with a skill that is the same everywhere.
func someTraces(r *rand.Rand, traces int, sd, skill float64) []Counts {
	ease := make([]float64, traces)
	for i := range ease {
		ease[i] = sd * r.NormFloat64()
	}
	return onTraces(r, ease, 20, skill)
}

func onTraces(r *rand.Rand, ease []float64, events int, skill float64) []Counts {
	list := make([]Counts, len(ease))
	for i, e := range ease {
		for range events {
			need := r.Float64() < .6
			right := r.Float64() < 1/(1+math.Exp(-(skill+e)))
			proposed := need == right
			list[i] = list[i].Add(Of(proposed, right))
		}
	}
	return list
}

// Two systems are equally good over all traces, but each has traces that suit
// it. Testing single events as if they were independent finds differences that
// are not there; swapping whole traces does not.
func TestRandomisationHoldsItsLevel(t *testing.T) {
	const runs, traces, events, rounds, level = 800, 15, 20, 199, .05
	r := rng(11)
	byTrace, byEvent := 0, 0
	for range runs {
		easeA, easeB := make([]float64, traces), make([]float64, traces)
		for i := range traces {
			easeA[i], easeB[i] = 1.5*r.NormFloat64(), 1.5*r.NormFloat64()
		}
		a, b := onTraces(r, easeA, events, .5), onTraces(r, easeB, events, .5)
		if _, p := Randomisation(r, once(a), once(b), rounds); p <= level {
			byTrace++
		}
		if _, p := Randomisation(r, once(single(r, a)), once(single(r, b)), rounds); p <= level {
			byEvent++
		}
	}
	// 800 runs at 5%: 40 expected, and 60 or more come by chance in 1 of 700.
	if byTrace >= 60 {
		t.Errorf("by trace: %d of %d runs found a difference that is not there", byTrace, runs)
	}
	if byEvent < 160 {
		t.Errorf("by event: %d of %d runs; the simulation no longer shows why traces are the unit", byEvent, runs)
	}
	t.Logf("false findings at 5%%: by trace %.1f%%, by event %.1f%%", 100*float64(byTrace)/runs, 100*float64(byEvent)/runs)
}

// single cuts traces into their events, in random order within each trace.
func single(r *rand.Rand, traces []Counts) []Counts {
	var list []Counts
	for _, c := range traces {
		start := len(list)
		for _, part := range []struct {
			n  int
			of Counts
		}{{c.TP, Counts{TP: 1}}, {c.FP, Counts{FP: 1}}, {c.TN, Counts{TN: 1}}, {c.FN, Counts{FN: 1}}} {
			list = append(list, slices.Repeat([]Counts{part.of}, part.n)...)
		}
		in := list[start:]
		r.Shuffle(len(in), func(i, j int) { in[i], in[j] = in[j], in[i] })
	}
	return list
}

func TestRandomisationFindsARealDifference(t *testing.T) {
	r := rng(12)
	found := 0
	for range 40 {
		ease := make([]float64, 30)
		for i := range ease {
			ease[i] = r.NormFloat64()
		}
		_, p := Randomisation(r, once(onTraces(r, ease, 20, 0)), once(onTraces(r, ease, 20, 1)), 199)
		if p < .05 {
			found++
		}
	}
	if found < 36 {
		t.Errorf("found a large difference in %d of 40 runs", found)
	}
}

func TestHolm(t *testing.T) {
	for _, c := range []struct{ p, want []float64 }{
		{nil, []float64{}},
		{[]float64{.03}, []float64{.03}},
		{[]float64{.01, .04, .03, .005}, []float64{.03, .06, .06, .02}},
		{[]float64{.5, .6, .9}, []float64{1, 1, 1}},
		{[]float64{.02, .02}, []float64{.04, .04}},
	} {
		got := Holm(c.p)
		for i := range c.want {
			near(t, "Holm", got[i], c.want[i], 1e-12)
		}
		if len(got) != len(c.want) {
			t.Errorf("%v of %v", got, c.p)
		}
	}
	r := rng(9)
	for range 200 {
		p := make([]float64, 1+r.IntN(12))
		for i := range p {
			p[i] = r.Float64()
		}
		adjusted := Holm(p)
		for i := range p {
			if adjusted[i] < p[i] || adjusted[i] > min(1, float64(len(p))*p[i]) {
				t.Fatalf("%v adjusted to %v: outside [p, Bonferroni]", p, adjusted)
			}
			for j := range p {
				if p[i] < p[j] && adjusted[i] > adjusted[j] {
					t.Fatalf("%v adjusted to %v: order changed", p, adjusted)
				}
			}
		}
	}
}
