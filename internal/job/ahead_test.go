package job_test

import (
	"context"
	"testing"
	"testing/fstest"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// two is a plan of two steps: "make", of two shards, and "join", which reads them.
func two() *plan.Plan {
	return &plan.Plan{Version: plan.Version, Experiment: "x", Digest: "d", Seed: 7, Steps: []plan.Step{
		{Name: "make", Job: "make", Format: 1, Shards: 2, Share: plan.Share{Params: []byte(`{}`)}},
		{Name: "join", Job: "join", Format: 1, Shards: 1, Share: plan.Share{Params: []byte(`{}`)}, Inputs: []plan.Input{{Name: "parts", Step: "make", Output: "part.jsonl"}}},
	}}
}

// ahead is what a store has of a plan.
func ahead(t *testing.T, s *store.Store, p *plan.Plan) []job.Planned {
	t.Helper()
	planned, err := job.NewOpened(s, store.Run{}, p, job.StoredInputs(s, p)).Ahead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return planned
}

// remember stores the work that a planned shard would do.
func remember(t *testing.T, s *store.Store, p job.Planned, output, text string) {
	t.Helper()
	d, err := s.PutBlob(t.Context(), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	recorded(t, s, store.Step{Run: "x-1", Step: p.Step, Shard: p.Shard, WorkKey: p.WorkKey, Inputs: read(t, s, p), Outputs: []store.Artifact{{Name: output, Digest: d}}})
}

// read is what a planned shard of the run x-1 read.
func read(t *testing.T, s *store.Store, p job.Planned) []store.Artifact {
	t.Helper()
	reads, err := job.Resolve(t.Context(), two().Step(p.Step), p.Shard, func(ctx context.Context, name store.StepName) (list []store.Step, err error) {
		for shard := 0; err == nil && shard < two().Step(name).Shards; shard++ {
			var rec store.Step
			rec, err = s.ReadStep(ctx, "x-1", name, shard)
			list = append(list, rec)
		}
		return list, err
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return reads.List
}

// A shard's work key is known once all shards before it are, and work is found
// by it as long as its bytes are there.
func TestAhead(t *testing.T) {
	s, p := store.New(store.NewMem()), two()
	open(t, s, p, "x-1", false)
	first := ahead(t, s, p)
	if len(first) != 3 || first[0].WorkKey == "" || first[1].WorkKey == first[0].WorkKey || first[2].WorkKey != "" || first[0].Reused {
		t.Fatalf("of an empty store: %+v", first)
	}
	remember(t, s, first[0], "part.jsonl", "a")
	if half := ahead(t, s, p); !half[0].Reused || half[1].Reused || half[2].WorkKey != "" {
		t.Errorf("of the first shard: %+v", half)
	}
	remember(t, s, first[1], "part.jsonl", "b")
	both := ahead(t, s, p)
	if !both[0].Reused || !both[1].Reused || both[2].WorkKey == "" || both[2].Reused {
		t.Fatalf("of all shards of the first step: %+v", both)
	}
	remember(t, s, both[2], "all.jsonl", "ab")
	if all := ahead(t, s, p); !all[2].Reused || all[2].WorkKey != both[2].WorkKey {
		t.Errorf("of all: %+v", all)
	}
	lost := store.Artifact{Name: "all.jsonl", Digest: store.DigestOf([]byte("lost"))}
	recorded(t, s, store.Step{Run: "x-1", Step: "join", WorkKey: both[2].WorkKey, Inputs: read(t, s, both[2]), Outputs: []store.Artifact{lost}})
	if without := ahead(t, s, p); without[2].Reused || !without[1].Reused {
		t.Errorf("where bytes are lost: %+v", without)
	}
}

// A file that the experiment names and that is not there is bad configuration.
func TestAheadOfAnInputThatIsNotThere(t *testing.T) {
	s, p := store.New(store.NewMem()), two()
	p.Steps[0].Sources = []plan.File{{Input: "samples", Path: "seeds.yaml"}}
	tree, err := s.PutTree(t.Context(), fstest.MapFS{}, store.Intake{})
	p.Inputs = map[string]store.Digest{"samples": tree.Digest}
	if err == nil {
		_, err = job.NewOpened(s, store.Run{}, p, job.StoredInputs(s, p)).Ahead(t.Context())
	}
	if fault.Code(err) != fault.Config {
		t.Errorf("%v", err)
	}
}
