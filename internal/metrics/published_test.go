package metrics

import (
	"encoding/json"
	"os"
	"testing"
)

// published is what an implementation in numpy makes of 15 models that ProactiveBench
// published: their counts in its 12 traces under the reward model of November 2026, and by
// pair the p-value over all 4,096 swaps, the interval, and what is detectable among 105.
type published struct {
	Traces []string
	Models []struct {
		Name   string
		Counts [][4]int
		F1     float64
		Logit  [2]float64
	}
	Pairs []struct {
		A, B          string
		P, Detectable float64
		Lin           [2]float64
	}
}

func readPublished(t *testing.T) (p published, counts map[string]Repeated) {
	t.Helper()
	data, err := os.ReadFile("testdata/published.json")
	if err == nil {
		err = json.Unmarshal(data, &p)
	}
	if err != nil {
		t.Fatal(err)
	}
	counts = map[string]Repeated{}
	for _, m := range p.Models {
		var traces []Counts
		for _, c := range m.Counts {
			traces = append(traces, Counts{TP: c[0], FP: c[1], TN: c[2], FN: c[3]})
		}
		counts[m.Name] = once(traces)
	}
	return p, counts
}

// TestPublishedModels: every figure agrees with the other implementation, and so does what
// is found: nothing among all pairs by Holm, 8 of 14 against one of them, 53 by rate.
func TestPublishedModels(t *testing.T) {
	p, counts := readPublished(t)
	for _, m := range p.Models {
		ci := F1Interval(counts[m.Name], .95)
		near(t, m.Name+" F1", Sum(counts[m.Name][0]).F1(), m.F1, 1e-12)
		near(t, m.Name+" low", ci[0], m.Logit[0], 2e-9)
		near(t, m.Name+" high", ci[1], m.Logit[1], 2e-9)
	}
	var all, against []float64
	for _, pair := range p.Pairs {
		a, b := counts[pair.A], counts[pair.B]
		_, value := Randomisation(nil, a, b, 1)
		near(t, pair.A+" and "+pair.B+" p", value, pair.P, 1e-12)
		ci := F1DifferenceInterval(a, b, .95)
		near(t, pair.A+" and "+pair.B+" low", ci[0], pair.Lin[0], 2e-9)
		near(t, pair.A+" and "+pair.B+" high", ci[1], pair.Lin[1], 2e-9)
		if d := Detectable(a, b, .05/105); d == nil {
			near(t, pair.A+" and "+pair.B+" detectable", 2, pair.Detectable, 1) // above 1
		} else {
			near(t, pair.A+" and "+pair.B+" detectable", *d, pair.Detectable, 1e-6)
		}
		all = append(all, value)
		if pair.A == "gpt-4o" || pair.B == "gpt-4o" {
			against = append(against, value)
		}
	}
	found := func(adjusted []float64) (n int) {
		for _, p := range adjusted {
			if p <= .05 {
				n++
			}
		}
		return n
	}
	if holm, one, rate := found(Holm(all)), found(Holm(against)), found(BenjaminiHochberg(all)); holm != 0 || one != 8 || rate != 53 || len(against) != 14 {
		t.Errorf("found %d of all pairs, %d of %d against one, %d by rate; want 0, 8 of 14, 53", holm, one, len(against), rate)
	}
	near(t, "the smallest that Holm leaves", SmallestHolm(105, 12), 105*2./4096, 1e-15)
}
