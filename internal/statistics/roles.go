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
	// Events counts the accepted events that they were for: those after which the
	// gym's user took the offer, or found silence right. 0 where none was.
	Events int
}

// Per is the share of one accepted event in n calls or tokens.
func (r RoleRow) Per(n int64) float64 { return float64(n) / float64(r.Events) }

// RoleRows lists the roles of each step by name, and of the gym also all its
// roles together.
func RoleRows(r *Run) []RoleRow {
	var list []RoleRow
	for _, s := range r.Steps {
		events := 0
		if s.Step == plan.JobGenerate && r.Gym != nil {
			events = r.Gym.AcceptedEvents()
		}
		for _, role := range slices.Sorted(maps.Keys(s.Roles)) {
			list = append(list, RoleRow{string(s.Step), role, s.Roles[role], events})
		}
		if events > 0 && len(s.Roles) > 0 {
			list = append(list, RoleRow{string(s.Step), "all roles", s.Used.Add(s.Before), events})
		}
	}
	return list
}
