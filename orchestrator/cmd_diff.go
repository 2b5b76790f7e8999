package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/audit/diff"
	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/report"
	"github.com/gymline/gymline/internal/store"
)

type diffOptions struct {
	diff.Options
	profile, output, file string
	step                  string
}

func newDiff(edge *cli.Edge) *cobra.Command {
	var o diffOptions
	cmd := &cobra.Command{
		Use:   "diff RUN RUN",
		Short: "Say what differs between two runs: where they part, and why, down to the row",
		Long: `Compare two runs of a store, the earlier first: the earliest step at which they
part and which part of its work key is another; then experiment, prompts, models,
inputs and code; then every artifact, by its rows' own names, the proposals and
verdicts that are others, and scores with a paired test on the events that both have.

With -o html it writes a page to a file and prints its path. It reads the store alone,
and asks no model. The exit code is 0 where the runs are
equal and 1 where they are not; docs/audit.md tells more.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.Rows < 0 {
				return usage(cmd, fmt.Errorf("--rows %d: want a number from 0", o.Rows))
			}
			if o.file != "" && o.output != "html" {
				return usage(cmd, errors.New("--file is where -o html writes the page: it needs -o html"))
			}
			o.Step = store.StepName(o.step)
			return runDiff(cmd.Context(), edge, o, args[0], args[1])
		},
	}
	bindProfile(cmd, &o.profile)
	bindOutput(cmd, &o.output, "text", "json", "html")
	cmd.Flags().StringVar(&o.file, "file", "", "where -o html writes the page (default "+reportsDir+"/RUN-RUN-diff.html)")
	cmd.Flags().StringVar(&o.step, "step", "", "only the step `NAME`")
	cmd.Flags().IntVar(&o.Rows, "rows", 3, "show the first `N` rows, proposals and verdicts of each kind; all are counted")
	cmd.Flags().BoolVar(&o.All, "all", false, "list what is equal, too")
	return cmd
}

func runDiff(ctx context.Context, edge *cli.Edge, o diffOptions, a, b string) error {
	return reading(ctx, edge, o.profile, func(st *store.Store) error {
		was, err := st.RunNamed(ctx, a)
		if err != nil {
			return err
		}
		is, err := st.RunNamed(ctx, b)
		if err != nil {
			return err
		}
		d, err := diff.Of(ctx, diff.Side{Store: st, Run: was}, diff.Side{Store: st, Run: is}, o.Options)
		if err != nil {
			return err
		}
		switch o.output {
		case "json":
			err = writeJSON(edge.Stdout, d)
		case "html":
			err = writeDiff(edge, o.file, d)
		default:
			err = printDiff(edge, d)
		}
		if err == nil && !d.Equal {
			err = cli.Shown(fault.New(fault.Different, errors.New("the runs are different"), ""))
		}
		return err
	})
}

// writeDiff writes the page and prints where it is.
func writeDiff(edge *cli.Edge, file string, d *diff.Diff) error {
	if file == "" {
		file = filepath.Join(reportsDir, fmt.Sprintf("%s-%s-diff.html", d.A.Run, d.B.Run))
	}
	if err := writePage(file, func(w io.Writer) error { return report.WriteDiff(w, d) }); err != nil {
		return err
	}
	_, err := fmt.Fprintln(edge.Stdout, file)
	return err
}
