package trace

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/store"
)

// Stats sums a set of episodes, overall and by domain. Episodes of one scene
// are added one after another, and scenes are not split over merged Stats, so
// that scenes are counted once.
type Stats struct {
	Tally
	Domains map[string]*Tally `json:"domains,omitempty"`
	// Prompts are digests of the experiment's own texts of roles, by role.
	Prompts map[string]store.Digest `json:"prompts,omitempty"`
	// AnsweredBy are the models that answered, by role, as their provider named them.
	AnsweredBy map[string][]string `json:"answeredBy,omitempty"`

	scene string // of the last episode
}

// A Tally is what is counted.
type Tally struct {
	Scenes     int `json:"scenes"` // with at least one episode
	Sessions   int `json:"sessions"`
	Simulated  int `json:"simulated"`  // sessions that a stand-in had part in
	Activities int `json:"activities"` // of the user
	Events     int `json:"events"`
	Failures   int `json:"failures"` // events that report something going wrong
	// Proposals counts turns with at least one proposed task, Silences the others
	// that were judged.
	Proposals         int `json:"proposals"`
	ProposalsAccepted int `json:"proposalsAccepted"`
	ProposalsRejected int `json:"proposalsRejected"`
	Silences          int `json:"silences"`
	SilencesAccepted  int `json:"silencesAccepted"`
	SilencesRejected  int `json:"silencesRejected"`
	Operations        int `json:"operations"` // carried out for accepted tasks
	OperationsFailed  int `json:"operationsFailed"`
	// Ends counts sessions by how they ended; see Episode.
	Ends map[string]int `json:"ends,omitempty"`
	// AcceptanceRate is ProposalsAccepted/Proposals, 0 without proposals.
	AcceptanceRate float64 `json:"acceptanceRate"`
	// EventsPerSession is the mean number of events.
	EventsPerSession float64 `json:"eventsPerSession"`
}

// AcceptedEvents counts the events after which the user took the offer, or found
// silence right.
func (t *Tally) AcceptedEvents() int { return t.ProposalsAccepted + t.SilencesAccepted }

// Add counts one episode.
func (s *Stats) Add(e *Episode) {
	s.Prompts = e.Prompts
	s.answered(e.AnsweredBy)
	t := tallyOf(e)
	if s.scene != e.Scene {
		t.Scenes, s.scene = 1, e.Scene
	}
	s.merge(&t)
	s.domain(e.Domain).merge(&t)
}

// Merge adds the sums of other scenes.
func (s *Stats) Merge(o *Stats) {
	if o.Prompts != nil {
		s.Prompts = o.Prompts
	}
	s.answered(o.AnsweredBy)
	s.merge(&o.Tally)
	for name, t := range o.Domains {
		s.domain(name).merge(t)
	}
}

// answered adds who answered, in alphabetical order.
func (s *Stats) answered(by map[string][]string) {
	for role, models := range by {
		if s.AnsweredBy == nil {
			s.AnsweredBy = map[string][]string{}
		}
		all := append(slices.Clone(s.AnsweredBy[role]), models...)
		slices.Sort(all)
		s.AnsweredBy[role] = slices.Compact(all)
	}
}

// Warnings say where a model was not the same one all the time.
func (s *Stats) Warnings() (list []string) {
	for _, role := range slices.Sorted(maps.Keys(s.AnsweredBy)) {
		if by := s.AnsweredBy[role]; len(by) > 1 {
			list = append(list, fmt.Sprintf("the gym's %s was several models, by what its provider said beside its answers: %s", role, strings.Join(by, ", ")))
		}
	}
	return list
}

func (s *Stats) domain(name string) *Tally {
	if s.Domains == nil {
		s.Domains = map[string]*Tally{}
	}
	if s.Domains[name] == nil {
		s.Domains[name] = &Tally{}
	}
	return s.Domains[name]
}

// tallyOf counts one episode, but not its scene.
func tallyOf(e *Episode) Tally {
	t := Tally{Sessions: 1, Events: len(e.Turns), Ends: map[string]int{e.End: 1}}
	if e.Simulated {
		t.Simulated = 1
	}
	for _, turn := range e.Turns {
		t.Activities = max(t.Activities, turn.Activity+1)
		if turn.Failure {
			t.Failures++
		}
		for _, op := range turn.Execution {
			t.Operations++
			if !op.OK {
				t.OperationsFailed++
			}
		}
		if turn.Judgement == nil {
			continue
		}
		switch accepted := turn.Judgement.Accepted; {
		case len(turn.Proposals) > 0 && accepted:
			t.Proposals++
			t.ProposalsAccepted++
		case len(turn.Proposals) > 0:
			t.Proposals++
			t.ProposalsRejected++
		case accepted:
			t.Silences++
			t.SilencesAccepted++
		default:
			t.Silences++
			t.SilencesRejected++
		}
	}
	return t
}

func (t *Tally) merge(o *Tally) {
	t.Scenes += o.Scenes
	t.Sessions += o.Sessions
	t.Simulated += o.Simulated
	t.Activities += o.Activities
	t.Events += o.Events
	t.Failures += o.Failures
	t.Proposals += o.Proposals
	t.ProposalsAccepted += o.ProposalsAccepted
	t.ProposalsRejected += o.ProposalsRejected
	t.Silences += o.Silences
	t.SilencesAccepted += o.SilencesAccepted
	t.SilencesRejected += o.SilencesRejected
	t.Operations += o.Operations
	t.OperationsFailed += o.OperationsFailed
	if t.Ends == nil {
		t.Ends = map[string]int{}
	}
	for end, n := range o.Ends {
		t.Ends[end] += n
	}
	if t.Proposals > 0 {
		t.AcceptanceRate = float64(t.ProposalsAccepted) / float64(t.Proposals)
	}
	if t.Sessions > 0 {
		t.EventsPerSession = float64(t.Events) / float64(t.Sessions)
	}
}
