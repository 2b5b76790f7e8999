package estimate

import (
	"encoding/json"
	"fmt"
	"path"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/seed"
	"github.com/gymline/gymline/internal/text"
	"github.com/gymline/gymline/internal/trace"
)

// sampleEvents are rehearsed of a benchmark, and all of a smaller one.
const sampleEvents = 300

// predict rehearses each pass of a candidate that calls models, on traces of the
// benchmark that are drawn until they have sampleEvents. Each is a stratum of one.
func (r *rehearsal) predict(step *plan.Step, strata *int) error {
	rehearsed := plan.Step{Name: step.Name, Job: step.Job, Format: step.Format}
	passes, err := r.passes(step)
	if err != nil {
		return err
	}
	if evaluate := r.plan.Step(plan.JobEvaluate); len(passes) > 0 && evaluate != nil {
		var params plan.Evaluate
		if err := json.Unmarshal(evaluate.Params, &params); err != nil {
			return err
		}
		r.warnings = append(r.warnings, params.Alike()...)
	}
	for _, p := range passes {
		params := p.params
		weight, err := r.traces(params.Benchmark)
		if err != nil {
			return err
		}
		if m := params.Candidate.Model; m != nil && !m.Simulated() && params.History == 0 {
			if err := r.warnOfLong(params.Benchmark); err != nil {
				return err
			}
		}
		if from := params.Candidate.Recorded; from != nil {
			for _, f := range r.opt.Trees[from.Input].Files(path.Clean(from.Path)) {
				if _, err := r.read(from.Input, f.Path); err != nil {
					return err
				}
			}
		}
		// A judge that is no language model calls none, and reads what the
		// rehearsal does not have: a stand-in that is not counted judges instead.
		if params.Judge.Kind != plan.JudgeLLM {
			params.Judge = plan.Judge{Kind: plan.JudgeLLM, Model: &llm.Model{Provider: llm.Sim}}
		}
		raw, err := json.Marshal(params)
		if err != nil {
			return err
		}
		rehearsed.Each = append(rehearsed.Each, plan.Share{Params: raw, Sources: p.share.Sources})
		r.tasks = append(r.tasks, task{
			which: job.Shard{Run: runID, Step: step.Name, Shard: rehearsed.Shards}, stratum: *strata, keyed: true,
			parts: func(c *counter) unit {
				if p.weight == 0 {
					return nil
				}
				return unit{{tallies: c.others, weight: weight * p.weight}, {tallies: c.shared, weight: weight * p.weight, shared: true}}
			},
		})
		rehearsed.Shards++
		*strata++
	}
	if rehearsed.Shards > 0 {
		r.small.Steps = append(r.small.Steps, rehearsed)
	}
	return nil
}

// longTrace is the events of a trace from which it is warned of, and longFile the
// bytes of a file that may hold one.
const longTrace, longFile = 200, 16 << 10

// warnOfLong warns of traces that cost with the square of their events, since a
// candidate is sent all events before each.
func (r *rehearsal) warnOfLong(folder plan.File) error {
	if r.warned[folder] {
		return nil
	}
	if r.warned == nil {
		r.warned = map[plan.File]bool{}
	}
	r.warned[folder] = true
	tree := r.opt.Trees[folder.Input]
	n, longest, name := 0, 0, ""
	files, err := trace.BenchmarkFiles(tree, folder.Path)
	if err != nil {
		return err
	}
	sizes := map[string]int64{}
	for _, f := range tree.Files(folder.Path) {
		sizes[f.Path] = f.Bytes
	}
	for _, file := range files {
		if sizes[file] < longFile {
			continue
		}
		data, err := r.read(folder.Input, file)
		if err != nil {
			return err
		}
		var list []json.RawMessage
		if json.Unmarshal(data, &list) != nil || len(list) < longTrace {
			continue
		}
		if n++; len(list) > longest {
			longest, name = len(list), file
		}
	}
	if n > 0 {
		r.warnings = append(r.warnings, fmt.Sprintf("%s of the benchmark with %d and more events (%s has %s): each event is sent with all before it, so tokens grow with the square; evaluate.history bounds them",
			text.Plural(n, "trace"), longTrace, path.Join(folder.Input, name), text.Count(longest)))
	}
	return nil
}

// traces takes traces of a benchmark into the sample, and returns what one of
// them stands for.
func (r *rehearsal) traces(folder plan.File) (weight float64, err error) {
	files, err := trace.BenchmarkFiles(r.opt.Trees[folder.Input], folder.Path)
	if err != nil {
		return 0, err
	}
	events, taken := 0, 0
	for _, i := range seed.New(r.plan.Seed, "estimate", "traces").Perm(len(files)) {
		if events >= sampleEvents {
			break
		}
		data, err := r.read(folder.Input, files[i])
		if err != nil {
			return 0, err
		}
		var list []json.RawMessage
		if err := json.Unmarshal(data, &list); err != nil {
			return 0, fmt.Errorf("%s: %w", path.Join(folder.Input, files[i]), err)
		}
		events, taken = events+len(list), taken+1
	}
	return float64(len(files)) / float64(max(taken, 1)), nil
}
