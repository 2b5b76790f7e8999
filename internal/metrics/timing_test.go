package metrics

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/timing"
)

// someTimings are of made-up traces; a candidate offers where help is wanted with the chance
// hit, and elsewhere with the chance alarm. The needs are those of the seed.
func someTimings(seed uint64, traces, repeats int, hit, alarm float64) Timings {
	list := make(Timings, repeats)
	for r := range list {
		needs, acts := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, uint64(2+r)))
		for range traces {
			events := make([]timing.Event, 20)
			for i := range events {
				e := &events[i]
				e.Seconds, e.Need = float64(30*i), timing.Unwanted
				chance := alarm
				if needs.Float64() < .4 {
					e.Need, chance = timing.Wanted, hit
				}
				e.Offered, e.Task = acts.Float64() < chance, "offer"
			}
			list[r] = append(list[r], timing.Of(events))
		}
	}
	return list
}

func timed(t Timings) *CandidateTiming { return TimingOf(rand.New(rand.NewPCG(1, 1)), t, 1000, .95) }

// The order of traces changes nothing but the last bits, which are rounded away.
func TestTimingIsOfTracesInAnyOrder(t *testing.T) {
	list := someTimings(4, 11, 2, .7, .4)
	want := timed(list)
	rng := rand.New(rand.NewPCG(9, 9))
	for range 8 {
		order := rng.Perm(11)
		other := make(Timings, len(list))
		for r := range list {
			for _, i := range order {
				other[r] = append(other[r], list[r][i])
			}
		}
		a, _ := json.Marshal(want)
		b, _ := json.Marshal(timed(other))
		if string(a) != string(b) {
			t.Fatalf("got  %s\nwant %s", b, a)
		}
		if x, y := NewTiming(list, .95), NewTiming(other, .95); *x.NeedF1.CI != *y.NeedF1.CI || x.Windows != y.Windows || x.ActiveHours != y.ActiveHours {
			t.Fatalf("%+v, %+v", x, y)
		}
	}
}

func TestTimingOfAlwaysAndNever(t *testing.T) {
	for _, repeats := range []int{1, 3} {
		list := someTimings(5, 12, repeats, 1, 1)
		of, always := NewTiming(list, .95), timed(list)
		if always.Always.P != 1 || always.Always.Delta != 0 || always.Always.CI != nil || always.NeedF1.Value != of.NeedF1.Value || *always.NeedF1.CI != *of.NeedF1.CI {
			t.Errorf("%+v, %+v", always.Always, of)
		}
		if always.Cheapest != nil || math.Abs(always.CostFalse.Value-of.CostFalse) > 1e-9 || always.CostMissed.Value != 0 || always.WindowRecall.Value != 1 || always.WindowRecall.CI != nil {
			t.Errorf("%+v", always)
		}
		never := timed(someTimings(5, 12, repeats, 0, 0))
		if never.NeedF1.Value != 0 || never.Always.Delta != -of.NeedF1.Value || never.Cheapest != nil || math.Abs(never.CostMissed.Value-of.CostMissed) > 1e-9 || never.TimelyShare != nil || never.PerHour.Value != 0 {
			t.Errorf("%+v", never)
		}
		right := timed(someTimings(5, 12, repeats, 1, 0))
		if right.NeedF1.Value != 1 || *right.Cheapest != [2]float64{0, 1} || right.UnneededShare.Value != 0 || right.Always.P != 2./4096 {
			t.Errorf("%+v", right)
		}
		coin := timed(someTimings(5, 12, repeats, .5, .5))
		judged := []*CandidateTiming{always, never, right, coin}
		Judge(judged, .05)
		for i, want := range []string{NoBetter, Worse, Better, coin.Always.Verdict} {
			if a := judged[i].Always; a.Verdict != want || a.PHolm < a.P {
				t.Errorf("%d: %+v, want %s", i, a, want)
			}
		}
	}
}

// What offers cost lies below silence and below always exactly between the two ends.
func TestCheapest(t *testing.T) {
	for _, c := range []Counts{{TP: 7, FP: 5, TN: 9, FN: 2}, {TP: 7, FP: 5, TN: 0, FN: 2}, {TP: 1, FP: 9, TN: 3, FN: 6}, {TN: 3, FN: 6}, {TP: 4, TN: 4}} {
		n := float64(c.N())
		lowest := func(r float64) bool {
			silent, always := (1-r)*float64(c.TP+c.FN)/n, r*float64(c.FP+c.TN)/n
			return c.Cost(r) < min(silent, always)-1e-12
		}
		at := cheapest(c)
		for i := range 1000 {
			r := (float64(i) + .5) / 1000
			if within := at != nil && r > at[0] && r < at[1]; within != lowest(r) {
				t.Fatalf("%+v: at %v %v, and between %v", c, r, lowest(r), at)
			}
		}
	}
}

// The cost of published models under the reward model's verdicts, as another implementation
// has it to three digits.
func TestCost(t *testing.T) {
	_, counts := readPublished(t)
	for name, want := range map[string][3]float64{
		"gpt-4o": {.074, .178, .282}, "gpt-4o-mini": {.075, .187, .299}, "llama3.1-8b": {.129, .270, .412}, "qwen2-7b": {.085, .212, .340},
	} {
		c := Sum(counts[name].Sums())
		for i, r := range []float64{.2, .5, .8} {
			if got := c.Cost(r); math.Abs(got-want[i]) > 5e-4 {
				t.Errorf("%s at %v: %v, want %v", name, r, got, want[i])
			}
		}
	}
	if got := (Counts{}).Cost(.3); got != 0 {
		t.Error(got)
	}
}

// F1 is a ratio of sums, so its interval is that of one.
func TestShareIsAsF1(t *testing.T) {
	list := someTimings(6, 15, 3, .6, .3)
	r := list.needs()
	f := list.fractions(func(c timing.Counts) (int, int) {
		return 2 * c.Timely, 2*c.Timely + c.Early + c.Unneeded + c.Missed
	})
	if got, want := ShareOf(f, .9), f1Figure(r, .9); got.Value != want.Value || *got.CI != *want.CI {
		t.Errorf("%v %v, want %v %v", got.Value, *got.CI, want.Value, *want.CI)
	}
	// A repeat without anything to divide by says nothing; F1 calls it 0.
	half := Fractions{f[0], make([]Fraction, 15)}
	if got, want := ShareOf(half, .9), ShareOf(f[:1], .9); got.Value != want.Value || *got.CI != *want.CI {
		t.Errorf("%+v, want %+v", got, want)
	}
	if ShareOf(half[1:], .9) != nil || ShareOf(Fractions{{{1, 2}}}, .9).CI != nil || RateOf(Fractions{{{0, 2}, {0, 3}}}, .9).CI != nil {
		t.Error("a figure of nothing, or an interval of one trace, or of 0")
	}
	if got := RateOf(Fractions{{{8, 2}, {2, 3}, {5, 2}}}, .9); got.CI == nil || got.Value != metricsRound(15./7) || got.CI[0] <= 0 || got.CI[0]*got.CI[1]-got.Value*got.Value > 1e-6 {
		t.Errorf("%+v", got)
	}
}

func metricsRound(x float64) float64 { return Round(x, places) }

// Traces that nobody spoke of say nothing of need, whoever answers.
func TestUnlabelledTraces(t *testing.T) {
	list := someTimings(7, 8, 2, .8, .4)
	want := timed(slices.Clone(list))
	more := make(Timings, 2)
	for r := range list {
		more[r] = append(slices.Clone(list[r]), timing.Counts{Offers: 3, Micros: 5e6})
	}
	got := timed(more)
	if *got.NeedF1.CI != *want.NeedF1.CI || *got.TimelyShare.CI != *want.TimelyShare.CI || got.Always.P != want.Always.P || got.PerHour.Value == want.PerHour.Value || got.Offers != want.Offers+6 {
		t.Errorf("%+v, want %+v", got, want)
	}
	if of := NewTiming(more, .95); of.Traces != 8 || of.Events != 160 {
		t.Errorf("%+v", of)
	}
	if of := NewTiming(Timings{{{Offers: 1}}}, .95); of.Events != 0 || of.Traces != 0 {
		t.Errorf("%+v", of)
	}
}

func TestAboutAlways(t *testing.T) {
	of := func(verdicts ...string) string {
		e := Evaluation{Timing: &Timing{NeedF1: Figure{Value: .502}}}
		for i, v := range verdicts {
			e.Candidates = append(e.Candidates, Candidate{Name: string(rune('a' + i)), Timing: &CandidateTiming{Always: AlwaysComparison{Verdict: v}}})
		}
		return e.AboutAlways()
	}
	for verdicts, want := range map[string]string{
		"no better,no better":           "By when they offer, no candidate is told from offering after every event (need F1 50.2).",
		"no better,worse":               "By when they offer, no candidate is better than offering after every event (need F1 50.2); worse: b.",
		"better,no better,worse,better": "By when they offer, better than offering after every event (need F1 50.2): a, d; no better: b; worse: c.",
	} {
		if got := of(strings.Split(verdicts, ",")...); got != want {
			t.Errorf("%s: %s", verdicts, got)
		}
	}
	if (&Evaluation{}).AboutAlways() != "" {
		t.Error("something is said of timing without labels")
	}
}
