package job_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// TestUnread: what no step reads is told, by its name and by what a step looks for.
func TestUnread(t *testing.T) {
	files := fstest.MapFS{}
	for _, p := range []string{
		"b/t.json", "b/u.JSON", "b/splits.json", "b/notes.txt", "b/more/v.json", "m/t.json", "m/U.json", "m/u.Json", "m/other.json", "m/t (1).json",
		"pb/reward_data/train_data.jsonl", "pb/reward_data/old.jsonl", "scenes.yaml", "LICENSE", "old/x/1.json", "old/2.json",
	} {
		files[p] = &fstest.MapFile{Data: []byte(p)}
	}
	tree, err := store.Intake{}.Digest(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	at := func(path string) plan.File { return plan.File{Input: "s", Path: path} }
	recorded := at("m")
	params, err := json.Marshal(plan.Predict{Benchmark: at("b"), Candidate: plan.Candidate{Recorded: &recorded}})
	if err != nil {
		t.Fatal(err)
	}
	p := &plan.Plan{Steps: []plan.Step{
		{Job: plan.JobGenerate, Shards: 9, Share: plan.Share{Sources: []plan.File{at("scenes.yaml")}}},
		{Job: plan.JobReward, Shards: 1, Share: plan.Share{Sources: []plan.File{at("pb")}}},
		{Job: plan.JobPredict, Shards: 1, Each: []plan.Share{{Params: params, Sources: []plan.File{at("b"), recorded}}}},
	}}
	inputs := job.NewInputs(func(context.Context, string) (*store.TreeFS, error) { return tree, nil })
	got, err := inputs.Unread(t.Context(), p, "s")
	want := []string{"LICENSE", "b/more/", "b/notes.txt", "m/U.json", "m/other.json", "m/t (1).json", "old/", "pb/reward_data/old.jsonl"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v\nwant %q", got, err, want)
	}
}
