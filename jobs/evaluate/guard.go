package evaluate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/trace"
)

// maxNamed bounds how many differing events an error lists.
const maxNamed = 8

// sameEvents refuses candidates, and repeats of one, that are not scored on the same
// events by the same judge: published tables mix such denominators, and their differences
// mean nothing.
func sameEvents(candidates []answers) error {
	results, first := slices.Concat(candidates...), candidates[0][0]
	if len(first.traces) == 0 {
		return fmt.Errorf("candidate %q has no judged traces", first.name)
	}
	judge, model, text := first.traces[0].judge, first.traces[0].judgeModel, first.traces[0].judgePrompt
	for _, r := range results {
		seen := map[string]bool{}
		for _, t := range r.traces {
			if t.judge != judge || t.judgeModel != model {
				return fmt.Errorf("candidates %q and %q have different judges: %q %q and %q %q", first.name, r.name, judge, model, t.judge, t.judgeModel)
			}
			if t.judgePrompt != text {
				return fmt.Errorf("candidates %q and %q were judged by different prompts", first.name, r.name)
			}
			if seen[t.id] {
				return fmt.Errorf("candidate %q has the trace %q twice", r.name, t.id)
			}
			seen[t.id] = true
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
	id := func(x, y scored) bool { return x.id == y.id }
	if !slices.EqualFunc(a.traces, b.traces, id) {
		return fmt.Errorf("candidates %q and %q have their traces in different orders", a.name, b.name)
	}
	return nil
}

// missing returns the events that a is scored on and b is not.
func missing(a, b result) []string {
	other := map[string][]identity{}
	for _, t := range b.traces {
		other[t.id] = t.events
	}
	var events []string
	for _, t := range a.traces {
		there := other[t.id]
		for j, event := range t.events {
			if event != (identity{}) && (j >= len(there) || there[j] != event) {
				events = append(events, trace.TurnID(t.id, j))
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
