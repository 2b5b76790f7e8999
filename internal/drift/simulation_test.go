package drift

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gymline/gymline/internal/seed"
)

// simulations is by how much more years are simulated than in everyday's tests;
// `make simulations` has ten times as many, and prints what they found.
var simulations = flag.Int("simulations", 1, "times as many simulated years")

// A world has events whose offers are accepted with some chance, anchors, and a judge that
// errs on 2% of its verdicts.
type world struct {
	r       *rand.Rand
	events  []float64
	frozen  []bool
	anchors []bool // what the judge says when it does not err
	people  []bool
	// What changed: so much of what was accepted is not offered any more, and the judge
	// rejects so much of what it accepted.
	worse, stricter float64
}

func newWorld(r *rand.Rand, traces int) *world {
	w := &world{r: r}
	for range traces {
		mood := r.NormFloat64() * .8
		for range 20 {
			p := 1 / (1 + math.Exp(-(.5 + mood + r.NormFloat64()*1.2)))
			w.events, w.frozen = append(w.events, p), append(w.frozen, r.Float64() < p)
		}
	}
	for range 300 {
		accepts := r.Float64() < .4
		w.anchors, w.people = append(w.anchors, accepts), append(w.people, accepts == (r.Float64() < .7))
	}
	return w
}

func (w *world) judge(good bool) bool {
	if w.r.Float64() < .02 {
		good = !good
	}
	return good && (w.stricter == 0 || w.r.Float64() >= w.stricter)
}

func (w *world) night(i int) Night {
	score, accepted, agreed := 0, 0, 0
	for k, p := range w.events {
		if w.judge(w.r.Float64() < p*(1-w.worse)) {
			score++
		}
		if w.judge(w.frozen[k]) {
			score--
		}
	}
	for k, a := range w.anchors {
		said := w.judge(a)
		if said {
			accepted++
		}
		if said == w.people[k] {
			agreed++
		}
	}
	share := func(n, of int) *float64 { v := float64(n) / float64(of); return &v }
	return Night{Name: fmt.Sprint(i), Score: share(score, len(w.events)), Accepted: share(accepted, len(w.anchors)), Agreed: share(agreed, len(w.anchors))}
}

// play returns the first verdict within nights, and on which.
func (w *world) play(nights, at int, change func(*world)) (string, int) {
	var list []Night
	for i := range nights {
		if i == at {
			change(w)
		}
		list = append(list, w.night(i))
	}
	for i, name := range Names(list, Watch("c", list)) {
		if name != None {
			return name, i
		}
	}
	return None, -1
}

// TestSimulatedDelay: how many nights a change takes to be found, and whose it is said to
// be.
func TestSimulatedDelay(t *testing.T) {
	t.Parallel()
	mean := func(w *world) (sum float64) {
		for _, p := range w.events {
			sum += p / float64(len(w.events))
		}
		return sum
	}
	for _, tt := range []struct {
		name, want     string
		traces, before int
		change         func(*world)
		median         int
		found          float64
	}{
		{"drop .075", System, 12, 30, func(w *world) { w.worse = .075 / mean(w) }, 10, .95},
		{"drop .075", System, 12, 90, func(w *world) { w.worse = .075 / mean(w) }, 10, .95},
		{"drop .075", System, 30, 30, func(w *world) { w.worse = .075 / mean(w) }, 6, .99},
		{"drop .04", System, 30, 90, func(w *world) { w.worse = .04 / mean(w) }, 16, .8},
		{"judge 10%", Judge, 12, 30, func(w *world) { w.stricter = .1 }, 6, .99},
		{"judge 10%", Judge, 30, 90, func(w *world) { w.stricter = .1 }, 6, .99},
		{"both", Judge, 12, 30, func(w *world) { w.stricter, w.worse = .1, .07/mean(w) }, 6, .95},
	} {
		const within = 60
		worlds, found, wrong, early := 5**simulations, 0, 0, 0
		var nights []int
		for k := range worlds {
			w := newWorld(seed.New(13, tt.name, fmt.Sprint(tt.traces, tt.before, k)), tt.traces)
			got, at := w.play(tt.before+within, tt.before, tt.change)
			switch {
			case at >= 0 && at < tt.before:
				early++
			case got == tt.want:
				found, nights = found+1, append(nights, at-tt.before+1)
			case got != None:
				wrong++
			}
		}
		slices.Sort(nights)
		if found == 0 {
			t.Fatalf("%s: never found", tt.name)
		}
		median, p90 := nights[len(nights)/2], nights[len(nights)*9/10]
		t.Logf("%-10s %2d traces, after %2d nights: found %.2f, median %2d (p90 %2d) nights, called otherwise %.3f, alarms before %d", tt.name, tt.traces, tt.before, float64(found)/float64(worlds), median, p90, float64(wrong)/float64(worlds), early)
		if median > tt.median || float64(found) < tt.found*float64(worlds)-1 || float64(wrong) > .02*float64(worlds)+1 {
			t.Errorf("%s, %d traces: found %d of %d, median %d, called otherwise %d", tt.name, tt.traces, found, worlds, median, wrong)
		}
	}
}

// TestSimulatedFalseAlarms: years without a change have an alarm in at most 5 of 100,
// whatever the noise is like, of nights that do not depend on each other.
func TestSimulatedFalseAlarms(t *testing.T) {
	t.Parallel()
	t3 := func(r *rand.Rand) float64 {
		x, chi := r.NormFloat64(), 0.0
		for range 3 {
			v := r.NormFloat64()
			chi += v * v
		}
		return x / math.Sqrt(chi/3)
	}
	for _, tt := range []struct {
		name  string
		value func(r *rand.Rand, night int, last float64) float64
		most  float64
	}{
		{"normal", func(r *rand.Rand, _ int, _ float64) float64 { return .02 * r.NormFloat64() }, .05},
		{"t3", func(r *rand.Rand, _ int, _ float64) float64 { return .02 * t3(r) }, .05},
		{"2% outages", func(r *rand.Rand, _ int, _ float64) float64 {
			if r.Float64() < .02 {
				return -.5
			}
			return .02 * r.NormFloat64()
		}, .05},
		{"deterministic", func(*rand.Rand, int, float64) float64 { return .1 }, 0},
		{"weekly", func(r *rand.Rand, n int, _ float64) float64 { return .03*float64(n%7/5) + .01*r.NormFloat64() }, .05},
		{"coarse", func(r *rand.Rand, _ int, _ float64) float64 { return math.Round(2*r.NormFloat64()) / 20 }, .05},
		// What the promise does not cover: noise that lasts.
		{"AR .3", func(r *rand.Rand, _ int, last float64) float64 { return .3*last + .02*r.NormFloat64() }, 1},
	} {
		years, alarmed := 10**simulations, 0
		for k := range years {
			r := seed.New(17, tt.name, fmt.Sprint(k))
			var last [3]float64
			nights := make([]Night, horizon)
			for n := range nights {
				for i := range last {
					last[i] = tt.value(r, n, last[i])
				}
				now := last
				nights[n] = Night{Name: fmt.Sprint(n), Score: &now[0], Accepted: &now[1], Agreed: &now[2]}
			}
			if alarms(Watch("c", nights)) != "" {
				alarmed++
			}
		}
		t.Logf("%-13s %d of %d years have an alarm", tt.name, alarmed, years)
		if float64(alarmed) > tt.most*float64(years)+1 {
			t.Errorf("%s: %d of %d years have an alarm", tt.name, alarmed, years)
		}
	}
}
