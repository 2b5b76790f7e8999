package run

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// training is a world whose plan hands "make" to a trainer named agent.
func training(t *testing.T) world {
	w := newWorld(t)
	w.plan.Steps[1] = plan.Step{
		Name: plan.TrainStep("agent"), Job: plan.JobTrain, Format: 1, Shards: 1, Share: plan.Share{Params: []byte(`{"name":"agent","base":"qwen"}`)},
		Inputs: []plan.Input{{Name: "export", Step: "make", Output: "part.jsonl"}},
	}
	return w
}

func TestTraining(t *testing.T) {
	w := training(t)
	id := w.open(Execution{})
	if p, err := Training(t.Context(), w.Store, id, "agent"); err != nil || p.Base != "qwen" {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := Training(t.Context(), w.Store, id, "judge"); fault.Code(err) != fault.Usage || fault.Hint(err) != "it has agent" {
		t.Errorf("%v, %s", err, fault.Hint(err))
	}
	plain := newWorld(t)
	if _, err := Training(t.Context(), plain.Store, plain.open(Execution{}), "agent"); fault.Hint(err) != "its experiment has no train" {
		t.Error(err)
	}
}

// A run takes one checkpoint for each training, and it is found as it was put, or
// as its step took it over.
func TestCheckpoint(t *testing.T) {
	w := training(t)
	id := w.open(Execution{})
	step := plan.TrainStep("agent")
	w.done(id, "make", 0, "part.jsonl", "a")
	w.done(id, "make", 1, "part.jsonl", "b")
	if there, err := There(t.Context(), w.Store, id, step); err != nil || there {
		t.Errorf("%v, %v", there, err)
	}
	if c, err := CheckpointOf(t.Context(), w.Store, id, "agent"); err != nil || c != nil {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := Files(t.Context(), w.Store, id, step); fault.Code(err) != fault.Usage || !strings.Contains(err.Error(), "no checkpoint of train-agent") {
		t.Error(err)
	}
	model := fstest.MapFS{"config.json": {Data: []byte("{}")}, "model.safetensors": {Data: []byte("weights")}}
	tree, first, err := w.PutCheckpoint(t.Context(), store.Checkpoint{Run: id, Name: "agent", Kind: "full"}, model)
	if err != nil || tree != first.Tree || tree.Files != 2 || first.Put == "" {
		t.Fatalf("%+v, %+v, %v", tree, first, err)
	}
	other, held, err := w.PutCheckpoint(t.Context(), store.Checkpoint{Run: id, Name: "agent", Kind: "full"}, fstest.MapFS{"config.json": {Data: []byte("[]")}})
	if err != nil || held.Tree != tree || other == tree {
		t.Errorf("a second checkpoint took the place of the first: %+v, %+v, %v", other, held, err)
	}
	if there, err := There(t.Context(), w.Store, id, step); err != nil || !there {
		t.Errorf("%v, %v", there, err)
	}
	if files, err := Files(t.Context(), w.Store, id, step); err != nil || len(files) != 2 || files[1].Path != "model.safetensors" {
		t.Errorf("%+v, %v", files, err)
	}
	// The next run's step is done by the work key: it has the checkpoint without a record of its own.
	worker := w.worker(&models{}, func(_ context.Context, task *job.Task) error {
		return task.WriteJSON(plan.CheckpointOutput, plan.Checkpoint{Name: "agent", Tree: tree.Digest, Files: tree.Files, Bytes: tree.Bytes})
	})
	w.ok(worker.FinishTraining(t.Context(), id, "agent"))
	next := w.open(Execution{})
	w.ok(worker.FinishTraining(t.Context(), next, "agent")) // its export is not there yet
	if c, err := CheckpointOf(t.Context(), w.Store, next, "agent"); err != nil || c != nil {
		t.Errorf("%+v, %v", c, err)
	}
	w.ok(w.TakeOver(t.Context(), w.plan, id, next))
	if c, err := CheckpointOf(t.Context(), w.Store, next, "agent"); err != nil || c == nil || *c != tree {
		t.Errorf("%+v, %v; want %+v", c, err, tree)
	}
	if _, err := w.ReadCheckpoint(t.Context(), next, "agent"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
}
