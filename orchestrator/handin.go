package main

import (
	"context"
	"fmt"

	"github.com/gymline/gymline/internal/checkpoint"
	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// envTraining names, in the pod of a TrainJob, the training that it does.
const envTraining = "GYMLINE_TRAINING"

// runHandIn puts a checkpoint where the run's own step takes it over. It needs no
// rights but to read the run's plan, and to write below its own hand-in.
func runHandIn(ctx context.Context, edge *cli.Edge, o checkpointOptions) error {
	st, err := storeFromEnv(ctx, edge.Getenv)
	if err != nil {
		return err
	}
	params, err := run.Training(ctx, st, o.run, o.name)
	if err != nil {
		return err
	}
	in, err := st.HandIn(o.run, o.name)
	if err != nil {
		return err
	}
	root, err := o.folder()
	if err != nil {
		return err
	}
	defer root.Close()
	facts, err := checkpoint.Inspect(root.FS(), params.Base)
	if err != nil {
		return err
	}
	fsys, left, err := checkpoint.Data(root.FS())
	if err != nil {
		return err
	}
	if len(left) > 0 {
		fmt.Fprintf(edge.Stderr, "left out, since loading them runs code: %s\n", left)
	}
	tree, first, err := registry(edge, in).PutCheckpoint(ctx, store.Checkpoint{
		Run: o.run, Name: o.name, Kind: facts.Kind, Base: facts.Base, Architecture: facts.Architecture,
	}, fsys)
	if err != nil {
		return err
	}
	if first.Tree.Digest != tree.Digest {
		return o.again(edge, facts.Kind, tree.Digest, first.Tree)
	}
	return o.print(edge, facts.Kind, tree, ", handed in")
}
