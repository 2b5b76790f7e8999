package local

import (
	"slices"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// A schedule hands out the work of a plan in its order, as its arrows allow.
type schedule struct {
	parallel int
	steps    []*stepState
	finished map[store.StepName]bool
}

type stepState struct {
	step    *plan.Step
	begun   bool   // it is settled, or about to be
	known   bool   // it is settled: what is left to do is known
	waiting []*lot // not handed out
	left    int    // lots that are not finished
}

func newSchedule(p *plan.Plan, parallel int) *schedule {
	s := &schedule{parallel: parallel, finished: map[store.StepName]bool{}}
	for i := range p.Steps {
		s.steps = append(s.steps, &stepState{step: &p.Steps[i]})
	}
	return s
}

// settle returns a step that may be settled now, or nil when there is none yet.
func (s *schedule) settle() *stepState {
	for _, state := range s.steps {
		open := func(before store.StepName) bool { return !s.finished[before] }
		if !state.begun && !slices.ContainsFunc(state.step.After(), open) {
			state.begun = true
			return state
		}
	}
	return nil
}

// settled cuts into lots what is not done of a step.
func (s *schedule) settled(state *stepState, done []bool) {
	state.waiting = cut(state.step, done, lotsPerSlot*s.parallel)
	state.known, state.left = true, len(state.waiting)
	s.finished[state.step.Name] = state.left == 0
}

// next returns a lot that may start now, or nil when there is none yet: a step that
// is about to be settled has its turn before those after it.
func (s *schedule) next() *lot {
	for _, state := range s.steps {
		if state.begun && !state.known {
			return nil
		}
		if len(state.waiting) > 0 {
			l := state.waiting[0]
			state.waiting = state.waiting[1:]
			l.of = state
			return l
		}
	}
	return nil
}

func (s *schedule) finish(l *lot) {
	l.of.left--
	s.finished[l.step.Name] = l.of.left == 0
}

// done reports whether every step has finished.
func (s *schedule) done() bool {
	return !slices.ContainsFunc(s.steps, func(state *stepState) bool { return !s.finished[state.step.Name] })
}
