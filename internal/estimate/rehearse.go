package estimate

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/seed"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/trace"
)

const (
	// sampleSessions are rehearsed of a gym, in as many scenes if there are so many.
	sampleSessions = 12
	// sampleEvents are rehearsed of a benchmark, and all of a smaller one.
	sampleEvents = 300
)

// runID is the rehearsal's run.
const runID = store.RunID("rehearsal-1")

// A rehearsal does a small part of a plan's work in a store of its own.
type rehearsal struct {
	plan *plan.Plan
	opt  Options
	st   *store.Store

	small plan.Plan // what is rehearsed
	files map[string]map[string][]byte
	tasks []task
}

// A task is one shard of the small plan, and what becomes of its count.
type task struct {
	which    job.Shard
	stratum  int
	dialogue bool
	parts    func(*counter) unit
}

// run returns the sample's units by stratum.
func (r *rehearsal) run(ctx context.Context) ([][]unit, error) {
	r.small = plan.Plan{Version: plan.Version, Experiment: r.plan.Experiment, Seed: r.plan.Seed, Inputs: map[string]store.Digest{}}
	r.files = map[string]map[string][]byte{}
	strata := 0
	for i := range r.plan.Steps {
		step := &r.plan.Steps[i]
		var err error
		switch step.Job {
		case plan.JobGenerate:
			err = r.generate(step, &strata)
		case plan.JobPredict:
			err = r.predict(step, &strata)
		}
		if err != nil {
			return nil, fmt.Errorf("step %s: %w", step.Name, err)
		}
	}
	if len(r.tasks) == 0 {
		return nil, nil
	}
	if err := r.open(ctx); err != nil {
		return nil, err
	}
	units := make([]unit, len(r.tasks))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, t := range r.tasks {
		group.Go(func() error {
			c := &counter{dialogue: t.dialogue, scenes: map[string]*tally{}, others: map[string]*tally{}}
			_, err := job.Run(ctx, job.Env{
				Store: r.st, Models: c, Log: slog.New(slog.DiscardHandler), Events: silent{}, Now: r.opt.Now, InFlight: 1,
			}, r.opt.Jobs, t.which)
			units[i] = t.parts(c)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	out := make([][]unit, strata)
	for i, t := range r.tasks {
		out[t.stratum] = append(out[t.stratum], units[i])
	}
	return out, nil
}

type silent struct{}

func (silent) Emit(progress.Event) {}

// open puts the sample's files and plan into the store.
func (r *rehearsal) open(ctx context.Context) error {
	for name, files := range r.files {
		var list []store.TreeFile
		for _, f := range r.opt.Trees[name].Files(".") { // which are sorted
			data, ok := files[f.Path]
			if !ok {
				continue
			}
			d, err := r.st.PutBlob(ctx, data)
			if err != nil {
				return err
			}
			list = append(list, store.TreeFile{Path: f.Path, Digest: d, Bytes: int64(len(data))})
		}
		data, err := json.Marshal(list)
		if err != nil {
			return err
		}
		if r.small.Inputs[name], err = r.st.PutBlob(ctx, data); err != nil {
			return err
		}
	}
	if err := r.st.CreateRun(ctx, store.Run{ID: runID, Experiment: r.plan.Experiment}); err != nil {
		return err
	}
	raw, err := r.small.Encode()
	if err != nil {
		return err
	}
	return r.st.PutPlan(ctx, runID, raw)
}

// read takes a file of an input into the sample.
func (r *rehearsal) read(input, file string) ([]byte, error) {
	if data, ok := r.files[input][file]; ok {
		return data, nil
	}
	data, err := r.opt.Read(input, file)
	if err == nil {
		r.put(input, file, data)
	}
	return data, err
}

func (r *rehearsal) put(input, file string, data []byte) {
	if r.files[input] == nil {
		r.files[input] = map[string][]byte{}
	}
	r.files[input][file] = data
}

func (r *rehearsal) reused(step *plan.Step, shard int) bool {
	return r.opt.Reused != nil && r.opt.Reused(step.Name, shard)
}

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
	if nFinished > 0 {
		if err := r.putScenes(params.Scenes, spread(finished, nFinished)); err != nil {
			return err
		}
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

// finished reads the scenes of the gym's file.
func (r *rehearsal) finished(p *plan.Generate) ([]trace.Scene, error) {
	if p.Scenes == nil {
		return nil, nil
	}
	data, err := r.opt.Read(p.Scenes.Input, p.Scenes.Path)
	if err != nil {
		return nil, err
	}
	scenes, err := trace.ReadScenes(path.Join(p.Scenes.Input, p.Scenes.Path), data)
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

// putScenes puts a few scenes in the place of the file that has them all. JSON
// is YAML.
func (r *rehearsal) putScenes(f *plan.File, scenes []trace.Scene) error {
	type environment struct {
		Theme       string   `json:"theme"`
		Description string   `json:"description"`
		Entities    []string `json:"entities"`
		Operations  []string `json:"agent_ops"`
		Examples    []string `json:"events_example"`
	}
	type entry struct {
		Domain      string      `json:"domain"`
		Environment environment `json:"environment"`
		User        trace.User  `json:"user"`
	}
	var list []entry
	for _, s := range scenes {
		list = append(list, entry{s.Domain, environment(s.Environment), s.User})
	}
	data, err := json.Marshal(list)
	r.put(f.Input, f.Path, data)
	return err
}

// predict rehearses each candidate that calls models, on traces of the benchmark
// that are drawn until they have sampleEvents. Each is a stratum of one.
func (r *rehearsal) predict(step *plan.Step, strata *int) error {
	rehearsed := plan.Step{Name: step.Name, Job: step.Job, Format: step.Format}
	for shard := range step.Shards {
		share := step.Of(shard)
		if len(share.Models) == 0 || r.reused(step, shard) {
			continue
		}
		var params plan.Predict
		if err := json.Unmarshal(share.Params, &params); err != nil {
			return err
		}
		weight, err := r.traces(params.Benchmark)
		if err != nil {
			return err
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
		rehearsed.Each = append(rehearsed.Each, plan.Share{Params: raw, Sources: share.Sources})
		r.tasks = append(r.tasks, task{
			which: job.Shard{Run: runID, Step: step.Name, Shard: rehearsed.Shards}, stratum: *strata,
			parts: func(c *counter) unit { return unit{{tallies: c.others, weight: weight}} },
		})
		rehearsed.Shards++
		*strata++
	}
	if rehearsed.Shards > 0 {
		r.small.Steps = append(r.small.Steps, rehearsed)
	}
	return nil
}

// traces takes traces of a benchmark into the sample, and returns what one of
// them stands for.
func (r *rehearsal) traces(folder plan.File) (weight float64, err error) {
	dir := path.Clean(folder.Path)
	var files []string
	for _, f := range r.opt.Trees[folder.Input].Files(dir) {
		if path.Dir(f.Path) == dir && path.Ext(f.Path) == ".json" && path.Base(f.Path) != trace.SplitsFile {
			files = append(files, f.Path)
		}
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
