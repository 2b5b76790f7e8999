package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/checkpoint"
	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/engine/argo"
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/text"
)

type checkpointOptions struct {
	profile string
	run     store.RunID
	name    string // of the training
	dir     string
}

func newCheckpoint(edge *cli.Edge) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "checkpoint",
		Short: "Hand a trained model back to the run that waits for it",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newCheckpointPut(edge))
	return cmd
}

func newCheckpointPut(edge *cli.Edge) *cobra.Command {
	var o checkpointOptions
	cmd := &cobra.Command{
		Use:   "put RUN NAME DIR",
		Short: "Check a trained model, store it, and tell the run",
		Long: `Check the folder of a trained model, full or adapter, store it, and record it as
the checkpoint of the training NAME of a run. A run takes one for each training:
putting the same again is no error, putting another one is.

It may be put while the run waits for it. Without --profile the store is the one
that GYMLINE_STORE_ENDPOINT and its like name, where they are set, as in a
trainer's pod.

` + exitCodes,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.ExactArgs(3)(cmd, args); err != nil {
				return usage(cmd, err)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.run, o.name, o.dir = store.RunID(args[0]), args[1], args[2]
			if err := runCheckpointPut(cmd.Context(), edge, o); err != nil {
				return err
			}
			return o.wake(cmd.Context(), edge)
		},
	}
	bindProfile(cmd, &o.profile)
	return cmd
}

func runCheckpointPut(ctx context.Context, edge *cli.Edge, o checkpointOptions) error {
	var params plan.Train
	var taken *store.Tree // what the run has already
	err := readingHere(ctx, edge, o.profile, func(st *store.Store) (err error) {
		if params, err = training(ctx, st, o.run, o.name); err != nil {
			return err
		}
		taken, err = checkpointOf(ctx, st, o.run, o.name)
		return err
	})
	if err != nil {
		return err
	}
	if info, err := os.Stat(o.dir); err != nil || !info.IsDir() {
		return fault.New(fault.Usage, errors.Join(fmt.Errorf("%s is not a folder", o.dir), err), "give the folder that the trainer saved the model into")
	}
	fsys := os.DirFS(o.dir)
	facts, err := checkpoint.Inspect(fsys, params.Base)
	if err != nil {
		return err
	}
	if taken != nil {
		tree, err := store.Intake{}.Digest(ctx, fsys)
		if err != nil {
			return err
		}
		return o.again(edge, facts.Kind, tree.Digest(), *taken)
	}
	return o.writing(ctx, edge, func(st *store.Store) error {
		tree, err := putWhole(ctx, st, fsys)
		if err != nil {
			return err
		}
		err = st.PutCheckpoint(ctx, store.Checkpoint{
			Run: o.run, Name: o.name, Tree: tree, Kind: facts.Kind, Base: facts.Base, Architecture: facts.Architecture, Put: store.Stamp(edge.Now()),
		})
		if errors.Is(err, store.ErrExists) { // put at the same moment
			first, err := st.ReadCheckpoint(ctx, o.run, o.name)
			if err != nil {
				return err
			}
			return o.again(edge, facts.Kind, tree.Digest, first.Tree)
		}
		if err != nil {
			return err
		}
		if err := finish(ctx, edge, st, o.run, o.name); err != nil {
			return fmt.Errorf("the checkpoint is put, but its step could not be finished: %w", err)
		}
		return o.print(edge, facts.Kind, tree, "")
	})
}

// wake sets a run going again that is suspended until its checkpoint is there.
func (o checkpointOptions) wake(ctx context.Context, edge *cli.Edge) error {
	if o.profile == "" {
		return nil
	}
	p, err := loadProfile(o.profile)
	if err != nil || p.Spec.Engine != experiment.EngineArgo || p.Spec.Argo.HandOff != "suspend" {
		return err
	}
	client, err := argo.Connect(p.Spec.Argo.Namespace, p.Spec.Argo.Context)
	if err != nil {
		return err
	}
	state, err := client.State(ctx, o.run)
	if errors.Is(err, argo.ErrNoWorkflow) {
		return nil
	}
	if err != nil {
		return err
	}
	if state.Unread != "" {
		return fault.New(fault.Config, fmt.Errorf("the checkpoint is put, but whether the run waits for it is not known: %s", state.Unread), fmt.Sprintf("'argo resume %s' sets it going", state.Workflow))
	}
	step := plan.TrainStep(o.name)
	if !slices.Contains(state.Suspended, string(step)) {
		if !argo.Ended(state.Phase) {
			fmt.Fprintf(edge.Stderr, "run %s is not suspended at %s yet: 'gymline resume %s%s' once it is\n", o.run, step, o.run, profileFlag(o.profile))
		}
		return nil
	}
	if _, err := client.Resume(ctx, o.run, step, edge.Now); err != nil {
		return fmt.Errorf("the checkpoint is put, but the run is still suspended: %w", err)
	}
	_, err = fmt.Fprintf(edge.Stdout, "run %s goes on: %s\n", o.run, step)
	return err
}

// training returns the parameters of a run's training.
func training(ctx context.Context, st *store.Store, id store.RunID, name string) (plan.Train, error) {
	p, err := readPlan(ctx, st, id)
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

// checkpointOf returns the tree of a training's checkpoint, nil when there is none
// yet: as it was put to the run, or as the step took it over from an earlier run.
func checkpointOf(ctx context.Context, st *store.Store, id store.RunID, name string) (*store.Tree, error) {
	c, err := st.ReadCheckpoint(ctx, id, name)
	if err == nil {
		return &c.Tree, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	rec, err := st.ReadStep(ctx, id, plan.TrainStep(name), 0)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out plan.Checkpoint
	if err := readOutput(ctx, st, id, plan.Ref{Step: rec.Step, Output: plan.CheckpointOutput}, &out); err != nil {
		return nil, err
	}
	return &store.Tree{Digest: out.Tree, Files: out.Files, Bytes: out.Bytes}, nil
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
	if stored.Bytes() != tree.Bytes || len(stored.Files(".")) != tree.Files {
		return tree, fault.New(fault.Temporary, errors.New("the stored list of files is another one than was put"), "put it again")
	}
	for _, f := range stored.Files(".") {
		ok, err := st.HasBlob(ctx, f.Digest)
		if err != nil {
			return tree, err
		}
		if !ok {
			return tree, fault.New(fault.Temporary, fmt.Errorf("%s was stored, and is not there", f.Path), "put it again; if it stays, look at the store's server")
		}
	}
	return tree, nil
}

// again tells of a checkpoint that was there before.
func (o checkpointOptions) again(edge *cli.Edge, kind string, got store.Digest, first store.Tree) error {
	if got != first.Digest {
		return fault.New(fault.Permanent, fmt.Errorf("run %s has another checkpoint %s already: tree %s, and %s is %s", o.run, o.name, first.Digest, o.dir, got),
			"a run keeps its first checkpoint: start another run and put this one there")
	}
	return o.print(edge, kind, first, " (already there)")
}

func (o checkpointOptions) print(edge *cli.Edge, kind string, tree store.Tree, note string) error {
	_, err := fmt.Fprintf(edge.Stdout, "checkpoint %s of %s: %s, %s, %s, tree %s%s\n",
		o.name, o.run, kind, text.Plural(tree.Files, "file"), text.Bytes(tree.Bytes), tree.Digest, note)
	return err
}

// writing opens the store for writing.
func (o checkpointOptions) writing(ctx context.Context, edge *cli.Edge, fn func(*store.Store) error) error {
	if fromEnv(edge, o.profile) {
		st, err := storeFromEnv(ctx, edge.Getenv)
		if err != nil {
			return err
		}
		return fn(st)
	}
	p, err := loadProfile(o.profile)
	if err != nil {
		return err
	}
	st, err := openProfile(ctx, edge, p)
	if err != nil {
		return err
	}
	return errors.Join(fn(st.Store), st.close())
}

// finish does the step that waits, so that it is done whether or not the run
// still is: the next run of the same experiment finds it by its work key.
func finish(ctx context.Context, edge *cli.Edge, st *store.Store, id store.RunID, name string) error {
	_, err := job.Run(ctx, job.Env{
		Store: st, Models: noModels{}, Log: edge.Logger(), Events: progress.NewJSON(io.Discard), Now: edge.Now, InFlight: 1,
	}, jobs, job.Shard{Run: id, Step: plan.TrainStep(name)})
	if errors.Is(err, store.ErrNotFound) {
		return nil // the export is not there yet: the step will find the checkpoint
	}
	return err
}

// noModels are the models of a step that asks none.
type noModels struct{}

func (noModels) Flush(context.Context) error { return nil }

func (noModels) Open(_ context.Context, m llm.Model) (llm.Chatter, error) {
	return nil, fmt.Errorf("the model %s is not called here", m.Name)
}
