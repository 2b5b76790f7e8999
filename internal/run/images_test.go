package run_test

import (
	"reflect"
	"testing"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// What a run ran in is what the cluster said, or the references in its record and
// plan; a run of this machine has none.
func TestImages(t *testing.T) {
	st := store.New(store.NewMem())
	r := &run.Run{Plan: &plan.Plan{Steps: []plan.Step{
		{Name: "generate", Job: plan.JobGenerate},
		{Name: "train-a", Job: plan.JobTrain, Share: plan.Share{Params: []byte(`{"image": "t:v1"}`)}},
	}}}
	r.ID = "x-1"
	images := func() []store.Image {
		t.Helper()
		list, err := run.Images(t.Context(), st, r)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if got := images(); got != nil {
		t.Errorf("of this machine: %v", got)
	}
	r.Execution = []byte(`{"image": "g@sha256:1"}`)
	want := []store.Image{
		{Step: "generate", Container: "main", Image: "g@sha256:1", Digest: "sha256:1"}, {Step: "train-a", Container: "main", Image: "g@sha256:1", Digest: "sha256:1"},
		{Step: "train-a", Container: "trainer", Image: "t:v1"},
	}
	if got := images(); !reflect.DeepEqual(got, want) {
		t.Errorf("from its record: %v", got)
	}
	said := []store.Image{{Step: "generate", Container: "main", Image: "g@sha256:1", Digest: "sha256:1"}}
	if err := st.PutImages(t.Context(), "x-1", said); err != nil {
		t.Fatal(err)
	}
	if got := images(); !reflect.DeepEqual(got, said) {
		t.Errorf("as the cluster said: %v", got)
	}
}
