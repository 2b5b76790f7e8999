package train

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// handIn hands a folder in as a trainer may that writes no record, whatever the
// command that it should use for that would say to it.
func (w *world) handIn(run store.RunID, made fstest.MapFS) store.Tree {
	w.t.Helper()
	in, err := w.store.HandIn(run, "tuned")
	must(w.t, err)
	tree, err := in.PutTree(w.t.Context(), made, store.Intake{Anew: true})
	must(w.t, err)
	must(w.t, in.PutCheckpoint(w.t.Context(), store.Checkpoint{Run: run, Name: "tuned", Tree: tree, Kind: "full", Base: "lies"}))
	return tree
}

// What a trainer hands in is looked at, and recorded by the step as if it had put it.
func TestHandIn(t *testing.T) {
	w := newWorld(t, plan.TrainTrainJob)
	w.open("test-1")
	made := adapter()
	made["hook.py"] = &fstest.MapFile{Data: []byte("import os")}
	w.wake = func() {
		if len(w.looks) == 3 {
			w.handIn("test-1", made)
		}
	}
	rec, err := w.do(t.Context(), "test-1")
	must(t, err)
	c := w.output(rec)
	if c.Kind != "lora" || c.Base != base || c.Files != 2 || len(w.looks) != 3 {
		t.Errorf("%+v after %v", c, w.looks)
	}
	tree, err := w.store.OpenTree(t.Context(), c.Tree)
	must(t, err)
	for name, want := range adapter() {
		if data, err := tree.ReadFile(t.Context(), name); err != nil || string(data) != string(want.Data) {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
	if put, err := w.store.ReadCheckpoint(t.Context(), "test-1", "tuned"); err != nil || put.Tree.Digest != c.Tree || put.Kind != "lora" {
		t.Errorf("%+v, %v", put, err)
	}
}

// What is put by hand goes before what is handed in, and an external hand-off knows
// no other.
func TestAPutGoesBeforeAHandIn(t *testing.T) {
	w := newWorld(t, plan.TrainTrainJob)
	w.open("test-1")
	w.put("test-1", came)
	w.handIn("test-1", adapter())
	rec, err := w.do(t.Context(), "test-1")
	must(t, err)
	if w.output(rec).Tree != came.Tree.Digest {
		t.Error("what was handed in was taken")
	}
	w = newWorld(t, plan.TrainExternal)
	w.open("test-1")
	w.handIn("test-1", adapter())
	if _, err := w.do(t.Context(), "test-1"); fault.Code(err) != fault.Permanent || !strings.Contains(err.Error(), "did not come before its deadline") {
		t.Error(err)
	}
}

// A hand-in that is no checkpoint, or not whole, ends the wait for good.
func TestABadHandIn(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(w *world, made fstest.MapFS)
		want  string
	}{
		"code": {func(_ *world, made fstest.MapFS) {
			made["config.json"] = &fstest.MapFile{Data: []byte(`{"auto_map":{"AutoModel":"hook.Model"}}`)}
		}, "auto_map"},
		"cut": {func(_ *world, made fstest.MapFS) {
			made["adapter_model.safetensors"].Data = made["adapter_model.safetensors"].Data[:60]
		}, "it is cut short"},
		"base": {func(w *world, _ fstest.MapFS) { w.params.Base = "meta/llama" }, `"meta/llama"`},
	} {
		w, made := newWorld(t, plan.TrainTrainJob), adapter()
		c.spoil(w, made)
		w.open("test-1")
		w.handIn("test-1", made)
		_, err := w.do(t.Context(), "test-1")
		if fault.Code(err) != fault.Permanent || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "handed something in, but") || fault.Hint(err) == "" {
			t.Errorf("%s: %v (%s)", name, err, fault.Hint(err))
		}
		if _, err := w.store.ReadCheckpoint(t.Context(), "test-1", "tuned"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: it was recorded: %v", name, err)
		}
	}
	w := newWorld(t, plan.TrainTrainJob)
	w.open("test-1")
	in, err := w.store.HandIn("test-1", "tuned")
	must(t, err)
	list, err := in.PutBlob(t.Context(), []byte(`[{"path":"../../blobs","digest":"`+string(store.DigestOf(nil))+`","bytes":0}]`))
	must(t, err)
	must(t, in.PutCheckpoint(t.Context(), store.Checkpoint{Run: "test-1", Name: "tuned", Tree: store.Tree{Digest: list}}))
	if _, err := w.do(t.Context(), "test-1"); fault.Code(err) != fault.Permanent || !strings.Contains(err.Error(), "../../blobs") || w.now != start.Add(0*time.Second) {
		t.Errorf("%v at %v", err, w.now)
	}
}
