package statistics

import (
	"maps"
	"slices"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/run"
)

// A Model is one that the run's steps ask, with what its record says of the price.
type Model struct {
	llm.Model
	Price *llm.Price `json:"price,omitempty"` // as calls are billed; nil where it is not known
}

// String says what it is, how it is asked and what it costs.
func (m Model) String() string {
	if m.Price == nil {
		return m.Describe()
	}
	return m.Describe() + "; " + m.Price.String()
}

// modelsOf are a run's models, by name; occasions apart, each is one.
func modelsOf(r *run.Run) ([]Model, error) {
	how, err := run.ExecutionOf(r.Run)
	if err != nil {
		return nil, err
	}
	all := map[string]Model{} // by what is shown of each: candidates may ask one model in several ways
	for i := range r.Plan.Steps {
		step := &r.Plan.Steps[i]
		shards := step.Shards
		if step.Each == nil {
			shards = 1 // all ask the same
		}
		for shard := range shards {
			asks, err := step.Asks(shard)
			if err != nil {
				return nil, err
			}
			for _, m := range asks {
				m.AsOf = ""
				all[m.Name+": "+m.Describe()] = Model{m, how.Models[m.Name].Paid()}
			}
		}
	}
	var list []Model
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, all[name])
	}
	return list, nil
}
