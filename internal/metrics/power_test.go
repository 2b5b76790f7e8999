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
	// Four traces with F1 1, 1, 1 and 1/2: t(.975) = 3.18245 and t(.8) = .978472 at three degrees of freedom.
	a := []Counts{{TP: 9}, {TP: 9}, {TP: 9}, {TP: 3, FP: 3, FN: 3}}
	se, _ := F1StandardError(once(a), nil)
	near(t, "detectable", *Detectable(once(a), nil, .05), (3.18245+.978472)*se, 2e-6)
	// A tenth of the level: t(.9975) = 7.45332.
	near(t, "detectable of ten comparisons", *Detectable(once(a), nil, .005), (7.45332+.978472)*se, 2e-6)
	for name, c := range map[string]Repeated{
		"one trace": once(a[:1]), "traces that are alike": once([]Counts{{TP: 2, FP: 1}, {TP: 2, FP: 1}}),
		"a difference above 1": once([]Counts{{TP: 1}, {FP: 1, FN: 1}}), "none": nil,
	} {
		if d := Detectable(c, nil, .05); d != nil {
			t.Errorf("%s: %v is detectable", name, *d)
		}
	}
	// Four times the traces halve it, but for the degrees of freedom.
	few := someTraces(rng(22), 50, 1, 0)
	near(t, "ratio", *Detectable(once(few), nil, .05) / *Detectable(once(slices.Repeat(few, 4)), nil, .05), 2, .1)
}
