package evaluate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/trace"
)

// maxNamed bounds how many differing events an error lists.
const maxNamed = 8

// sameEvents refuses candidates that are not scored on the same events by the
// same judge: published tables mix such denominators, and their differences
// mean nothing.
func sameEvents(results []result) error {
	first := results[0]
	if len(first.traces) == 0 {
		return fmt.Errorf("candidate %q has no judged traces", first.name)
	}
	judge, model := first.traces[0].Judge, first.traces[0].JudgeModel
	for _, r := range results {
		seen := map[string]bool{}
		for _, t := range r.traces {
			if t.Judge != judge || t.JudgeModel != model {
				return fmt.Errorf("candidates %q and %q have different judges: %q %q and %q %q", first.name, r.name, judge, model, t.Judge, t.JudgeModel)
			}
			if seen[t.Trace.ID] {
				return fmt.Errorf("candidate %q has the trace %q twice", r.name, t.Trace.ID)
			}
			seen[t.Trace.ID] = true
		}
	}
	for _, r := range results[1:] {
		if err := sameAs(first, r); err != nil {
			return err
		}
	}
	return nil
}

// sameAs refuses two candidates on different events and names the events.
func sameAs(a, b result) error {
	onlyA, onlyB := missing(a, b), missing(b, a)
	if len(onlyA)+len(onlyB) > 0 {
		return fmt.Errorf("candidates %q and %q are scored on different events, so their scores cannot be compared%s%s",
			a.name, b.name, list(a.name, onlyA), list(b.name, onlyB))
	}
	// Comparisons pair traces by position.
	id := func(x, y trace.JudgedTrace) bool { return x.Trace.ID == y.Trace.ID }
	if !slices.EqualFunc(a.traces, b.traces, id) {
		return fmt.Errorf("candidates %q and %q have their traces in different orders", a.name, b.name)
	}
	return nil
}

// missing returns the events that a is scored on and b is not.
func missing(a, b result) []string {
	other := map[string][]trace.Turn{}
	for _, t := range b.traces {
		other[t.Trace.ID] = t.Trace.Turns
	}
	var events []string
	for _, t := range a.traces {
		turns := other[t.Trace.ID]
		for j, turn := range t.Trace.Turns {
			if turn.Judgement == nil {
				continue
			}
			if j >= len(turns) || turns[j].Judgement == nil || turns[j].Event != turn.Event {
				events = append(events, trace.TurnID(t.Trace.ID, j))
			}
		}
	}
	return events
}

func list(name string, events []string) string {
	if len(events) == 0 {
		return ""
	}
	more := ""
	if len(events) > maxNamed {
		more = fmt.Sprintf(" and %d more", len(events)-maxNamed)
		events = events[:maxNamed]
	}
	return fmt.Sprintf("; only %q has %s%s", name, strings.Join(events, ", "), more)
}
