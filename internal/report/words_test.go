package report

import (
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/rows"
)

// What a reader looks for first stands first, so that a narrow window shows it.
func TestScoresBeginWithF1(t *testing.T) {
	if got := render(t, fixture()); !strings.Contains(got, `<th scope="col">Candidate</th><th scope="col">F1</th><th scope="col">95% interval</th><th scope="col">Events</th>`) {
		t.Error("F1 does not follow the candidate")
	}
}

// Fields of artifacts are no words for people.
func TestFieldsAreSaidInWords(t *testing.T) {
	d := fixture()
	d.Reward.Official.Note = "leaky: 3 of 9 test rows. Use traceHeldOut"
	d.Ledger = []rows.Counts{{Stage: "generate", Planned: 1, Truncated: 1, Causes: map[string]int{"maxEvents": 1}}}
	got := render(t, d)
	if strings.Contains(got, "traceHeldOut") || !strings.Contains(got, "Go by whole traces held out") || !strings.Contains(got, "the session was cut off at its most events (maxEvents)") {
		t.Error("a reader is told a field's name")
	}
	for v, want := range map[float64]string{3140.2: "3,140", 12.34: "12.3", 999.94: "999.9"} {
		if got := decimal(v); got != want {
			t.Errorf("%v is written %s, want %s", v, got, want)
		}
	}
}
