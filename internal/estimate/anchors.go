package estimate

import (
	"bytes"
	"encoding/json"
	"path"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
)

// sampleAnchors are rehearsed of rows that people labelled, and all of fewer.
const sampleAnchors = 60

// anchors rehearses the judge's pass over rows that people labelled.
func (r *rehearsal) anchors(step *plan.Step, strata *int) error {
	if r.reused(step, 0) {
		return nil
	}
	var params plan.Anchors
	if err := json.Unmarshal(step.Params, &params); err != nil {
		return err
	}
	rows := 0
	for _, f := range r.opt.Trees[params.Data.Input].Files(path.Join(path.Clean(params.Data.Path), "reward_data")) {
		data, err := r.read(params.Data.Input, f.Path)
		if err != nil {
			return err
		}
		rows += bytes.Count(data, []byte("\n"))
	}
	rows = min(max(rows, 1), params.Rows)
	params.Rows = min(rows, sampleAnchors)
	weight := float64(rows) / float64(params.Rows)
	raw, err := json.Marshal(params)
	if err != nil {
		return err
	}
	r.small.Steps = append(r.small.Steps, plan.Step{Name: step.Name, Job: step.Job, Format: step.Format, Shards: 1, Share: plan.Share{Params: raw, Sources: step.Sources}})
	r.tasks = append(r.tasks, task{
		which: job.Shard{Run: runID, Step: step.Name}, stratum: *strata,
		parts: func(c *counter) unit { return unit{{tallies: c.others, weight: weight}} },
	})
	*strata++
	return nil
}
