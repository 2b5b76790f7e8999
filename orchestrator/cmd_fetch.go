package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
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
into DIR/I. Of a step train-NAME it writes the files of the checkpoint.

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

// A fetched is one file to write.
type fetched struct {
	name   string // below the folder
	digest store.Digest
}

func runFetch(ctx context.Context, edge *cli.Edge, o fetchOptions) error {
	return readingHere(ctx, edge, o.profile, func(st *store.Store) error {
		files, err := o.files(ctx, st)
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
				return fmt.Errorf("write %s: %w", filepath.Join(o.dir, f.name), err)
			}
		}
		return nil
	})
}

// files lists what a step made.
func (o fetchOptions) files(ctx context.Context, st *store.Store) (files []fetched, err error) {
	p, err := readPlan(ctx, st, o.run)
	if err != nil {
		return nil, err
	}
	step := p.Step(o.step)
	if step == nil {
		return nil, notFound(store.ErrNotFound, fmt.Sprintf("step %s of run %s", o.step, o.run), "see 'gymline show "+string(o.run)+"'")
	}
	if step.Job == plan.JobTrain {
		return o.checkpoint(ctx, st)
	}
	for shard := range step.Shards {
		rec, err := st.ReadStep(ctx, o.run, o.step, shard)
		if err != nil {
			return nil, notFound(err, fmt.Sprintf("finished %s/%d of run %s", o.step, shard, o.run), "see 'gymline show "+string(o.run)+"'")
		}
		for _, a := range rec.Outputs {
			name := a.Name
			if step.Shards > 1 {
				name = strconv.Itoa(shard) + "/" + name
			}
			files = append(files, fetched{name, a.Digest})
		}
	}
	return files, nil
}

func (o fetchOptions) checkpoint(ctx context.Context, st *store.Store) (files []fetched, err error) {
	head, err := checkpointOf(ctx, st, o.run, string(o.step[len(plan.TrainStep("")):]))
	if err != nil {
		return nil, err
	}
	if head == nil {
		return nil, notFound(store.ErrNotFound, fmt.Sprintf("checkpoint of %s of run %s", o.step, o.run), "see 'gymline show "+string(o.run)+"'")
	}
	tree, err := st.OpenTree(ctx, head.Digest)
	if err != nil {
		return nil, err
	}
	for _, f := range tree.Files(".") {
		files = append(files, fetched{f.Path, f.Digest})
	}
	return files, nil
}

// emptyFolder opens a folder that is empty, or makes it.
func emptyFolder(dir string) (*os.Root, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
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
func writeFile(ctx context.Context, st *store.Store, root *os.Root, f fetched) error {
	if !fs.ValidPath(f.name) {
		return fmt.Errorf("%q cannot name a file of a folder", f.name)
	}
	r, err := st.OpenBlob(ctx, f.digest)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := createIn(root, f.name)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	if err = errors.Join(err, w.Close()); err != nil {
		_ = root.Remove(filepath.FromSlash(f.name))
	}
	return err
}

// createIn makes a file and the folders that lead to it.
func createIn(root *os.Root, name string) (*os.File, error) {
	if err := root.MkdirAll(filepath.FromSlash(path.Dir(name)), 0o755); err != nil {
		return nil, err
	}
	return root.OpenFile(filepath.FromSlash(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
}

// fromEnv reports whether the environment names the store: a command that is told
// of no profile then runs beside a job.
func fromEnv(edge *cli.Edge, profile string) bool {
	return profile == "" && (edge.Getenv(envFolder) != "" || edge.Getenv(envEndpoint) != "")
}

// readingHere opens for reading the store of a profile or of the environment.
func readingHere(ctx context.Context, edge *cli.Edge, profile string, fn func(*store.Store) error) error {
	if !fromEnv(edge, profile) {
		return reading(ctx, edge, profile, fn)
	}
	st, err := storeFromEnv(ctx, edge.Getenv)
	if err != nil {
		return err
	}
	return fn(st)
}
