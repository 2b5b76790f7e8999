package local

import (
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// A schedule hands out shards in the plan's order as their arrows allow.
type schedule struct {
	plan    *plan.Plan
	started []int                  // shards handed out, by step
	left    map[store.StepName]int // shards not finished
}

func newSchedule(p *plan.Plan) *schedule {
	s := &schedule{plan: p, started: make([]int, len(p.Steps)), left: map[store.StepName]int{}}
	for _, step := range p.Steps {
		s.left[step.Name] = step.Shards
	}
	return s
}

// next returns a shard that may start now; ok is false when there is none yet.
func (s *schedule) next() (step *plan.Step, shard int, ok bool) {
	for i := range s.plan.Steps {
		step := &s.plan.Steps[i]
		if s.started[i] == step.Shards || !s.ready(step) {
			continue
		}
		s.started[i]++
		return step, s.started[i] - 1, true
	}
	return nil, 0, false
}

func (s *schedule) ready(step *plan.Step) bool {
	for _, before := range step.After() {
		if s.left[before] > 0 {
			return false
		}
	}
	return true
}

func (s *schedule) finish(step store.StepName) { s.left[step]-- }

// done reports whether every shard has finished.
func (s *schedule) done() bool {
	for _, left := range s.left {
		if left > 0 {
			return false
		}
	}
	return true
}
