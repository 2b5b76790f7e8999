package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/origin"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/report"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// reportsDir is where run and report write a run's HTML report.
const reportsDir = ".gymline/reports"

func newReport(edge *cli.Edge) *cobra.Command {
	var profile, file string
	cmd := &cobra.Command{
		Use:   "report RUN",
		Short: "Write a run's HTML report to a file and print its path",
		Long: `Write the page that the step report made to a file, with a part that says which
run it was: when, of which experiment, by which binary, with which models and
settings, and at what cost. The artifact itself has no such part, so that it is
the same for each run that gives the same figures; 'gymline get RUN
report/report.html' prints it.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runReport(cmd.Context(), edge, profile, args[0], file)
		},
	}
	bindProfile(cmd, &profile)
	cmd.Flags().StringVar(&file, "file", "", "where to write it (default "+reportsDir+"/RUN.html)")
	return cmd
}

func runReport(ctx context.Context, edge *cli.Edge, profile, named, file string) error {
	return reading(ctx, edge, profile, func(st *store.Store) error {
		id, err := st.RunNamed(ctx, named)
		if err != nil {
			return err
		}
		if file == "" {
			file = filepath.Join(reportsDir, string(id)+".html")
		}
		if err := writeReport(ctx, st, id, file, edge.Now()); err != nil {
			return err
		}
		_, err = fmt.Fprintln(edge.Stdout, file)
		return err
	})
}

// writeReport writes the run's report to a file, with what its records say of it.
func writeReport(ctx context.Context, st *store.Store, id store.RunID, file string, now time.Time) error {
	artifacts, err := run.Output(ctx, st, id, plan.Ref{Step: plan.JobReport, Shard: 0, Output: plan.ReportOutput})
	if err != nil {
		return err
	}
	from, err := originOf(ctx, st, id, now)
	if err != nil {
		return err
	}
	return writePage(file, func(w io.Writer) error {
		r := st.Concat(ctx, artifacts)
		defer r.Close()
		page, err := io.ReadAll(r)
		if err != nil {
			return run.Damaged(id, plan.JobReport, err)
		}
		return report.WriteFor(w, page, from)
	})
}

// originOf is where a run's figures come from, with what its gate says.
func originOf(ctx context.Context, st *store.Store, id store.RunID, now time.Time) (*origin.Run, error) {
	from, err := origin.Of(ctx, st, id)
	if err != nil || from.State != store.Succeeded {
		return from, err
	}
	asked := progress.Event{Run: string(id)}
	if _, err := passGate(ctx, st, now, &asked); err != nil && asked.Gate == nil {
		asked.Gate = &progress.Gate{Sentence: err.Error()}
	}
	from.Gate = asked.Gate
	return from, nil
}

// writePage writes a page to a file: all of it, or none. It quotes traces, so it is
// its owner's alone; a page that its owner has opened to others stays so.
func writePage(file string, write func(io.Writer) error) (err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fileError(err)
	}
	mode := fs.FileMode(0o600)
	if old, err := os.Stat(file); err == nil && old.Mode().IsRegular() {
		mode = old.Mode().Perm()
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), ".report-*")
	if err != nil {
		return fileError(err)
	}
	defer func() {
		if err != nil {
			tmp.Close()
			os.Remove(tmp.Name())
		}
	}()
	if err := write(tmp); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	if err := errors.Join(tmp.Chmod(mode), tmp.Close()); err != nil {
		return fileError(err)
	}
	return fileError(os.Rename(tmp.Name(), file))
}

func fileError(err error) error {
	code := fault.Config
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		code = fault.Temporary
	}
	return fault.New(code, err, "what it shows is in the store: 'gymline report RUN --file FILE', or 'gymline stats RUN -o html --file FILE', writes it elsewhere")
}
