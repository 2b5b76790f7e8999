package main

import (
	"context"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// envTraining names, in the pod of a TrainJob, the training that it does.
const envTraining = "GYMLINE_TRAINING"

// runHandIn puts a checkpoint where the run's own step takes it over. It needs no
// rights but to read the run's plan, and to write below its own hand-in.
func runHandIn(ctx context.Context, edge *cli.Edge, o checkpointOptions) error {
	st, err := storeFromEnv(ctx, edge.Getenv, edge.Now)
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
	facts, fsys, root, err := o.inspect(edge, params.Base)
	if err != nil {
		return err
	}
	defer root.Close()
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
