package gate

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/drift"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/trace"
)

var fixed = Test{Seed: 7, Resamples: 999, Confidence: 0.95}

// turns are one event a letter: a proposal that is accepted (A) or rejected (R), another
// proposal (a, r), silence that is right (s) or misses help (m), and no verdict (-).
func turns(trail string) (list []trace.Turn) {
	for i, letter := range trail {
		t := trace.Turn{Event: trace.Event{Time: fmt.Sprint(i), Text: "event"}, Judgement: &trace.Judgement{}}
		if strings.ContainsRune("ARar-", letter) {
			t.Proposals = []string{"offer " + strings.ToLower(string(letter))}
			if strings.ContainsRune("AR", letter) {
				t.Proposals = []string{"offer"}
			}
		}
		switch letter {
		case 'A', 'a':
			t.Judgement.Accepted, t.Judgement.Task = true, new(int)
		case 's':
			t.Judgement.Accepted = true
		case '-':
			t.Judgement = nil
		}
		list = append(list, t)
	}
	return list
}

func answers(trails ...string) *Answers {
	a := &Answers{}
	for i, trail := range trails {
		a.Add(&trace.JudgedTrace{Candidate: "c", Trace: trace.Trace{ID: fmt.Sprint("trace ", i), Turns: turns(trail)}})
	}
	return a
}

func paired(t *testing.T, earlier, later *Answers) *Comparison {
	t.Helper()
	c := Compare("c", earlier, later, fixed)
	if c == nil {
		t.Fatal("nothing is compared")
	}
	c.Against = "x-1"
	return c
}

// asked is what one rule finds of one comparison.
func ask(rule plan.GateRule, c *Comparison) *Result {
	f := []Finding{{Rule: rule, Candidate: "c", Against: "x-1", comparison: c}}
	if c == nil {
		f[0].Against = ""
	}
	f[0].check()
	test(f, fixed)
	return result("x-2", f, 1)
}

func number(v float64) *float64 { return &v }

// Who changed is told by counts: other answers are the candidate's, and other verdicts
// count on equal answers alone.
func TestWhoChanged(t *testing.T) {
	for _, test := range []struct{ was, is, want string }{
		{"AARsm", "AARsm", "all 5 answers and their verdicts are equal"},
		{"AARsm", "aaRsm", "the candidate changed: 2 of 5 answers are other"},
		{"AARsm", "ARRss", "the judge changed: 2 of 5 verdicts on equal answers are other"},
		{"AARsm", "asRRs", "the candidate changed: 3 of 5 answers are other; the judge changed: 1 of 2 verdicts on equal answers are other"},
		{"AA--m", "A-a-s", "the candidate changed: 2 of 5 answers are other; the judge changed: 1 of 2 verdicts on equal answers are other"},
	} {
		if got := paired(t, answers(test.was), answers(test.is)).Changed(); got != test.want {
			t.Errorf("%s → %s: %s, want %s", test.was, test.is, got, test.want)
		}
	}
}

// A verdict is other, too, when another of several tasks is the accepted one.
func TestAnotherTask(t *testing.T) {
	of := func(task int) *Answers {
		a := &Answers{}
		list := []trace.Turn{{Proposals: []string{"x", "y"}, Judgement: &trace.Judgement{Accepted: true, Task: &task}}}
		a.Add(&trace.JudgedTrace{Candidate: "c", Trace: trace.Trace{ID: "t", Turns: list}})
		return a
	}
	if c := paired(t, of(0), of(1)); c.OtherVerdicts != 1 || c.OtherAnswers != 0 || c.Delta != 0 {
		t.Errorf("%+v", c)
	}
}

// Events are paired by what they are and not by where they stand, equal ones in their
// order; those of one run alone do not count.
func TestPairs(t *testing.T) {
	same := trace.Turn{Event: trace.Event{Time: "9", Text: "again"}, Judgement: &trace.Judgement{}}
	with := func(id string, list ...trace.Turn) *Answers {
		a := answers("AAAA")
		a.Add(&trace.JudgedTrace{Candidate: "c", Trace: trace.Trace{ID: id, Turns: list}})
		return a
	}
	first, second := turns("A"), turns("R")
	earlier := with("t", append(append(first, same), turns("AAs")[1:]...)...)
	right := same
	right.Judgement = &trace.Judgement{Accepted: true}
	later := with("t", append(append([]trace.Turn{}, same, right), append(second, turns("AAR")[1:]...)...)...)
	c := paired(t, earlier, later)
	// Of trace t: "again" once, the first event judged otherwise, the second equal, the third answered otherwise.
	if c.Traces != 2 || c.Events != 8 || c.Answers != 8 || c.OtherAnswers != 1 || c.OtherVerdicts != 1 {
		t.Errorf("%+v", c)
	}
	if Compare("c", answers("A"), &Answers{}, fixed) != nil || Compare("d", earlier, later, fixed) != nil {
		t.Error("nothing in common is compared")
	}
}

// A bound is allowed itself, and a rule that has nothing to compare with breaks nothing.
func TestBounds(t *testing.T) {
	fell := paired(t, answers("AAAm"), answers("AAmm")) // F1 from 6/7 to 4/6
	drop := -100 * fell.Delta
	judged := paired(t, answers("AAAA"), answers("AAAR"))
	for _, test := range []struct {
		rule plan.GateRule
		c    *Comparison
		want string
	}{
		{plan.GateRule{MaxDrop: number(drop)}, fell, Holds},
		{plan.GateRule{MaxDrop: number(drop - 0.01)}, fell, Broken},
		{plan.GateRule{MaxDrop: number(0)}, paired(t, answers("AAmm"), answers("AAAm")), Holds},
		{plan.GateRule{MaxDrop: number(0)}, nil, Open},
		{plan.GateRule{MaxVerdictChange: number(0.25)}, judged, Holds},
		{plan.GateRule{MaxVerdictChange: number(0.24)}, judged, Broken},
		{plan.GateRule{MaxVerdictChange: number(0)}, paired(t, answers("AA"), answers("rr")), Open},
		{plan.GateRule{MaxDrop: number(0)}, paired(t, answers("A-"), answers("-A")), Open},
		{plan.GateRule{SignificantDrop: true}, nil, Open},
	} {
		if r := ask(test.rule, test.c); r.Findings[0].Verdict != test.want || r.Passed != (test.want != Broken) {
			t.Errorf("%s: %+v, want %s", test.rule.String(), r, test.want)
		}
	}
	f := []Finding{{Rule: plan.GateRule{MinF1: number(60)}, F1: 0.6, Candidate: "c"}, {Rule: plan.GateRule{MinF1: number(60.1)}, F1: 0.6, Candidate: "c"}}
	for i, want := range []string{Holds, Broken} {
		if f[i].check(); f[i].Verdict != want {
			t.Errorf("%+v, want %s", f[i], want)
		}
	}
}

// A drop that traces agree on is no chance; one that few have, and a rise, break nothing;
// and each further test asks for more.
func TestSignificantDrop(t *testing.T) {
	rule := plan.GateRule{SignificantDrop: true}
	var good, bad []string
	for range 12 {
		good, bad = append(good, "AAAs"), append(bad, "ARRm")
	}
	some := append([]string{"ARRm"}, good[1:]...)
	if r := ask(rule, paired(t, answers(good...), answers(bad...))); r.Passed || *r.Findings[0].P > 0.01 || !strings.Contains(r.Sentence, "which is no chance (p = 0.") {
		t.Errorf("%+v", r)
	}
	if r := ask(rule, paired(t, answers(bad...), answers(good...))); !r.Passed {
		t.Errorf("%+v", r)
	}
	if r := ask(rule, paired(t, answers(good...), answers(some...))); !r.Passed || !strings.Contains(r.Findings[0].Found, "which may be chance") {
		t.Errorf("%+v", r)
	}
	six := paired(t, answers(good[:6]...), answers(bad[:6]...)) // p is near 2/2^6
	if r := ask(rule, six); r.Passed {
		t.Errorf("%+v", r)
	}
	var many []Finding
	for range 4 {
		many = append(many, Finding{Rule: rule, Candidate: "c", comparison: six})
	}
	if test(many, fixed); many[0].Verdict != Holds {
		t.Errorf("four tests are looked at as one: %+v", many[0])
	}
}

// The sentence names the first rule that is broken, the run, who changed, and how many
// more there are; it is the same each time.
func TestSentence(t *testing.T) {
	c := paired(t, answers("AAAs", "AAAs"), answers("ARRs", "ARRs"))
	c.News = []string{"judged by j-2 (was j-1)"}
	all := func() *Result {
		f := []Finding{
			{Rule: plan.GateRule{MinF1: number(10)}, Candidate: "c", F1: c.F1},
			{Rule: plan.GateRule{MaxDrop: number(3)}, Candidate: "c", Against: "x-1", comparison: c, rule: 1},
			{Rule: plan.GateRule{MaxVerdictChange: number(0.05)}, Candidate: "c", Against: "x-1", comparison: c, rule: 2},
		}
		for i := range f {
			f[i].check()
		}
		return result("x-2", f, 3)
	}
	const want = "gate failed: c has an F1 of 50.0, 50.0 points below x-1, where 3.0 are allowed; the judge changed: 4 of 8 verdicts on equal answers are other; judged by j-2 (was j-1); 1 more finding beside it"
	r := all()
	if r.Sentence != want {
		t.Errorf("%s\nwant %s", r.Sentence, want)
	}
	if again := all(); !reflect.DeepEqual(again, r) || len(r.Comparisons) != 1 {
		t.Errorf("%+v", again)
	}
	for rules, want := range map[int]string{0: "gate passed: there is nothing to compare with", 1: "gate passed: 1 rule holds, and for 1 there is nothing to compare with"} {
		f := []Finding{{Rule: plan.GateRule{MaxDrop: number(3)}, Candidate: "c"}, {Rule: plan.GateRule{MinF1: number(3)}, Candidate: "c", F1: 0.5, rule: 1}}[:rules+1]
		for i := range f {
			f[i].check()
		}
		if r := result("x-1", f, len(f)); r.Sentence != want {
			t.Errorf("%s, want %s", r.Sentence, want)
		}
	}
}

// No name breaks a table or comes to be mark-up.
func TestMarkdown(t *testing.T) {
	c := paired(t, answers("AAAs"), answers("ARRs"))
	c.Candidate = "a|b"
	f := []Finding{{Rule: plan.GateRule{MaxDrop: number(3)}, Candidate: "a|<b>", Against: "x-1", comparison: c}}
	f[0].check()
	var b bytes.Buffer
	if err := result("x-2", f, 1).WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"### ❌ x-2\n", "\n| maxDrop: 3 | broken | a\\|&lt;b> has an F1 of 50.0, 50.0 points below x-1, where 3.0 are allowed |\n", "| a\\|b | x-1 | 100.0 | 50.0 | -50.0 | none | 0 of 4 | 2 of 4 |\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

// A run's repeats are compared one with one, as many as both have, and a trace with all of
// them is one unit.
func TestRepeatsArePaired(t *testing.T) {
	of := func(repeats ...[]string) *Answers {
		a := &Answers{}
		for r, trails := range repeats {
			for i, trail := range trails {
				a.Add(&trace.JudgedTrace{Candidate: "c", Repeat: r, Trace: trace.Trace{ID: fmt.Sprint("trace ", i), Turns: turns(trail)}})
			}
		}
		return a
	}
	earlier, later := of([]string{"AAsm", "Rsm"}, []string{"Aaam", "Rsm"}), of([]string{"AAsm", "Rsm"}, []string{"Aaam", "Rss"}, []string{"RRRR", "RRR"})
	c := paired(t, earlier, later)
	if c.Repeats != 2 || c.Traces != 2 || c.Events != 14 || c.OtherAnswers != 0 || c.OtherVerdicts != 1 {
		t.Errorf("%+v", c)
	}
	if want := (4./(4+1+2) + 6./(6+1+1)) / 2; c.F1 != want || c.Before >= c.F1 {
		t.Errorf("F1 %v, want %v", c.F1, want)
	}
	if same := paired(t, earlier, earlier); same.CI != nil || same.Chance(fixed) != 1 {
		t.Errorf("a run against itself: %+v", same)
	}
	if once := paired(t, of([]string{"AAsm", "Rsm"}), later); once.Repeats != 0 || once.Events != 7 || once.Delta != 0 {
		t.Errorf("against a run without repeats: %+v", once)
	}
}

// A night on which the series gives an alarm breaks the rule, and its sentence is the verdict
// with its evidence; where no drift is watched for the rule is open.
func TestDrift(t *testing.T) {
	rule := plan.GateRule{Drift: true}
	for _, test := range []struct {
		state *drift.State
		want  string
	}{
		{nil, "gate passed: there is nothing to compare with"},
		{&drift.State{Verdict: drift.None}, "gate passed: 1 rule holds"},
		{&drift.State{Verdict: drift.System, Evidence: []string{"c fell"}, Provisional: 5}, "gate failed: c has drift: system; c fell; an alarm of the judge within 5 nights would say that it was the judge"},
		{&drift.State{Verdict: drift.Judge, Evidence: []string{"it accepts less"}, Renames: "x-1"}, "gate failed: c has drift: judge; it accepts less; it is the cause of the alarm of x-1, too"},
	} {
		f := []Finding{{Rule: rule, Candidate: "c", Drift: test.state}}
		f[0].check()
		if r := result("x-2", f, 1); r.Sentence != test.want {
			t.Errorf("%q, want %q", r.Sentence, test.want)
		}
	}
}
