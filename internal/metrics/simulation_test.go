package metrics

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// simulations is by how much more runs of the simulations there are than in everyday's
// tests; `make simulations` has ten times as many, and prints what docs/evaluation.md says.
var simulations = flag.Int("simulations", 1, "times as many simulated runs")

// rate counts how often something happens, and knows how far that may lie by chance from
// what it should be: three standard errors.
type rate struct{ hits, runs int }

func (r *rate) add(hit bool) {
	r.runs++
	if hit {
		r.hits++
	}
}
func (r *rate) share() float64 { return float64(r.hits) / float64(r.runs) }
func (r *rate) String() string { return fmt.Sprintf("%.1f%% of %d", 100*r.share(), r.runs) }

func (r *rate) within(t *testing.T, what string, least, most float64) {
	t.Helper()
	t.Logf("%s: %s", what, r)
	if n := float64(r.runs); r.share() < least-3*math.Sqrt(least*(1-least)/n) || r.share() > most+3*math.Sqrt(most*(1-most)/n) {
		t.Errorf("%s: %s, want %.1f to %.1f%%", what, r, 100*least, 100*most)
	}
}

// eases are how easy traces are.
func eases(r *rand.Rand, traces int, sd float64) []float64 {
	list := make([]float64, traces)
	for i := range list {
		list[i] = sd * r.NormFloat64()
	}
	return list
}

// TestSimulatedCoverage: intervals of 95% hold what they are of about as often, also at the
// 12 traces of ProactiveBench, and whether or not traces vary.
func TestSimulatedCoverage(t *testing.T) {
	for _, c := range []struct {
		traces int
		least  float64
	}{{12, .925}, {30, .935}, {100, .94}} {
		for _, sd := range []float64{0, .7, 1.5} {
			r := rng(uint64(100*c.traces) + uint64(10*sd))
			truth := Sum(someTraces(r, 20_000, sd, .5)).F1()
			var one, both rate
			for range 400 * *simulations {
				ease := eases(r, c.traces, sd)
				a, b := once(onTraces(r, ease, 20, .5)), once(onTraces(r, ease, 20, .5))
				if ci := F1Interval(a, .95); ci != nil {
					one.add(ci[0] <= truth && truth <= ci[1])
				}
				if ci := F1DifferenceInterval(a, b, .95); ci != nil {
					both.add(ci[0] <= 0 && 0 <= ci[1])
				}
			}
			of := fmt.Sprintf("%d traces, sd %.1f", c.traces, sd)
			one.within(t, of+", F1", c.least, .97)
			both.within(t, of+", difference", c.least, .965)
		}
	}
}

// TestSimulatedPower: a difference as large as Detectable says is found in about 80% of
// runs, among as many candidates as there are.
func TestSimulatedPower(t *testing.T) {
	const traces, sd = 30, .7
	for _, c := range []struct {
		candidates int
		skill      float64 // of one that is better than .2
	}{{2, .6}, {5, .75}, {10, .83}} {
		r := rng(uint64(c.candidates))
		comparisons := c.candidates * (c.candidates - 1) / 2
		level := .05 / float64(comparisons)
		var found rate
		var difference, detectable float64
		for range 300 * *simulations {
			ease := eases(r, traces, sd)
			a, b := once(onTraces(r, ease, 20, .2)), once(onTraces(r, ease, 20, c.skill))
			delta, p := Randomisation(r, a, b, Rounds(199, comparisons, .05))
			found.add(float64(comparisons)*p <= .05) // as Holm does of the first
			difference += delta
			detectable += *Detectable(a, b, level)
		}
		near(t, fmt.Sprintf("%d candidates: the true difference over what is detectable", c.candidates), difference/detectable, 1, .07)
		found.within(t, fmt.Sprintf("%d candidates, found", c.candidates), .75, .90)
	}
}

// TestSimulatedFalseFindings: of candidates that are equally good, but have traces that
// suit them, the test calls two different as seldom as its level says, and any pair of five.
func TestSimulatedFalseFindings(t *testing.T) {
	for _, traces := range []int{12, 30} {
		for _, sd := range []float64{0, .7, 1.5} {
			r := rng(uint64(7*traces) + uint64(10*sd))
			var single, any rate
			for range 120 * *simulations {
				var systems []Repeated
				for range 5 {
					systems = append(systems, once(onTraces(r, eases(r, traces, sd), 20, .5)))
				}
				var p []float64
				for i := range systems {
					for k := range systems[:i] {
						_, value := Randomisation(r, systems[k], systems[i], Rounds(199, 10, .05))
						p = append(p, value)
					}
				}
				single.add(p[0] <= .05)
				least := 1.0
				for _, adjusted := range Holm(p) {
					least = min(least, adjusted)
				}
				any.add(least <= .05)
			}
			of := fmt.Sprintf("%d traces, sd %.1f", traces, sd)
			single.within(t, of+", two that are equal", .03, .07)
			any.within(t, of+", any pair of five", 0, .05)
		}
	}
}
