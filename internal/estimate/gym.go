package estimate

import (
	"encoding/json"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/trace"
)

// sampleSessions are rehearsed of a gym, in as many scenes if there are so many.
const sampleSessions = 12

// generate rehearses sessions in scenes of both kinds, finished and written, in
// proportion. A unit is one scene with its sessions.
func (r *rehearsal) generate(step *plan.Step, strata *int) error {
	var params plan.Generate
	if err := json.Unmarshal(step.Params, &params); err != nil {
		return err
	}
	finished, err := r.finished(&params)
	if err != nil {
		return err
	}
	written := 0
	if params.Seeds != nil {
		written = params.Count
		if _, err := r.read(params.Seeds.Input, params.Seeds.Path); err != nil {
			return err
		}
	}
	all, leftFinished, leftWritten := len(finished)+written, 0, 0
	for shard := range step.Shards {
		if r.reused(step, shard) {
			continue
		}
		first, last := all*shard/step.Shards, all*(shard+1)/step.Shards
		here := min(last, len(finished)) - min(first, len(finished))
		leftFinished, leftWritten = leftFinished+here, leftWritten+last-first-here
	}
	if leftFinished+leftWritten == 0 {
		return nil
	}

	some := min(all, sampleSessions)
	nFinished := min(len(finished), (some*len(finished)+all-1)/all)
	nWritten := min(written, max(some-nFinished, 1))
	small, sessions := params, (sampleSessions+some-1)/some
	small.Sessions, small.Limit, small.Count = sessions, 0, nWritten
	small.Leaks = nil // what it leaves out makes calls hardly shorter
	if nFinished > 0 {
		data, err := trace.WriteScenes(spread(finished, nFinished))
		if err != nil {
			return err
		}
		r.put(params.Scenes.Input, params.Scenes.Path, data)
	} else {
		small.Scenes = nil
	}
	if nWritten == 0 {
		small.Seeds, small.Models.Scenes = nil, nil
	}
	raw, err := json.Marshal(small)
	if err != nil {
		return err
	}
	rehearsed := *step
	rehearsed.Shards, rehearsed.Params = nFinished+nWritten, raw
	r.small.Steps = append(r.small.Steps, rehearsed)

	add := func(shards, from, left int) {
		if left == 0 {
			return
		}
		for i := range shards {
			r.tasks = append(r.tasks, task{
				which: job.Shard{Run: runID, Step: step.Name, Shard: from + i}, stratum: *strata, dialogue: true,
				parts: func(c *counter) unit {
					ofSession := part{
						tallies: c.others, weight: float64(left*params.Sessions) / float64(shards*sessions),
						stretch: max(1, float64(params.MaxEvents*sessions)/max(c.turns, 1)),
					}
					return unit{ofSession, {tallies: c.scenes, weight: float64(left) / float64(shards)}}
				},
			})
		}
		*strata++
	}
	add(nFinished, 0, leftFinished)
	add(nWritten, nFinished, leftWritten)
	return nil
}

func (r *rehearsal) finished(p *plan.Generate) ([]trace.Scene, error) {
	if p.Scenes == nil {
		return nil, nil
	}
	data, err := r.opt.Read(p.Scenes.Input, p.Scenes.Path)
	if err != nil {
		return nil, err
	}
	scenes, err := trace.ReadScenes(p.Scenes.String(), data)
	if err == nil && p.Limit > 0 {
		scenes = scenes[:min(p.Limit, len(scenes))]
	}
	return scenes, err
}

// spread returns n of the items, from all over the list.
func spread[T any](items []T, n int) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = items[i*len(items)/n]
	}
	return out
}
