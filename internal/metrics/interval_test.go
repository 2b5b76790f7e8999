package metrics

import "testing"

// TestNoInterval: where nothing says how F1 varies there is no interval, rather than one
// without width.
func TestNoInterval(t *testing.T) {
	alike := []Counts{{TP: 2, FP: 1}, {TP: 2, FP: 1}, {TP: 4, FP: 2}}
	for name, traces := range map[string][]Counts{
		"none": nil, "one trace": {{TP: 3, FP: 1}}, "traces that are alike": alike,
		"nothing right": {{FP: 3}, {FN: 1}, {TN: 2}}, "all right": {{TP: 3}, {TP: 1}, {TN: 2}},
	} {
		if ci := F1Interval(once(traces), .95); ci != nil {
			t.Errorf("%s: an interval %v", name, *ci)
		}
		if ci := F1DifferenceInterval(once(traces), once(traces), .95); ci != nil {
			t.Errorf("%s: an interval %v of no difference", name, *ci)
		}
	}
	if ci := F1DifferenceInterval(once([]Counts{{TP: 1}, {FP: 1}}), once([]Counts{{FP: 1}, {TP: 1}}), .95); ci == nil || ci[0] != -1 || ci[1] != 1 {
		t.Errorf("opposites: %v, want all that a difference can be", ci)
	}
}

func TestF1IntervalIsWithinTheScale(t *testing.T) {
	r := rng(51)
	for range 500 {
		a := someTraces(r, 2+r.IntN(20), 2, 4*r.Float64()-2)
		ci, f := F1Interval(once(a), .95), Sum(a).F1()
		if ci == nil {
			continue
		}
		narrow := F1Interval(once(a), .8)
		if !(0 <= ci[0] && ci[0] <= narrow[0] && narrow[0] <= f && f <= narrow[1] && narrow[1] <= ci[1] && ci[1] <= 1) {
			t.Fatalf("F1 %v of %v: %v and %v", f, a, *ci, *narrow)
		}
	}
}
