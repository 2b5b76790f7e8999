package generate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/leak"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/trace"
)

const scenesRole = "scenes"

// scenes is where the gym's scenes come from: the finished ones first, then
// those to be written.
type scenes struct {
	task     *job.Task
	finished []trace.Scene
	seeds    []trace.SeedDomain
	count    int // to be written
	chat     llm.Chatter
	repairs  int
	system   string
}

// openScenes reads the files; the model is opened by the caller.
func openScenes(ctx context.Context, t *job.Task, p *plan.Generate) (*scenes, error) {
	s := &scenes{task: t, repairs: p.Repairs, system: prompt.ScenesSystem(p.Prompts[prompt.RoleScenes])}
	in, err := leak.Read(func(f plan.File) ([]byte, error) { return t.ReadFile(ctx, f) }, p.Inputs())
	if err == nil {
		in, err = guarded(ctx, t, p.Leaks, in)
	}
	if err != nil {
		return nil, err
	}
	s.finished, s.seeds = in.Scenes, in.Seeds
	if p.Seeds != nil {
		s.count = p.Count
	}
	if s.len() == 0 {
		return nil, fault.New(fault.Permanent, errors.New("there is no scene to run"), "give a file of scenes, or seeds and a count of scenes to write")
	}
	return s, nil
}

// guarded is what goes into the gym, as far as it may.
func guarded(ctx context.Context, t *job.Task, p *plan.Leaks, in leak.Inputs) (leak.Inputs, error) {
	if p == nil {
		return in, nil
	}
	traces, err := t.Benchmark(ctx, p.Benchmark)
	if err != nil {
		return in, err
	}
	return leak.New(traces, p.Similarity).Guard(p.Do, in)
}

func (s *scenes) len() int { return len(s.finished) + s.count }

// sceneID is the ID of the scene at an index over all shards.
func sceneID(i int) string { return fmt.Sprintf("scene-%05d", i) }

// scene returns the scene at an index over all shards: the same one whatever
// the shard and whatever came before it.
func (s *scenes) scene(ctx context.Context, i int) (*trace.Scene, error) {
	if i < len(s.finished) {
		scene := s.finished[i]
		scene.ID = sceneID(i)
		return &scene, nil
	}
	domain, task, events := s.seed(i - len(s.finished))
	d := draws{rng: s.task.Rand("scene", strconv.Itoa(i)), replicate: i, repairs: s.repairs}
	talk := d.converse(scenesRole, s.chat, s.system, "")
	w, err := ask(ctx, talk, scenesQuestion(domain, task, events), sceneSchema, checkScene)
	if err != nil {
		return nil, err
	}
	return &trace.Scene{ID: sceneID(i), Domain: domain, User: w.User, Environment: w.Environment}, nil
}

// seed is what the n-th written scene starts from.
func (s *scenes) seed(n int) (domain, task string, events []string) {
	pick := trace.PickSeed(s.seeds, n, s.task.Rand)
	d := &s.seeds[pick.Domain]
	for _, k := range pick.Events {
		events = append(events, d.Events[k])
	}
	return d.Domain, d.Tasks[pick.Task], events
}

var sceneSchema = prompt.Schema("scene", `{
	"type": "object",
	"properties": {
		"user": {
			"type": "object",
			"properties": {"description": {"type": "string"}, "goal": {"type": "string"}},
			"required": ["description", "goal"], "additionalProperties": false
		},
		"environment": {
			"type": "object",
			"properties": {
				"theme": {"type": "string"},
				"description": {"type": "string"},
				"entities": {"type": "array", "items": {"type": "string"}},
				"operations": {"type": "array", "items": {"type": "string"}},
				"examples": {"type": "array", "items": {"type": "string"}}
			},
			"required": ["theme", "description", "entities", "operations", "examples"], "additionalProperties": false
		}
	},
	"required": ["user", "environment"], "additionalProperties": false
}`)

// checkScene tidies a written scene and says what is wrong with it, for repair.
func checkScene(w *prompt.Scene) error {
	u, e := &w.User, &w.Environment
	for _, text := range []*string{&u.Description, &u.Goal, &e.Theme, &e.Description} {
		*text = trace.OneLine(*text)
	}
	for _, list := range [][]string{e.Entities, e.Operations, e.Examples} {
		for i := range list {
			list[i] = trace.OneLine(list[i])
		}
	}
	if err := (&trace.Scene{User: *u, Environment: *e}).Check(); err != nil {
		return err
	}
	if slices.Contains(slices.Concat(e.Entities, e.Operations, e.Examples), "") {
		return errors.New("an item of a list is empty")
	}
	return nil
}
