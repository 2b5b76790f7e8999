// Package gate says whether a run is as good as it must be, and if it is not, who
// changed: the candidate, where it answers otherwise, or the judge, where it decides
// otherwise on equal answers. docs/gate.md is what it promises.
//
// All but Of is a pure function of both runs' judged answers and of the seed.
package gate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/drift"
	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/text"
)

// A Result is what a gate found of a run.
type Result struct {
	Run      store.RunID `json:"run"`
	Passed   bool        `json:"passed"`
	Sentence string      `json:"sentence"`
	// Findings are in the order of the rules, and of the run's candidates.
	Findings    []Finding    `json:"findings"`
	Comparisons []Comparison `json:"comparisons,omitempty"`
}

// The verdicts of a rule on a candidate.
const (
	Holds  = "holds"
	Broken = "broken"
	Open   = "open" // there is nothing to compare with, so nothing is broken
)

// A Finding is a rule's verdict on one candidate.
type Finding struct {
	Rule      plan.GateRule `json:"rule"`
	Candidate string        `json:"candidate"`
	Against   store.RunID   `json:"against,omitempty"`
	Verdict   string        `json:"verdict"`
	Found     string        `json:"found"`       // in words
	P         *float64      `json:"p,omitempty"` // of significantDrop, adjusted for all tests of the gate
	F1        float64       `json:"f1"`          // that the rule looked at; 0 where it is open

	// Drift is what the series says, of a rule that asks it.
	Drift *drift.State `json:"drift,omitempty"`

	rule       int // its index
	comparison *Comparison
}

// hair is less than any difference of counts makes.
const hair = 1e-9

// check decides a rule that needs no test.
func (f *Finding) check() {
	r, c := &f.Rule, f.comparison
	switch f.Verdict = Holds; {
	case f.open():
		f.Verdict = Open
		if c != nil {
			f.Found = "shares no judged event with " + string(c.Against)
		}
	case r.Drift:
		f.Found = "has " + f.Drift.String()
		f.breaks(f.Drift.Verdict != drift.None)
	case r.MinF1 != nil:
		f.Found = fmt.Sprintf("has an F1 of %s, where %.1f is the least", text.Percent(f.F1), *r.MinF1)
		f.breaks(100*f.F1 < *r.MinF1-hair)
	case r.MaxDrop != nil:
		f.F1 = c.F1
		f.Found = fmt.Sprintf("has an F1 of %s, %s, where %.1f are allowed", text.Percent(c.F1), c.moved(), *r.MaxDrop)
		f.breaks(-100*c.Delta > *r.MaxDrop+hair)
	case r.MaxVerdictChange != nil && c.EqualAnswers == 0:
		f.Verdict, f.Found = Open, fmt.Sprintf("answers no event as in %s", c.Against)
	case r.MaxVerdictChange != nil:
		share := float64(c.OtherVerdicts) / float64(c.EqualAnswers)
		f.Found = fmt.Sprintf("has other verdicts than in %s on %s%% of equal answers, where %.4g%% are allowed", c.Against, text.Percent(share), 100**r.MaxVerdictChange)
		f.breaks(share > *r.MaxVerdictChange+hair)
	}
}

// open reports whether a rule compares, and has nothing to compare with.
func (f *Finding) open() bool {
	if f.Rule.Drift {
		return f.Drift == nil
	}
	return f.Rule.Compares() && (f.comparison == nil || f.comparison.Events == 0)
}

func (f *Finding) breaks(broken bool) {
	if broken {
		f.Verdict = Broken
	}
}

// moved says how the score went.
func (c *Comparison) moved() string {
	switch d := text.Percent(max(c.Delta, -c.Delta)); {
	case c.Delta < 0:
		return fmt.Sprintf("%s points below %s", d, c.Against)
	case c.Delta > 0:
		return fmt.Sprintf("%s points above %s", d, c.Against)
	}
	return "as in " + string(c.Against)
}

// test decides all rules that want a test, whose p-values are adjusted together.
func test(findings []Finding, t Test) {
	var tested []*Finding
	var p []float64
	for i := range findings {
		if f := &findings[i]; f.Rule.SignificantDrop && !f.open() {
			tested, p = append(tested, f), append(p, f.comparison.Chance(t))
		}
	}
	for i, adjusted := range metrics.Holm(p) {
		f := tested[i]
		f.P, f.F1, f.Verdict = &adjusted, f.comparison.F1, Holds
		f.Found = fmt.Sprintf("has an F1 of %s, %s", text.Percent(f.F1), f.comparison.moved())
		switch {
		case f.comparison.Delta == 0:
		case adjusted <= 1-t.Confidence:
			f.Found += fmt.Sprintf(", which is no chance (p = %.2g)", adjusted)
			f.breaks(f.comparison.Delta < 0)
		default:
			f.Found += fmt.Sprintf(", which may be chance (p = %.2g)", adjusted)
		}
	}
}

// result sums the findings up.
func result(id store.RunID, findings []Finding, rules int) *Result {
	r := &Result{Run: id, Findings: findings}
	for i := range findings {
		c := findings[i].comparison
		if c != nil && !slices.ContainsFunc(r.Comparisons, func(o Comparison) bool { return o.Candidate == c.Candidate && o.Against == c.Against }) {
			r.Comparisons = append(r.Comparisons, *c)
		}
	}
	broken := slices.IndexFunc(findings, func(f Finding) bool { return f.Verdict == Broken })
	if r.Passed = broken < 0; r.Passed {
		r.Sentence = "gate passed: " + passed(findings, rules)
	} else {
		r.Sentence = "gate failed: " + failed(findings, broken)
	}
	return r
}

func passed(findings []Finding, rules int) string {
	open := map[int]bool{}
	var against []store.RunID
	for _, f := range findings {
		if f.Verdict == Open {
			open[f.rule] = true
		} else if f.Against != "" && !slices.Contains(against, f.Against) {
			against = append(against, f.Against)
		}
	}
	with := ""
	if len(against) == 1 {
		with = " against " + string(against[0])
	}
	hold := fmt.Sprintf("%d rules hold", rules-len(open))
	if rules-len(open) == 1 {
		hold = "1 rule holds"
	}
	switch len(open) {
	case 0:
		return hold + with
	case rules:
		return "there is nothing to compare with"
	}
	return fmt.Sprintf("%s%s, and for %d there is nothing to compare with", hold, with, len(open))
}

// failed tells of the first rule that is broken, who changed, and how many more are.
func failed(findings []Finding, first int) string {
	f, more := &findings[first], 0
	parts := []string{f.Candidate + " " + f.Found}
	for _, other := range findings[first+1:] {
		if other.Verdict == Broken {
			more++
		}
	}
	for i := range findings { // a bound says nothing of who changed: what compares does
		if c := findings[i].comparison; c != nil && findings[i].Candidate == f.Candidate && (f.comparison == nil || f.comparison == c) {
			parts = append(parts, c.Changed())
			break
		}
	}
	if more > 0 {
		parts = append(parts, text.Plural(more, "more finding")+" beside it")
	}
	return strings.Join(parts, "; ")
}

// Changed says who is another than in the earlier run.
func (c *Comparison) Changed() string {
	var parts []string
	if c.OtherAnswers > 0 {
		parts = append(parts, fmt.Sprintf("the candidate changed: %d of %d answers are other", c.OtherAnswers, c.Answers))
	}
	if c.OtherVerdicts > 0 {
		parts = append(parts, fmt.Sprintf("the judge changed: %d of %d verdicts on equal answers are other", c.OtherVerdicts, c.EqualAnswers))
	}
	if len(parts) == 0 {
		parts = append(parts, fmt.Sprintf("all %d answers and their verdicts are equal", c.Answers))
	}
	return strings.Join(append(parts, c.News...), "; ")
}
