package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// KeyEnvs returns the environment variables that hold the API keys of the
// plan's models, sorted: what an engine must hand to its jobs.
func KeyEnvs(p *Plan) ([]string, error) {
	names := map[string]bool{}
	for i := range p.Steps {
		s := &p.Steps[i]
		for _, raw := range append(slices.Clone(s.Each), s.Params) {
			if len(raw) == 0 {
				continue
			}
			var v any
			if err := json.Unmarshal(raw, &v); err != nil {
				return nil, fmt.Errorf("step %s: parameters: %w", s.Name, err)
			}
			collectKeyEnvs(v, names)
		}
	}
	return slices.Sorted(maps.Keys(names)), nil
}

// collectKeyEnvs finds every llm.Model's keyEnv in a job's parameters.
func collectKeyEnvs(v any, names map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		if name, ok := v["keyEnv"].(string); ok && v["provider"] != nil {
			names[name] = true
		}
		for _, sub := range v {
			collectKeyEnvs(sub, names)
		}
	case []any:
		for _, sub := range v {
			collectKeyEnvs(sub, names)
		}
	}
}
