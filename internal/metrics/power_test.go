package metrics

import (
	"math"
	"slices"
	"sync"
	"testing"
)

func TestF1StandardErrorKnownValues(t *testing.T) {
	// Two traces with F1 1 and 0 and equal weight: F = 1/2, r = ±1/4, Var = 2·2/16.
	a := []Counts{{TP: 1}, {FP: 1, FN: 1}}
	se, ok := F1StandardError(once(a), nil)
	if !ok {
		t.Fatal("two traces have a standard error")
	}
	near(t, "standard error", se, .5, 1e-15)
	se, _ = F1StandardError(once(a), once(a))
	near(t, "standard error against itself", se, 0, 0)
	b := []Counts{{FP: 1, FN: 1}, {TP: 1}}
	se, _ = F1StandardError(once(a), once(b))
	near(t, "standard error of opposites", se, 1, 1e-15)
	if _, ok := F1StandardError(once(a[:1]), nil); ok {
		t.Error("one trace has no standard error")
	}
	se, ok = F1StandardError(once([]Counts{{TN: 3}, {TN: 4}}), nil)
	if se != 0 || !ok {
		t.Errorf("nothing proposed or needed: %v, %v", se, ok)
	}
}

func TestF1StandardErrorMatchesTheBootstrap(t *testing.T) {
	r := rng(21)
	ease := make([]float64, 120)
	for i := range ease {
		ease[i] = r.NormFloat64()
	}
	a, b := onTraces(r, ease, 20, 0), onTraces(r, ease, 20, .3)
	for _, c := range []struct {
		name string
		b    []Counts
	}{{"one system", nil}, {"a difference", b}} {
		se, _ := F1StandardError(once(a), once(c.b))
		var mu sync.Mutex
		var values []float64
		Bootstrap(r, len(a), 1500, .95, func(times []int32) float64 {
			v := drawn(a, times).F1()
			if c.b != nil {
				v = drawn(c.b, times).F1() - v
			}
			mu.Lock()
			defer mu.Unlock()
			values = append(values, v)
			return v
		})
		if got := deviation(values); math.Abs(got/se-1) > .1 {
			t.Errorf("%s: standard error %.4f, bootstrap %.4f", c.name, se, got)
		}
	}
}

func deviation(values []float64) float64 {
	var sum, squares float64
	for _, v := range values {
		sum += v
	}
	mean := sum / float64(len(values))
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	return math.Sqrt(squares / float64(len(values)))
}

func TestDetectable(t *testing.T) {
	a := []Counts{{TP: 1}, {FP: 1, FN: 1}}
	// One degree of freedom: t(.975) = 12.7062, t(.8) = 1.37638.
	d, ok := Detectable(once(a), nil, .95)
	if !ok {
		t.Fatal("two traces have a detectable difference")
	}
	near(t, "detectable", d, (12.7062+1.37638)*.5, 1e-4)
	if _, ok := Detectable(once(a[:1]), nil, .95); ok {
		t.Error("one trace cannot detect anything")
	}
	// Four times the traces halve it, but for the degrees of freedom.
	r := rng(22)
	few := someTraces(r, 50, 1, 0)
	d50, _ := Detectable(once(few), nil, .95)
	d200, _ := Detectable(once(slices.Repeat(few, 4)), nil, .95)
	near(t, "ratio", d50/d200, 2, .1)
}

// The promise of Detectable: a true difference of that size is found in about
// 80% of repetitions.
func TestDetectableHasItsPower(t *testing.T) {
	const traces, runs = 30, 600
	r := rng(23)
	var difference, detectable float64
	found := 0
	for range runs {
		ease := make([]float64, traces)
		for i := range ease {
			ease[i] = .7 * r.NormFloat64()
		}
		a, b := onTraces(r, ease, 20, .2), onTraces(r, ease, 20, .59)
		delta, p := Randomisation(r, once(a), once(b), 199, Counts.F1)
		if p <= .05 {
			found++
		}
		d, _ := Detectable(once(a), once(b), .95)
		difference += delta / runs
		detectable += d / runs
	}
	power := float64(found) / runs
	near(t, "true difference over detectable", difference/detectable, 1, .04)
	near(t, "power", power, Power, .06)
}
