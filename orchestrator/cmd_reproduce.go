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

	"github.com/gymline/gymline/internal/audit/reproduce"
	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/engine/local"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/store/folder"
	"github.com/gymline/gymline/internal/text"
)

type reproduceOptions struct{ profile, output, into string }

func newReproduce(edge *cli.Edge) *cobra.Command {
	var o reproduceOptions
	cmd := &cobra.Command{
		Use:   "reproduce RUN",
		Short: "Do a run once more from its recordings, offline, and compare every digest",
		Long: `Do a run once more, in a store of its own that is removed afterwards: from its plan,
its inputs and the answers that were recorded. No model, no trainer and no network is
asked, and no key is read. Then every artifact is held against the run's by digest,
and of each step it is said whether it is bit-identical, identical by replay, drifted,
or not auditable, and why; a trainer's checkpoint is taken as given.

Digests are compared, and the run's own blobs are not read: 'gymline verify' reads them.

The exit code is 0 where all that the run made was made once more, and 65 where not;
docs/audit.md tells more.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runReproduce(cmd.Context(), edge, o, args[0]) },
	}
	bindProfile(cmd, &o.profile)
	bindOutput(cmd, &o.output, "table", "json")
	cmd.Flags().StringVar(&o.into, "into", "", "keep the rerun's store in `DIR`, which must not be there")
	return cmd
}

func runReproduce(ctx context.Context, edge *cli.Edge, o reproduceOptions, named string) error {
	return reading(ctx, edge, o.profile, func(st *store.Store) error {
		id, err := st.RunNamed(ctx, named)
		if err != nil {
			return err
		}
		profile, err := loadProfile(o.profile)
		if err != nil {
			return err
		}
		var result *reproduce.Result
		err = scratch(o.into, func(dir string) error {
			result, err = rerun(ctx, edge, st, id, dir, profile.Spec.Parallelism.Shards, false)
			return err
		})
		if err != nil {
			return err
		}
		if o.output == "json" {
			err = writeJSON(edge.Stdout, result)
		} else {
			err = printReproduced(edge, result)
		}
		if err == nil && !result.Reproduced {
			err = fault.New(fault.Permanent, fmt.Errorf("run %s was not reproduced", id), "")
		}
		return err
	})
}

// scratch gives fn a folder for a store, and removes it unless it is to be kept.
func scratch(into string, fn func(dir string) error) error {
	if into == "" {
		dir, err := os.MkdirTemp("", "gymline-reproduce-*")
		if err != nil {
			return fault.New(fault.Temporary, err, "set TMPDIR to a folder with space")
		}
		return errors.Join(fn(dir), os.RemoveAll(dir))
	}
	if _, err := os.Lstat(into); !errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Usage, errors.Join(err, fmt.Errorf("%s is there already", into)), "give a name that is free, or remove that folder")
	}
	dir, err := filepath.Abs(into)
	if err != nil {
		return fault.New(fault.Usage, err, "")
	}
	return fn(dir)
}

// rerun does a run once more in the store that a folder is made, or its pure steps alone.
func rerun(ctx context.Context, edge *cli.Edge, st *store.Store, id store.RunID, dir string, parallel int, pure bool) (*reproduce.Result, error) {
	bucket, err := folder.Open(dir)
	if err != nil {
		return nil, err
	}
	defer bucket.Close()
	binary, err := edge.Executable()
	if err != nil {
		return nil, fault.New(fault.Internal, fmt.Errorf("find gymline's own binary: %w", err), "")
	}
	shown := newTerminal(edge)
	defer shown.Close()
	config := local.Config{
		Binary: binary, Parallel: parallel, Grace: grace, Stderr: edge.Stderr,
		Env: func(*plan.Step) []string {
			list := []string{envFolder + "=" + dir}
			for _, name := range childEnv {
				if value := edge.Getenv(name); value != "" {
					list = append(list, name+"="+value)
				}
			}
			return list
		},
	}
	p, err := run.ReadPlan(ctx, st, id)
	if err != nil {
		return nil, err
	}
	shown.Emit(run.Opened(id, p))
	again := store.New(bucket)
	return reproduce.Rerun{
		From: st, Scratch: again, Run: id, Runs: registry(edge, again), Formats: formats, Pure: pure,
		Work: func(ctx context.Context, step *plan.Step) ([]store.Failure, error) {
			return local.Run(ctx, config, &plan.Plan{Steps: []plan.Step{alone(*step)}}, id, quiet{shown})
		},
	}.Do(ctx)
}

// alone is a step as far as what runs its shards has to know, when all before it is done.
func alone(step plan.Step) plan.Step {
	step.Inputs, step.Also, step.Each = nil, nil, slices.Clone(step.Each)
	for i := range step.Each {
		step.Each[i].Also = nil
	}
	return step
}

// quiet passes on how far shards are, and not why one failed: the verdict says so.
type quiet struct{ progress.Sink }

func (q quiet) Emit(e progress.Event) {
	if e.State != store.Failed {
		q.Sink.Emit(e)
	}
}

func printReproduced(edge *cli.Edge, r *reproduce.Result) error {
	tw := edge.NewTable("STEP\tVERDICT\tARTIFACTS\tWHY")
	for _, s := range r.Steps {
		row(tw, s.Step, s.Verdict, s.Outputs, s.Because)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for i := range r.Steps {
		for j := range r.Steps[i].Drift {
			printRows(edge, &r.Steps[i].Drift[j])
		}
	}
	word := "reproduced"
	if !r.Reproduced {
		word = "not reproduced"
	}
	_, err := fmt.Fprintf(edge.Stdout, "\n%s is %s: %s from recordings, no call made\n", r.Run, word, text.Plural(r.Replayed, "answer"))
	return err
}
