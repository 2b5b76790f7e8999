package statistics

import (
	"maps"
	"slices"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
)

// A RoleRow is what the calls of a role took.
type RoleRow struct {
	Step, Role string
	llm.Usage
	// Per is Usage for each accepted event: one after which the gym's user took
	// the offer, or found silence right. It is nil where no event was accepted.
	Per *PerEvent
}

// PerEvent is calls and tokens for each accepted event.
type PerEvent struct{ Calls, Prompt, Cached, Completion float64 }

// RoleRows lists the roles of each step by name, and of the gym also all its
// roles together, with what an accepted event took of each.
func RoleRows(r *Run) []RoleRow {
	var list []RoleRow
	for _, s := range r.Steps {
		var per func(llm.Usage) *PerEvent
		if s.Step == plan.JobGenerate && r.Gym != nil && r.Gym.AcceptedEvents() > 0 {
			n := float64(r.Gym.AcceptedEvents())
			per = func(u llm.Usage) *PerEvent {
				return &PerEvent{float64(u.Calls) / n, float64(u.Prompt) / n, float64(u.Cached) / n, float64(u.Completion) / n}
			}
		}
		add := func(role string, u llm.Usage) {
			row := RoleRow{Step: string(s.Step), Role: role, Usage: u}
			if per != nil {
				row.Per = per(u)
			}
			list = append(list, row)
		}
		for _, role := range slices.Sorted(maps.Keys(s.Roles)) {
			add(role, s.Roles[role])
		}
		if per != nil && len(s.Roles) > 0 {
			add("all roles", s.Used.Add(s.Before))
		}
	}
	return list
}
