package metrics

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/gymline/gymline/internal/text"
	"github.com/gymline/gymline/internal/timing"
)

// What a candidate's timing comes to against offering after every event.
const (
	Better   = "better"
	NoBetter = "no better" // as far as these traces tell
	Worse    = "worse"
)

// A Timing tells of a benchmark on which people said when help was wanted: the same for all
// candidates.
type Timing struct {
	// Events is how many people spoke of, in so many Traces, and Wanted at how many of
	// them help was; Windows are runs of those.
	Events  int `json:"events"`
	Traces  int `json:"traces"`
	Wanted  int `json:"wanted"`
	Windows int `json:"windows"`
	// Disputed is on how many histories rows of the labels contradict one another; none
	// of them counts.
	Disputed int `json:"disputed,omitempty"`
	// ActiveHours is the time between events, no more than five minutes each.
	ActiveHours float64 `json:"activeHours"`
	// NeedF1 is that of offering after every event, of which the share CostFalse is not
	// wanted; that of silence is 0, and misses the share CostMissed.
	NeedF1     Figure  `json:"needF1"`
	CostFalse  float64 `json:"costFalse"`
	CostMissed float64 `json:"costMissed"`
}

// A CandidateTiming is when a candidate offers. Counts are those of all its repeats, and
// figures means over them; one is absent where it would be a share of nothing.
type CandidateTiming struct {
	timing.Counts
	// PerHour is offers in an hour of activity; DuplicateShare and NearDuplicateShare are
	// of all offers.
	PerHour            *Figure `json:"perHour,omitempty"`
	DuplicateShare     *Figure `json:"duplicateShare,omitempty"`
	NearDuplicateShare *Figure `json:"nearDuplicateShare,omitempty"`
	// WindowRecall is the share of windows that were caught, after MeanDelay events.
	WindowRecall *Figure `json:"windowRecall,omitempty"`
	MeanDelay    *Figure `json:"meanDelay,omitempty"`
	// The shares of offers at events that people spoke of.
	TimelyShare   *Figure `json:"timelyShare,omitempty"`
	EarlyShare    *Figure `json:"earlyShare,omitempty"`
	UnneededShare *Figure `json:"unneededShare,omitempty"`
	// The shares of what came after an offer that nobody wanted.
	ThenSilentShare *Figure `json:"thenSilentShare,omitempty"`
	ThenSameShare   *Figure `json:"thenSameShare,omitempty"`
	ThenOtherShare  *Figure `json:"thenOtherShare,omitempty"`
	// NeedF1 is F1 of offers against need: no judge of tasks is involved.
	NeedF1 Figure `json:"needF1"`
	// CostFalse and CostMissed are the shares of events with an offer that was not wanted,
	// and with a silence when help was: the cost at r is r·CostFalse + (1-r)·CostMissed.
	CostFalse  *Figure `json:"costFalse,omitempty"`
	CostMissed *Figure `json:"costMissed,omitempty"`
	// Cheapest are the r between which that is less than of silence and of offering after
	// every event; absent where it never is.
	Cheapest *[2]float64 `json:"cheapest,omitempty"`
	// Always compares NeedF1 with that of offering after every event.
	Always AlwaysComparison `json:"always"`
}

// An AlwaysComparison is as a Comparison with offering after every event; PHolm is adjusted
// for all candidates, and Verdict is Better or Worse where it is at most 1-confidence.
type AlwaysComparison struct {
	Delta   float64     `json:"delta"`
	CI      *[2]float64 `json:"ci,omitempty"`
	P       float64     `json:"p"`
	PHolm   float64     `json:"pHolm"`
	Verdict string      `json:"verdict"`
}

// Timings are a candidate's counts: of each time that it answered, by trace.
type Timings [][]timing.Counts

// labelled are the traces in which people spoke of some event: what they said is the same
// whoever answers.
func (t Timings) labelled() Timings {
	list := make(Timings, len(t))
	for r, traces := range t {
		for _, c := range traces {
			if c.Known() > 0 {
				list[r] = append(list[r], c)
			}
		}
	}
	return list
}

// fractions are what traces give to a ratio.
func (t Timings) fractions(of func(c timing.Counts) (a, b int)) Fractions {
	list := make(Fractions, len(t))
	for r, traces := range t {
		for _, c := range traces {
			a, b := of(c)
			list[r] = append(list[r], Fraction{float64(a), float64(b)})
		}
	}
	return list
}

// hours are offers, and hours of activity.
func (t Timings) hours() Fractions {
	list := t.fractions(func(c timing.Counts) (int, int) { return c.Offers, 0 })
	for r, traces := range t {
		for i, c := range traces {
			list[r][i].B = float64(c.Micros) / 3.6e9
		}
	}
	return list
}

// needs are offers against need.
func (t Timings) needs() Repeated {
	return t.counts(func(c timing.Counts) Counts {
		return Counts{TP: c.Timely, FP: c.Early + c.Unneeded, TN: c.Quiet, FN: c.Missed}
	})
}

// always are those of offering after every event.
func (t Timings) always() Repeated {
	return t.counts(func(c timing.Counts) Counts { return Counts{TP: c.Wanted(), FP: c.Unwanted()} })
}

func (t Timings) counts(of func(timing.Counts) Counts) Repeated {
	list := make(Repeated, len(t))
	for r, traces := range t {
		for _, c := range traces {
			list[r] = append(list[r], of(c))
		}
	}
	return list
}

func (t Timings) sum() (sum timing.Counts) {
	for _, traces := range t {
		for _, c := range traces {
			sum = sum.Add(c)
		}
	}
	return sum
}

// f1Figure is F1 with its interval.
func f1Figure(r Repeated, confidence float64) Figure {
	return Figure{Round(MeanOf(r.Sums(), Counts.F1), places), F1Interval(r, confidence)}
}

// NewTiming tells of a benchmark, by any candidate's counts of it.
func NewTiming(t Timings, confidence float64) *Timing {
	labelled := t[:1].labelled()
	sum, all := labelled.sum(), t[:1].sum()
	of := &Timing{
		Events: sum.Known(), Traces: len(labelled[0]), Wanted: sum.Wanted(), Windows: sum.Windows,
		ActiveHours: float64(all.Micros) / 3.6e9, NeedF1: f1Figure(labelled.always(), confidence),
	}
	if of.Events > 0 {
		of.CostFalse = float64(sum.Unwanted()) / float64(of.Events)
		of.CostMissed = float64(of.Wanted) / float64(of.Events)
	}
	return of
}

// TimingOf computes a candidate's figures, and compares it with offering after every event;
// Judge gives the verdict.
func TimingOf(rng *rand.Rand, t Timings, rounds int, confidence float64) *CandidateTiming {
	l := t.labelled()
	shareOf := func(t Timings, of func(c timing.Counts) (a, b int)) *Figure {
		return ShareOf(t.fractions(of), confidence)
	}
	known := func(part func(c timing.Counts) int) *Figure {
		return shareOf(l, func(c timing.Counts) (int, int) { return part(c), c.Timely + c.Early + c.Unneeded })
	}
	then := func(part func(c timing.Counts) int) *Figure {
		return shareOf(l, func(c timing.Counts) (int, int) { return part(c), c.ThenSilent + c.ThenSame + c.ThenOther })
	}
	of := &CandidateTiming{
		Counts:             t.sum(),
		PerHour:            RateOf(t.hours(), confidence),
		DuplicateShare:     shareOf(t, func(c timing.Counts) (int, int) { return c.Duplicates, c.Offers }),
		NearDuplicateShare: shareOf(t, func(c timing.Counts) (int, int) { return c.NearDuplicates, c.Offers }),
		WindowRecall:       shareOf(l, func(c timing.Counts) (int, int) { return c.Caught, c.Windows }),
		MeanDelay:          RateOf(l.fractions(func(c timing.Counts) (int, int) { return c.Delay, c.Caught }), confidence),
		TimelyShare:        known(func(c timing.Counts) int { return c.Timely }),
		EarlyShare:         known(func(c timing.Counts) int { return c.Early }),
		UnneededShare:      known(func(c timing.Counts) int { return c.Unneeded }),
		ThenSilentShare:    then(func(c timing.Counts) int { return c.ThenSilent }),
		ThenSameShare:      then(func(c timing.Counts) int { return c.ThenSame }),
		ThenOtherShare:     then(func(c timing.Counts) int { return c.ThenOther }),
		CostFalse:          shareOf(l, func(c timing.Counts) (int, int) { return c.Early + c.Unneeded, c.Known() }),
		CostMissed:         shareOf(l, func(c timing.Counts) (int, int) { return c.Missed, c.Known() }),
	}
	needs, always := l.needs(), l.always()
	of.NeedF1 = f1Figure(needs, confidence)
	of.Cheapest = cheapest(Sum(needs.Sums()))
	of.Always.Delta, of.Always.P = Randomisation(rng, always, needs, rounds)
	of.Always.Delta = Round(of.Always.Delta, places)
	of.Always.CI = F1DifferenceInterval(always, needs, confidence)
	return of
}

// cheapest are the r between which a system costs less than silence does, (1-r)(TP+FN)/N,
// and than offering after every event does, r(FP+TN)/N.
func cheapest(c Counts) *[2]float64 {
	from, to := ratio(c.FN, c.FN+c.TN), ratio(c.TP, c.TP+c.FP)
	if c.FN+c.TN == 0 || from >= to {
		return nil
	}
	return &[2]float64{from, to}
}

// Cost is what a system costs by event where a false alarm costs r and a miss 1-r.
func (c Counts) Cost(r float64) float64 {
	return r*ratio(c.FP, c.N()) + (1-r)*ratio(c.FN, c.N())
}

// Judge says of each candidate how its timing compares with offering after every event.
func Judge(list []*CandidateTiming, level float64) {
	var p []float64
	for _, c := range list {
		p = append(p, c.Always.P)
	}
	for i, adjusted := range Holm(p) {
		a := &list[i].Always
		a.PHolm = adjusted
		switch {
		case adjusted > level:
			a.Verdict = NoBetter
		case a.Delta > 0:
			a.Verdict = Better
		default:
			a.Verdict = Worse
		}
	}
}

// AboutAlways says whose timing is better than offering after every event, and whose worse;
// "" where nobody's is known.
func (e *Evaluation) AboutAlways() string {
	if e.Timing == nil {
		return ""
	}
	of := map[string][]string{}
	for _, c := range e.Candidates {
		if c.Timing != nil {
			of[c.Timing.Always.Verdict] = append(of[c.Timing.Always.Verdict], c.Name)
		}
	}
	always := fmt.Sprintf("offering after every event (need F1 %s)", text.Percent(e.Timing.NeedF1.Value))
	if len(of[Better])+len(of[Worse]) == 0 {
		return "By when they offer, no candidate is told from " + always + "."
	}
	if len(of[Better]) == 0 {
		return "By when they offer, no candidate is better than " + always + "; worse: " + strings.Join(of[Worse], ", ") + "."
	}
	said := "By when they offer, better than " + always + ": " + strings.Join(of[Better], ", ")
	if of[NoBetter] != nil {
		said += "; no better: " + strings.Join(of[NoBetter], ", ")
	}
	if of[Worse] != nil {
		said += "; worse: " + strings.Join(of[Worse], ", ")
	}
	return said + "."
}
