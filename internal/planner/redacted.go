package planner

import (
	"slices"

	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/trace"
)

// redacted says which rows of an export have placeholders: unless the experiment says so,
// those that the gym's models saw with them.
func (b *builder) redacted(x *experiment.Export) map[string][]string {
	sets := map[string][]string{}
	for _, set := range x.Sets {
		switch g := b.e.Spec.Generate; {
		case x.Redact != nil && *x.Redact:
			sets[set] = []string{trace.Gym, trace.ProactiveBench}
		case x.Redact == nil && x.Data.Gym && g != nil:
			saw := map[string]string{"agent": g.Models.Agent, "reward": g.Models.User}[set]
			if m := b.model(saw); !m.Simulated() && !m.Unredacted {
				sets[set] = []string{trace.Gym}
			}
		}
	}
	for set, sources := range sets {
		sets[set] = slices.DeleteFunc(sources, func(s string) bool {
			return s == trace.Gym && !x.Data.Gym || s == trace.ProactiveBench && x.Data.ProactiveBench == nil
		})
	}
	if len(sets) == 0 {
		return nil
	}
	return sets
}
