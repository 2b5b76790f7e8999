package generate

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job/jobtest"
	"github.com/gymline/gymline/internal/leak"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/trace"
)

// leaking is gymCase with a benchmark that holds the finished scene's example and one of
// the seeds' sample events, in other words.
func leaking(t *testing.T, do string) (c jobtest.Case, sample string) {
	t.Helper()
	c = gymCase(t)
	files := c.Files["samples"].(fstest.MapFS)
	seeds, err := trace.ReadSeeds("seeds.yaml", files["seeds.yaml"].Data)
	if err != nil {
		t.Fatal(err)
	}
	sample = seeds[0].Events[0]
	files["bench/code_1.json"] = &fstest.MapFile{Data: []byte(`[{"observation": {"time": "1", "event": "The user turns the lamp over."}}, {"observation": {"time": "2", "event": "` + strings.ToUpper(sample) + `"}}]`)}
	p := c.Params.(plan.Generate)
	p.Count = 60
	p.Sessions = 1
	p.Leaks = &plan.Leaks{Benchmark: plan.File{Input: "samples", Path: "bench"}, Similarity: leak.Similarity, Do: do}
	c.Params = p
	return c, sample
}

// What is in the benchmark is in no scene, where it is dropped; nothing is asked where it
// must not be there.
func TestLeaksOfInputs(t *testing.T) {
	examples := func(c jobtest.Case) (all []string) {
		res, err := jobtest.Run(t, c)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range decode[trace.Scene](t, res.Output(t, plan.ScenesOutput)) {
			all = append(all, s.Environment.Examples...)
		}
		return all
	}
	c, sample := leaking(t, leak.Drop)
	dropped := examples(c)
	p := c.Params.(plan.Generate)
	p.Leaks = nil
	c.Params = p
	used := examples(c)
	for _, text := range []string{"The user turns the lamp over.", sample} {
		if !slices.Contains(used, text) || slices.Contains(dropped, text) {
			t.Errorf("%q: used %v, and where it is dropped %v", text, slices.Contains(used, text), slices.Contains(dropped, text))
		}
	}
	c, _ = leaking(t, leak.Fail)
	_, err := jobtest.Run(t, c)
	if err == nil || fault.Code(err) != fault.Permanent || !strings.Contains(err.Error(), "sample events (samples/seeds.yaml) are like events of the benchmark (1 of its 2, 0 to the letter)") {
		t.Errorf("where none may be there: %v", err)
	}
}
