package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
)

// anewFlags say whose recorded answers do not count in a run.
type anewFlags struct {
	roles []string // none: the schedule's
	asOf  string
}

func (f *anewFlags) bindAnew(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&f.roles, "ask-again", nil, "`ROLES`, by commas, whose models are asked anew: candidates, judge, gym, or none (default: schedule.refresh)")
	cmd.Flags().StringVar(&f.asOf, "as-of", "", "`LABEL` of the occasion that they are asked anew as of, such as 2026-11-28: under the same one nobody is asked twice (default: the schedule's last time, or now)")
}

// label is what an occasion may be called.
var label = regexp.MustCompile(`^[A-Za-z0-9][-+.:_A-Za-z0-9]{0,62}$`)

// check refuses flags that no run could follow.
func (f *anewFlags) check(e *experiment.Experiment) error {
	for _, role := range f.roles {
		switch role {
		case plan.AnewCandidates, plan.AnewJudge, plan.AnewGym:
			if why := e.Spec.Unasked(role); why != "" {
				return fault.New(fault.Usage, fmt.Errorf("--ask-again %s: %s", role, why), "leave it out")
			}
		case "none":
			if len(f.roles) > 1 {
				return fault.New(fault.Usage, errors.New("--ask-again none: and others"), "give one or the others")
			}
		default:
			return fault.New(fault.Usage, fmt.Errorf("--ask-again %q: not a role", role), "give candidates, judge or gym, several by commas, or none")
		}
	}
	if f.asOf != "" && !label.MatchString(f.asOf) {
		return fault.New(fault.Usage, fmt.Errorf("--as-of %q: not a label", f.asOf), "give 1 to 63 letters, digits and -+.:_, such as 2026-11-28")
	}
	return nil
}

// askAnew lays the plan out as of an occasion, where somebody is to be asked anew.
func (p *prepared) askAnew(now time.Time) (err error) {
	s, roles := p.Spec.Schedule, slices.Clone(p.anew.roles)
	if len(roles) == 0 && s != nil {
		roles = slices.Clone(s.Refresh)
	}
	if slices.Sort(roles); slices.Equal(roles, []string{"none"}) || len(roles) == 0 {
		if p.anew.asOf != "" {
			return fault.New(fault.Usage, errors.New("--as-of: nobody is asked anew"), "say who with --ask-again, such as --ask-again candidates,judge")
		}
		return nil
	}
	asOf, err := p.occasion(now)
	if err == nil {
		p.plan, err = p.plan.AskAnew(slices.Compact(roles), asOf)
	}
	return err
}

// occasion is what a run is as of. On Argo each run of a schedule is as of its own
// time, which nobody knows yet.
func (p *prepared) occasion(now time.Time) (string, error) {
	s, byHand := p.Spec.Schedule, len(p.anew.roles) > 0
	switch scheduled := s != nil && p.profile.Spec.Engine == experiment.EngineArgo; {
	case scheduled && p.anew.asOf != "":
		return "", fault.New(fault.Usage, errors.New("--as-of: each run of a schedule is as of its own time"), "leave it out, or run at once with --set schedule=null")
	case scheduled, p.anew.asOf != "":
		return p.anew.asOf, nil
	case byHand:
		return now.UTC().Format(time.RFC3339), nil
	}
	last, err := s.Last(now)
	return last.UTC().Format(time.RFC3339), err
}
