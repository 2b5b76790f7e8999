package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/audit/oms"
	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/trainer"
)

type fetchOptions struct {
	profile string
	run     store.RunID
	step    store.StepName
	dir     string
}

func newFetch(edge *cli.Edge) *cobra.Command {
	var o fetchOptions
	cmd := &cobra.Command{
		Use:   "fetch RUN STEP DIR",
		Short: "Write all files of a step into a folder, verified",
		Long: `Write all outputs of a step into an empty folder, under their own names and
verified against their digests; of a step with several shards, those of shard I
into DIR/I. Of a step train-NAME it writes the files of the checkpoint. An export or a
checkpoint that is signed as a model has its signature beside it, model.sig.

Without --profile the store is the one that GYMLINE_STORE_ENDPOINT and its like
name, where they are set, as in a trainer's pod.`,
		Args: cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.run, o.step, o.dir = store.RunID(args[0]), store.StepName(args[1]), args[2]
			return runFetch(cmd.Context(), edge, o)
		},
	}
	bindProfile(cmd, &o.profile)
	return cmd
}

func runFetch(ctx context.Context, edge *cli.Edge, o fetchOptions) error {
	return openedHere(ctx, edge, o.profile, readProfile, func(st *store.Store) error {
		files, err := run.Files(ctx, st, o.run, o.step)
		if err != nil {
			return err
		}
		root, err := emptyFolder(o.dir)
		if err != nil {
			return err
		}
		defer root.Close()
		for _, f := range files {
			if err := writeFile(ctx, st, root, f); err != nil {
				return run.Damaged(o.run, o.step, fmt.Errorf("write %s: %w", filepath.Join(o.dir, f.Path), err))
			}
		}
		bundle, err := oms.Last(ctx, st, o.run, o.step)
		if errors.Is(err, store.ErrDenied) { // a trainer's keys may read an export, and not who signed it
			return nil
		}
		if err != nil || bundle == nil {
			return err
		}
		return root.WriteFile(oms.FileName(files), bundle, 0o600)
	})
}

// emptyFolder opens a folder that is empty, or makes it, for its owner alone.
func emptyFolder(dir string) (*os.Root, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.New(fault.Usage, err, "give a folder that this user may write to")
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		err = fmt.Errorf("%s is not empty", dir)
	}
	if err != nil {
		return nil, fault.New(fault.Usage, err, "give a folder that is empty or not there")
	}
	return os.OpenRoot(dir)
}

// writeFile writes a blob's bytes, and takes the file away when they are not what
// they should be.
func writeFile(ctx context.Context, st *store.Store, root *os.Root, f store.TreeFile) error {
	if !fs.ValidPath(f.Path) {
		return fmt.Errorf("%q cannot name a file of a folder", f.Path)
	}
	r, err := st.OpenBlob(ctx, f.Digest)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := trainer.Create(root, f.Path)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	if err = errors.Join(err, w.Close()); err != nil {
		_ = root.Remove(filepath.FromSlash(f.Path))
	}
	return err
}
