package plan

import (
	"encoding/json"
	"fmt"

	"github.com/gymline/gymline/internal/llm"
)

// Asks are the models that a shard asks, by role; none of a step that asks nobody.
func (s *Step) Asks(shard int) (map[string]llm.Model, error) {
	list := map[string]llm.Model{}
	add := func(role string, m *llm.Model) {
		if m != nil {
			list[role] = *m
		}
	}
	var err error
	params := s.Of(shard).Params
	if params == nil {
		return list, nil
	}
	switch s.Job {
	case JobGenerate:
		var p Generate
		if err = json.Unmarshal(params, &p); err == nil {
			add("scenes", p.Models.Scenes)
			add("user", &p.Models.User)
			add("environment", &p.Models.Environment)
			add("agent", &p.Models.Agent)
		}
	case JobPredict:
		var p Predict
		if err = json.Unmarshal(params, &p); err == nil {
			add("candidate", p.Candidate.Model)
			add("judge", p.Judge.Model)
		}
	case JobAnchors:
		var p Anchors
		if err = json.Unmarshal(params, &p); err == nil {
			add("judge", p.Judge.Model)
		}
	}
	if err != nil {
		err = fmt.Errorf("step %s: parameters: %w", s.Name, err)
	}
	return list, err
}
