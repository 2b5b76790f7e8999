package curate

import (
	"io/fs"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gymline/gymline/internal/job/jobtest"
	"github.com/gymline/gymline/internal/leak"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/trace"
)

// What went into the gym is counted, with what its models made of it.
func TestInputsAreHeldAgainstTheBenchmark(t *testing.T) {
	const report = "The user opens the monthly sales report of the northern region in the spreadsheet."
	const finished = `- {environment: {description: a, entities: [x], agent_ops: ["open(a)"], events_example: [A lamp goes on.]}, user: {description: x, goal: y}}`
	var g gym
	g.scene("coding", "the finished scene's goal")
	g.scene("coding", "another goal")
	g.scenes[0].Environment.Examples = []string{report}
	g.scenes[1].Environment.Examples = []string{report, "The editor shows a warning.", "the user opens the monthly sales report of the southern region in the spreadsheet"}
	g.play(judged("Nothing like this happened before at all.", -1))
	p := params
	p.Leakage, p.Benchmark = leak.Similarity, &plan.File{Input: "data", Path: "bench"}
	p.Inputs = &plan.GymInputs{Scenes: &plan.File{Input: "data", Path: "scenes.yaml"}, Seeds: &plan.File{Input: "data", Path: "seeds.yaml"}, Prompts: []plan.File{{Input: "data", Path: "a.md"}}}
	run := func() trace.Curation {
		t.Helper()
		r, err := curate(t, &g, p, func(c *jobtest.Case) {
			files := benchmark(report, "The user sleeps.").(fstest.MapFS)
			files["scenes.yaml"] = &fstest.MapFile{Data: []byte(finished)}
			files["seeds.yaml"] = &fstest.MapFile{Data: []byte("coding: {tasks: [a], sample_events: [The user reads a page., " + report + "]}")}
			files["a.md"] = &fstest.MapFile{Data: []byte("Be brief.\nFor example:\n" + report + "\n")}
			c.Files = map[string]fs.FS{"data": files}
		})
		if err != nil {
			t.Fatal(err)
		}
		return r.curation
	}
	c := run()
	want := []trace.LeakingInput{
		{What: trace.SampleEvents, File: "data/seeds.yaml", Texts: 2, Alike: 1, Events: 1, Same: 1},
		{What: trace.SceneExamples, File: "data/scenes.yaml", Texts: 1},
		{What: trace.SystemPrompts, File: "data/a.md", Texts: 3, Alike: 1, Events: 1, Same: 1},
		{What: trace.WrittenScenes, Texts: 3, Alike: 2, Events: 1, Same: 1},
	}
	if !reflect.DeepEqual(c.Inputs, want) {
		t.Errorf("got %+v\nwant %+v", c.Inputs, want)
	}
	said := strings.Join(c.Warnings(), "\n")
	for _, s := range []string{"1 of 2 sample events (data/seeds.yaml)", "generate.scenes.leaks: drop leaves them out", "1 of 3 lines of prompts (data/a.md)", "2 of 3 examples of written scenes"} {
		if !strings.Contains(said, s) {
			t.Errorf("%s\nlacks %q", said, s)
		}
	}
	p.Inputs.Dropped = true
	c = run()
	if !c.Inputs[0].Dropped || !c.Inputs[1].Dropped || c.Inputs[2].Dropped || c.Inputs[3].Dropped || len(c.Warnings()) != 2 {
		t.Errorf("where they are dropped: %+v\n%s", c.Inputs, strings.Join(c.Warnings(), "\n"))
	}
}
