package finetuneexport

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/leak"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/seed"
	"github.com/gymline/gymline/internal/trace"
)

// seedTasks group the gym's scenes by the seed task that they were written from: they
// share it, so they are on one side of the split.
type seedTasks struct {
	finished int // scenes, which come first and have none
	seeds    []trace.SeedDomain
	first    map[[2]int]int // the first scene written from a task
	rand     func(path ...string) *rand.Rand
}

func readSeedTasks(ctx context.Context, t *job.Task, p *plan.GymScenes) (*seedTasks, error) {
	if p == nil {
		return nil, nil
	}
	in, err := leak.Read(func(f plan.File) ([]byte, error) { return t.ReadFile(ctx, f) }, plan.GymInputs{Scenes: p.Finished, Limit: p.Limit, Seeds: &p.Seeds})
	if err != nil {
		return nil, err
	}
	s := &seedTasks{finished: len(in.Scenes), seeds: in.Seeds, rand: func(path ...string) *rand.Rand { // as the step that wrote them
		return seed.New(t.Seed, append([]string{plan.JobGenerate}, path...)...)
	}}
	s.first = trace.SeedTasks(s.seeds, s.rand)
	return s, nil
}

// group is what a scene shares a seed task with: the first scene of the task.
func (s *seedTasks) group(scene string) string {
	number, ok := strings.CutPrefix(scene, scenePrefix)
	n, err := strconv.Atoi(number)
	if s == nil || !ok || err != nil || n < s.finished {
		return scene
	}
	pick := trace.PickSeed(s.seeds, n-s.finished, s.rand)
	return fmt.Sprintf(scenePrefix+"%05d", s.finished+s.first[[2]int{pick.Domain, pick.Task}])
}

const scenePrefix = "scene-"
