package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/checkpoint"
	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/engine/argo"
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/text"
)

type checkpointOptions struct {
	profile string
	who     whoFlags
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
putting the same again writes its files anew, putting another one is an error.

It may be put while the run waits for it. Without --profile the store is the one
that GYMLINE_STORE_ENDPOINT and its like name, where they are set, as in a
trainer's pod. In the pod of a trainJob, which GYMLINE_TRAINING tells, it is
handed in: the run's own step looks at it again, and records it.

` + fault.Help(),
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.ExactArgs(3)(cmd, args); err != nil {
				return usage(cmd, err)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.run, o.name, o.dir = store.RunID(args[0]), args[1], args[2]
			if o.profile == "" && edge.Getenv(envTraining) == o.name {
				return runHandIn(cmd.Context(), edge, o)
			}
			if err := runCheckpointPut(cmd.Context(), edge, o); err != nil {
				return err
			}
			return o.wake(cmd.Context(), edge)
		},
	}
	bindProfile(cmd, &o.profile)
	o.who.bind(cmd)
	return cmd
}

func runCheckpointPut(ctx context.Context, edge *cli.Edge, o checkpointOptions) error {
	var params plan.Train
	var taken *store.Tree // what the run has already
	err := openedHere(ctx, edge, o.profile, readProfile, func(st *store.Store) (err error) {
		if params, err = run.Training(ctx, st, o.run, o.name); err != nil {
			return err
		}
		taken, err = run.CheckpointOf(ctx, st, o.run, o.name)
		return err
	})
	if err != nil {
		return err
	}
	facts, fsys, root, err := o.inspect(edge, params.Base)
	if err != nil {
		return err
	}
	defer root.Close()
	if taken != nil {
		tree, err := store.Intake{}.Digest(ctx, fsys)
		if err != nil {
			return err
		}
		if tree.Digest() != taken.Digest {
			return o.again(edge, facts.Kind, tree.Digest(), *taken)
		}
		// Its files are written anew: the stored ones may be damaged.
		return openedHere(ctx, edge, o.profile, openProfile, func(st *store.Store) error {
			if _, err := st.PutTree(ctx, fsys, store.Intake{Anew: true}); err != nil {
				return err
			}
			return o.again(edge, facts.Kind, taken.Digest, *taken)
		})
	}
	return openedHere(ctx, edge, o.profile, openProfile, func(st *store.Store) error {
		runs := registry(edge, st)
		o.who.sign(edge, &runs)
		tree, first, err := runs.PutCheckpoint(ctx, store.Checkpoint{
			Run: o.run, Name: o.name, Kind: facts.Kind, Base: facts.Base, Architecture: facts.Architecture,
		}, fsys)
		if err != nil {
			return err
		}
		if first.Tree.Digest != tree.Digest { // put at the same moment
			return o.again(edge, facts.Kind, tree.Digest, first.Tree)
		}
		if err := runs.Act(ctx, o.run, store.Put, plan.TrainStep(o.name)); err != nil {
			return fmt.Errorf("the checkpoint is put, and who put it could not be recorded: %w", err)
		}
		if err := worker(edge, st).FinishTraining(ctx, o.run, o.name); err != nil {
			return fmt.Errorf("the checkpoint is put, but its step could not be finished: %w", err)
		}
		return o.print(edge, facts.Kind, tree, "")
	})
}

// inspect checks the model's folder, and gives what of it is kept, within the folder, which is to
// be closed.
func (o checkpointOptions) inspect(edge *cli.Edge, base string) (facts checkpoint.Facts, fsys fs.FS, root *os.Root, err error) {
	root, err = o.folder()
	if err != nil {
		return facts, nil, nil, err
	}
	var left checkpoint.LeftOut
	if facts, err = checkpoint.Inspect(root.FS(), base); err == nil {
		fsys, left, err = checkpoint.Data(root.FS())
	}
	if err != nil {
		return facts, nil, nil, errors.Join(err, root.Close())
	}
	if len(left) > 0 {
		fmt.Fprintf(edge.Stderr, "left out, since loading them runs code: %s\n", left)
	}
	return facts, fsys, root, nil
}

// folder opens the model's folder, so that what is checked is what is stored. A link
// is not followed: a trainer may have put it in the folder's place.
func (o checkpointOptions) folder() (*os.Root, error) {
	const fix = "give the folder that the trainer saved the model into"
	info, err := os.Lstat(filepath.Clean(o.dir))
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		to, _ := os.Readlink(filepath.Clean(o.dir)) // told where it can be
		return nil, fault.New(fault.Usage, fmt.Errorf("%s is a link, to %s", o.dir, to), fix+" itself")
	}
	if err != nil || !info.IsDir() {
		return nil, fault.New(fault.Usage, errors.Join(fmt.Errorf("%s is not a folder", o.dir), err), fix)
	}
	root, err := os.OpenRoot(o.dir)
	if err != nil {
		return nil, fault.New(fault.Usage, err, "give a folder that this user may read")
	}
	if opened, err := root.Stat("."); err != nil || !os.SameFile(info, opened) {
		return nil, fault.New(fault.Temporary, errors.Join(fmt.Errorf("%s was replaced while it was opened", o.dir), err, root.Close()), "put it again once the trainer has ended")
	}
	return root, nil
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
