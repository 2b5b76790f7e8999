package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
)

// reportsDir is where run and report write a run's HTML report.
const reportsDir = ".gymline/reports"

func newReport(edge *cli.Edge) *cobra.Command {
	var profile, file string
	cmd := &cobra.Command{
		Use:   "report RUN",
		Short: "Write a run's HTML report to a file and print its path",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runReport(cmd.Context(), edge, profile, store.RunID(args[0]), file)
		},
	}
	bindProfile(cmd, &profile)
	cmd.Flags().StringVar(&file, "file", "", "where to write it (default "+reportsDir+"/RUN.html)")
	return cmd
}

func runReport(ctx context.Context, edge *cli.Edge, profile string, id store.RunID, file string) error {
	if file == "" {
		file = filepath.Join(reportsDir, string(id)+".html")
	}
	return reading(ctx, edge, profile, func(st *store.Store) error {
		if err := writeReport(ctx, st, id, file); err != nil {
			return err
		}
		_, err := fmt.Fprintln(edge.Stdout, file)
		return err
	})
}

// writeReport copies the run's report to a file: all of it, or none.
func writeReport(ctx context.Context, st *store.Store, id store.RunID, file string) (err error) {
	artifacts, err := findOutput(ctx, st, id, plan.Ref{Step: plan.JobReport, Shard: 0, Output: plan.ReportOutput})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fileError(err)
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
	r := st.Concat(ctx, artifacts)
	defer r.Close()
	if _, err := io.Copy(tmp, r); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	if err := errors.Join(tmp.Chmod(0o644), tmp.Close()); err != nil {
		return fileError(err)
	}
	return fileError(os.Rename(tmp.Name(), file))
}

func fileError(err error) error {
	return fault.New(fault.Temporary, err, "free space or give another --file; the report is in the store, and 'gymline report RUN' writes it again")
}

// summary prints what a finished run came to: the scores, and where to look on.
func summary(ctx context.Context, edge *cli.Edge, st *store.Store, p *plan.Plan, ended progress.Event) error {
	id := store.RunID(ended.Run)
	if p.Step(plan.JobEvaluate) != nil {
		artifacts, err := findOutput(ctx, st, id, plan.Ref{Step: plan.JobEvaluate, Shard: 0, Output: plan.MetricsOutput})
		if err != nil {
			return err
		}
		data, err := st.ReadBlob(ctx, artifacts[0].Digest)
		if err != nil {
			return err
		}
		var scores metrics.Evaluation
		if err := json.Unmarshal(data, &scores); err != nil {
			return fmt.Errorf("%s: %w", plan.MetricsOutput, err)
		}
		fmt.Fprintln(edge.Stdout)
		cli.WriteF1Table(edge.Stdout, &scores)
	}
	_, err := fmt.Fprintf(edge.Stdout, "\nrun     %s\nreport  %s\n", ended.Run, ended.Report)
	return err
}
