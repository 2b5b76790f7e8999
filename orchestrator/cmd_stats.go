package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/report"
	"github.com/gymline/gymline/internal/statistics"
	"github.com/gymline/gymline/internal/store"
)

type statsOptions struct {
	profile string
	output  string
	file    string // of the page
}

func newStats(edge *cli.Edge) *cobra.Command {
	var o statsOptions
	cmd := &cobra.Command{
		Use:   "stats RUN",
		Short: "Show what a run took and used, and what became of its rows",
		Long: `Sum up a run from its records in the store: time, calls, tokens and dollars by
step, and how rows ended. It works for a run that failed or is under way, too:
what is done counts. With -o html it writes a page with plots to a file and
prints its path.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.file != "" && o.output != "html" {
				return usage(cmd, errors.New("--file is where -o html writes the page: it needs -o html"))
			}
			return runStats(cmd.Context(), edge, args[0], o)
		},
	}
	bindProfile(cmd, &o.profile)
	bindOutput(cmd, &o.output, "table", "json", "html")
	cmd.Flags().StringVar(&o.file, "file", "", "where -o html writes the page (default "+reportsDir+"/RUN-statistics.html)")
	return cmd
}

func runStats(ctx context.Context, edge *cli.Edge, named string, o statsOptions) error {
	return reading(ctx, edge, o.profile, func(st *store.Store) error {
		id, err := st.RunNamed(ctx, named)
		if err != nil {
			return err
		}
		r, err := statistics.Collect(ctx, st, id)
		if err != nil {
			return err
		}
		switch o.output {
		case "json":
			return errors.Join(writeJSON(edge.Stdout, r), r.Damage)
		case "html":
			file := o.file
			if file == "" {
				file = filepath.Join(reportsDir, string(id)+"-statistics.html")
			}
			from, err := originOf(ctx, st, id, edge.Now())
			if err != nil {
				return err
			}
			if err := writePage(file, func(w io.Writer) error { return report.WriteStatistics(w, r, from) }); err != nil {
				return err
			}
			_, err = fmt.Fprintln(edge.Stdout, file)
			return errors.Join(err, r.Damage)
		}
		return errors.Join(cli.WriteStatistics(edge.Stdout, edge.Columns(), r), r.Damage)
	})
}
