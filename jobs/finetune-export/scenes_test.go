package finetuneexport

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gymline/gymline/internal/job/jobtest"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/seed"
	"github.com/gymline/gymline/internal/trace"
)

const (
	seedFile = "coding: {tasks: [a, b, c], sample_events: [x]}\nwriting: {tasks: [d, e], sample_events: [y]}\n"
	madeFile = `- {environment: {description: a, entities: [x], agent_ops: ["open(a)"]}, user: {description: x, goal: y}}`
)

// Scenes that were written from one seed task are on one side of the split, whatever
// their number, and a finished scene is a group of its own.
func TestScenesOfASeedTaskStayTogether(t *testing.T) {
	const scenes, finished = 61, 1
	var episodes []trace.Episode
	for i := range scenes {
		e := trace.Episode{Scene: fmt.Sprintf("scene-%05d", i), Trace: trace.Trace{ID: fmt.Sprintf("scene-%05d/0", i), Domain: "coding"}}
		e.Turns = []trace.Turn{{Event: trace.Event{Time: fmt.Sprint(1717378000 + i), Text: fmt.Sprintf("Thing %d happens.", i)}, Proposals: []string{}, Judgement: &trace.Judgement{Accepted: true, Reason: "fine"}}}
		episodes = append(episodes, e)
	}
	p := params()
	p.Scenes = &plan.GymScenes{Finished: &plan.File{Input: "in", Path: "scenes.yaml"}, Seeds: plan.File{Input: "in", Path: "seeds.yaml"}}
	res, err := jobtest.Run(t, jobtest.Case{
		Job: plan.JobExport, Func: Run, Params: p, Seed: sampleSeed, Upstream: map[string][][]byte{"episodes": {jsonl(t, episodes)}},
		Files: map[string]fs.FS{"in": fstest.MapFS{"seeds.yaml": {Data: []byte(seedFile)}, "scenes.yaml": {Data: []byte(madeFile)}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	domains, err := trace.ReadSeeds("s", []byte(seedFile))
	if err != nil {
		t.Fatal(err)
	}
	sides, both := map[string]string{}, map[string]bool{}
	for _, line := range decode[traceLine](t, res.Output(t, tracesFile)) {
		var n int
		if _, err := fmt.Sscanf(line.Trace, "scene-%d/", &n); err != nil {
			t.Fatal(err)
		}
		task := "finished"
		if n >= finished {
			pick := trace.PickSeed(domains, n-finished, stepRand)
			task = domains[pick.Domain].Tasks[pick.Task]
		}
		if side, ok := sides[task]; ok && side != line.Split {
			t.Errorf("scenes of %q are on both sides", task)
		}
		sides[task], both[line.Split] = line.Split, true
	}
	if len(sides) != 6 || len(both) != 2 {
		t.Errorf("sides %v", sides)
	}

	// A task that comes once is its scene: its draw, and so its side, is what it was.
	tasks := &seedTasks{finished: finished, seeds: domains, first: trace.SeedTasks(domains, stepRand), rand: stepRand}
	for i := range 5 {
		if id := fmt.Sprintf("scene-%05d", i); i < 1+4 && tasks.group(id) != id {
			t.Errorf("%s is of %s", id, tasks.group(id))
		}
	}
	var none *seedTasks
	if none.group("scene-00061") != "scene-00061" || tasks.group("elsewhere") != "elsewhere" || tasks.group("scene-00060") == "scene-00060" {
		t.Error("groups are named otherwise")
	}
}

// What is split within one scene says so.
func TestALoneSceneIsSaidToBeSplit(t *testing.T) {
	var sessions []trace.Episode
	for n := range 4 {
		e := trace.Episode{Scene: "scene-00000", Trace: trace.Trace{ID: fmt.Sprintf("scene-00000/%d", n), Domain: "coding"}}
		e.Turns = []trace.Turn{{Event: trace.Event{Time: fmt.Sprint(1717378000 + n), Text: fmt.Sprintf("Thing %d happens.", n)}, Proposals: []string{}, Judgement: &trace.Judgement{Accepted: true, Reason: "fine"}}}
		sessions = append(sessions, e)
	}
	p := params()
	m := manifest(t, mustRun(t, p, jsonl(t, sessions)))
	if said := strings.Join(m.Warnings(), "\n"); !strings.Contains(said, "all traces share one scene or seed task") || len(m.TooLong()) != 0 {
		t.Errorf("%q", said)
	}
	p.Validation = 0
	if m := manifest(t, mustRun(t, p, jsonl(t, sessions))); m.Warnings() != nil {
		t.Errorf("where nothing is held out: %q", m.Warnings())
	}
}

func stepRand(path ...string) *rand.Rand {
	return seed.New(sampleSeed, append([]string{plan.JobGenerate}, path...)...)
}
