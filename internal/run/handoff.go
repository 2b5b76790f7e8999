package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// Training returns the parameters of a run's training.
func Training(ctx context.Context, st *store.Store, id store.RunID, name string) (plan.Train, error) {
	p, err := ReadPlan(ctx, st, id)
	if err != nil {
		return plan.Train{}, err
	}
	var names []string
	for _, s := range p.Steps {
		if s.Job != plan.JobTrain {
			continue
		}
		var params plan.Train
		if err := json.Unmarshal(s.Params, &params); err != nil {
			return params, fmt.Errorf("plan of run %s: step %s: %w", id, s.Name, err)
		}
		if params.Name == name {
			return params, nil
		}
		names = append(names, params.Name)
	}
	hint := "its experiment has no train"
	if names != nil {
		hint = "it has " + strings.Join(names, ", ")
	}
	return plan.Train{}, fault.New(fault.Usage, fmt.Errorf("run %s has no training %q", id, name), hint)
}

// CheckpointOf returns the tree of a training's checkpoint, nil when there is none
// yet: as it was put to the run, or as the step took it over from an earlier run.
func CheckpointOf(ctx context.Context, st *store.Store, id store.RunID, name string) (*store.Tree, error) {
	c, err := st.ReadCheckpoint(ctx, id, name)
	if err == nil {
		return &c.Tree, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	step := plan.TrainStep(name)
	if rec, err := Record(ctx, st, id, step, 0); err != nil || rec == nil {
		return nil, err
	}
	var out plan.Checkpoint
	if err := ReadOutput(ctx, st, id, step, plan.CheckpointOutput, &out); err != nil {
		return nil, err
	}
	return &store.Tree{Digest: out.Tree, Files: out.Files, Bytes: out.Bytes}, nil
}

// There reports whether what a hand-off waits for is there: its step's work is
// done, in this run or another, or its checkpoint was put.
func There(ctx context.Context, st *store.Store, id store.RunID, step store.StepName) (bool, error) {
	known, err := job.Known(ctx, st, job.Shard{Run: id, Step: step})
	if err != nil || known {
		return known, err
	}
	_, err = st.ReadCheckpoint(ctx, id, plan.TrainingOf(step))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// PutCheckpoint stores a trained model's folder and records it as c, once for a
// run and a training. It returns the folder's tree, and the record that holds:
// the first.
func (r Registry) PutCheckpoint(ctx context.Context, c store.Checkpoint, fsys fs.FS) (tree store.Tree, first store.Checkpoint, err error) {
	if c.Tree, err = putWhole(ctx, r.Store, fsys); err != nil {
		return c.Tree, c, err
	}
	tree, c.Put = c.Tree, r.stamp()
	err = r.Store.PutCheckpoint(ctx, c)
	if errors.Is(err, store.ErrExists) {
		c, err = r.ReadCheckpoint(ctx, c.Run, c.Name)
	}
	return tree, c, err
}

// putWhole stores a folder and looks again whether every part of it is there.
func putWhole(ctx context.Context, st *store.Store, fsys fs.FS) (store.Tree, error) {
	tree, err := st.PutTree(ctx, fsys, store.Intake{Anew: true})
	if err != nil {
		return tree, err
	}
	stored, err := st.OpenTree(ctx, tree.Digest)
	if err != nil {
		return tree, err
	}
	files := stored.Files(".")
	if stored.Bytes() != tree.Bytes || len(files) != tree.Files {
		return tree, fault.New(fault.Temporary, errors.New("the stored list of files is another one than was put"), "put it again")
	}
	return tree, store.SideBySide(ctx, len(files), func(i int) error {
		ok, err := st.HasBlob(ctx, files[i].Digest)
		if err == nil && !ok {
			err = fault.New(fault.Temporary, fmt.Errorf("%s was stored, and is not there", files[i].Path), "put it again; if it stays, look at the store's server")
		}
		return err
	})
}
