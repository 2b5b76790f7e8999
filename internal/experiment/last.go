package experiment

import (
	"fmt"
	"slices"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/gymline/gymline/internal/plan"
)

// Last is the last time of the schedule up to now.
func (s *Schedule) Last(now time.Time) (last time.Time, err error) {
	zone, err := time.LoadLocation(s.Timezone)
	if err != nil {
		return last, fmt.Errorf("schedule: %w", err)
	}
	for _, expression := range s.Cron {
		times, err := cron.ParseStandard(expression)
		if err != nil {
			return last, fmt.Errorf("schedule: %q: %w", expression, err)
		}
		if t := lastOf(times, now.In(zone)); t.After(last) {
			last = t
		}
	}
	if last.IsZero() {
		return last, fmt.Errorf("schedule: %q had no time yet", s.Cron)
	}
	return last, nil
}

// Unasked says why nobody of a role can be asked anew; "" where somebody can.
func (s *Spec) Unasked(role string) string {
	candidate := func(c Candidate) bool { return c.Model != "" }
	switch {
	case role == plan.AnewGym && s.Generate == nil:
		return "there is no section generate"
	case role != plan.AnewGym && s.Evaluate == nil:
		return "there is no section evaluate"
	case role == plan.AnewCandidates && !slices.ContainsFunc(s.Evaluate.Candidates, candidate):
		return "no candidate is a model"
	case role == plan.AnewJudge && s.Evaluate.Judge.Model == "":
		return "the judge is no model"
	}
	return ""
}

// lastOf looks further and further back for a time, and from there on for the last.
func lastOf(times cron.Schedule, now time.Time) (last time.Time) {
	const longest = 40 * 366 * 24 * time.Hour // between two 29ths of February on a Sunday
	for back := time.Minute; last.IsZero() && back <= 2*longest; back *= 2 {
		for t := times.Next(now.Add(-back)); !t.IsZero() && !t.After(now); t = times.Next(t) {
			last = t
		}
	}
	return last
}
