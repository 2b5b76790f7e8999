package report

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/trace"
)

// What was picked by a reason is told with it; each domain has one; equals go by order.
func TestPick(t *testing.T) {
	of := func(id, domain string, counts map[string]int) *found { return &found{id, domain, counts} }
	list := []*found{
		of("a", "coding", nil), of("b", "coding", map[string]int{"disputed": 2}), of("c", "coding", map[string]int{"disputed": 5, "wrong": 9}),
		of("d", "writing", map[string]int{"wrong": 9}), of("e", "daily life", nil), of("f", "research", map[string]int{"disputed": 1, "wrong": 3}),
	}
	var got []string
	for _, p := range pick(list, traceReasons) {
		got = append(got, p.id+" "+p.why)
	}
	want := []string{"c most disputed: 5 events", "d most often wrong: 9 answers", "e the first in daily life", "f most disputed in research: 1 event"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := pick(list[:1], traceReasons); len(got) != 1 || got[0].why != "" {
		t.Errorf("one that nothing is known of: %v", got)
	}
	var many []*found
	for i := range 30 {
		many = append(many, of(fmt.Sprint(i), fmt.Sprintf("domain %02d", i), nil))
	}
	if got := pick(many, traceReasons); len(got) != maxTraces {
		t.Errorf("%d picked of 30 domains", len(got))
	}
}

// Candidates that fared alike share a line, and where they did not the event is marked.
func TestDisputedEvents(t *testing.T) {
	quiet := func(candidate string) trace.JudgedTrace {
		j := judged(candidate, "one", 2)
		for i := range j.Trace.Turns {
			j.Trace.Turns[i].Proposals, j.Trace.Turns[i].Judgement.Accepted = nil, i == 0
			j.Trace.Turns[i].Event.Time = "1736240400.5"
		}
		return j
	}
	calm, still, eager := quiet("calm"), quiet("still"), judged("eager", "one", 2)
	calm.Failed = nil
	eager.Failed = []int{1}
	page, err := run(t, map[string][][]byte{"judged": {lines(t, calm, judged("calm", "two", 2)), lines(t, still, judged("still", "two", 2)), lines(t, eager, judged("eager", "two", 2))}})
	if err != nil {
		t.Fatal(err)
	}
	for what, want := range map[string]string{
		"shared line": `<span class="who">calm, still</span> <span class="verdict TN">`,
		"mark":        `<time>2025-01-07 09:00:00</time> <span class="tag">disputed</span>`,
		"reason":      "most disputed: 2 events",
		"failure":     "The answer stayed malformed",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%s: the page does not say %q", what, want)
		}
	}
	if n := strings.Count(page, "disputed</span>"); n != 2 {
		t.Errorf("%d events are marked as disputed, want the 2 of one trace", n)
	}
}

// Sessions of the gym are on the page, those first that are worth reading.
func TestSessions(t *testing.T) {
	good, bad, cut := episode("a", true), episode("b", false), episode("c", true)
	cut.End, cut.Domain = "maxEvents", "writing"
	cut.Turns[0].Execution = []trace.Operation{{OK: true}, {}}
	page, err := run(t, map[string][][]byte{"episodes": {lines(t, good, bad), lines(t, cut)}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`<section id="sessions">`, "<summary><b>b/0</b>", "most offers rejected: 1 offer", "most operations that failed: 1 operation", "2 operations carried out, 1 failed.",
		"holds 3 of all 3 sessions", `<a href="#sessions">`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Index(page, "<b>b/0</b>") > strings.Index(page, "<b>a/0</b>") {
		t.Error("a session that nothing is worth reading in comes first")
	}
}

// A gym may have millions of sessions: what is beyond the first is not even read.
func TestSessionsAreBounded(t *testing.T) {
	var many []any
	for i := range maxSessions {
		many = append(many, episode(fmt.Sprint(i), true))
	}
	page, err := run(t, map[string][][]byte{"episodes": {lines(t, many...), []byte("this is no episode\n")}})
	if err != nil || !strings.Contains(page, "of the first 200 sessions") {
		t.Errorf("%v", err)
	}
	if _, err := run(t, map[string][][]byte{"episodes": {lines(t, many[1:]...), []byte("this is no episode\n")}}); err == nil {
		t.Error("a line that is read and is no episode was taken")
	}
}
