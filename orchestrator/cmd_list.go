package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/series"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/text"
)

type listOptions struct {
	profile, output string
	since           string
	series.Query
}

func newList(edge *cli.Edge) *cobra.Command {
	var o listOptions
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List runs: how they stand, how good they were, and what they cost",
		Long: `List the runs in the store, the latest first, with the best candidate's F1 and its
interval, and what the calls cost. A column that says nothing of any run is left
out; -o json has all candidates.

A run without a seal is Running where a process was at work on it in the last
minutes, else Cut off; one of pods is Unsealed, and 'gymline status' asks the
cluster. "→ RUN" names the run that went on with what this one had done. A run
whose record or seal cannot be read is Unreadable: why is told on stderr, and
the exit code is 65.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.since != "" {
				since, err := text.Since(o.since, edge.Now())
				if err != nil {
					return usage(cmd, fmt.Errorf("--since %q: %w", o.since, err))
				}
				o.Since = since
			}
			if o.Last < 0 {
				return usage(cmd, fmt.Errorf("-n %d: want a number from 1", o.Last))
			}
			return runList(cmd.Context(), edge, o)
		},
	}
	bindProfile(cmd, &o.profile)
	bindOutput(cmd, &o.output, "table", "json")
	cmd.Flags().StringVar(&o.Experiment, "experiment", "", "only runs of the experiment `NAME`")
	states := []string{"succeeded", "failed", "interrupted", "running", "cutoff", "unsealed", "unreadable"}
	cmd.Flags().Var(&form{&o.State, states}, "state", "only runs that stand so: "+strings.Join(states, ", "))
	cmd.Flags().StringVar(&o.since, "since", "", "only runs since `TIME`: 7d, 36h, or a date")
	cmd.Flags().IntVarP(&o.Last, "last", "n", 0, "only the `N` latest")
	cmd.Flags().StringVar(&o.Tag, "tag", "", "only the run with that tag")
	return cmd
}

func runList(ctx context.Context, edge *cli.Edge, o listOptions) error {
	return reading(ctx, edge, o.profile, func(st *store.Store) error {
		nights, err := series.Find(ctx, st, o.Query, edge.Now())
		if err != nil {
			return err
		}
		slices.Reverse(nights)
		var unread error
		gone, err := withdrawn(ctx, st)
		if err != nil {
			return err
		}
		for i := range nights {
			unread = errors.Join(unread, nights[i].Unread)
			for _, w := range gone[nights[i].ID] {
				nights[i].Withdrawn = append(nights[i].Withdrawn, w.Number)
			}
		}
		if o.output == "json" {
			return errors.Join(writeJSON(edge.Stdout, map[string]any{"runs": nights}), unread)
		}
		return errors.Join(printNights(edge, nights), unread)
	})
}

// printNights prints a table of the columns that say something.
func printNights(edge *cli.Edge, nights []series.Night) error {
	header := []string{"RUN", "STATE", "AGE", "F1", "[CI]", "BEST", "COST", "AS OF", "SET", "TAGS", "NOTE", "WITHDRAWN"}
	if c := confidence(nights); c != "" {
		header[4] = c
	}
	rows := make([][]string, len(nights))
	used := slices.Repeat([]bool{false}, len(header))
	used[0], used[1], used[2] = true, true, true
	for i := range nights {
		rows[i] = cellsOf(&nights[i], edge.Now())
		for c, cell := range rows[i] {
			used[c] = used[c] || cell != ""
		}
	}
	pick := func(cells []string) (list []any) {
		for c, cell := range cells {
			if used[c] {
				list = append(list, cell)
			}
		}
		return list
	}
	tw := edge.NewTable(strings.TrimSuffix(fmt.Sprintln(strings.Join(texts(pick(header)), "\t")), "\n"))
	for _, cells := range rows {
		row(tw, pick(cells)...)
	}
	return tw.Flush()
}

func texts(cells []any) (list []string) {
	for _, c := range cells {
		list = append(list, fmt.Sprint(c))
	}
	return list
}

// confidence is the head of the intervals' column, where all have the same.
func confidence(nights []series.Night) (head string) {
	for i := range nights {
		if s := nights[i].Scores(); s != nil {
			this := fmt.Sprintf("[%.4g%% CI]", 100*s.Confidence)
			if head != "" && head != this {
				return ""
			}
			head = this
		}
	}
	return head
}

func cellsOf(n *series.Night, now time.Time) []string {
	cells := []string{string(n.ID), n.Standing, "", "", "", "", "", "", strings.Join(n.Set, " "), strings.Join(n.Tags, " "), "", ""}
	if n.ContinuedBy != "" {
		cells[1] += " → " + string(n.ContinuedBy)
	}
	if at := n.Opened(); !at.IsZero() {
		cells[2] = text.Age(now.Sub(at))
	}
	if s := n.Scores(); s != nil && len(s.Candidates) > 0 {
		best := slices.MaxFunc(s.Candidates, func(a, b run.Scored) int { return cmp.Compare(a.F1, b.F1) })
		cells[3], cells[4], cells[5] = text.Mean(best.F1, best.F1SD), text.Interval(best.F1CI), best.Name
		if best.Simulated {
			cells[5] += " *"
		}
	}
	if s := n.Summary; s != nil {
		if s.Uncounted {
			cells[6] = "?"
		} else if s.USD > 0 {
			cells[6] = text.Dollars(s.USD)
		}
		cells[7] = s.AsOf
	}
	if n.Note != nil {
		cells[10] = text.Clip(n.Note.Text, 60)
	}
	cells[11] = strings.Trim(strings.ReplaceAll(fmt.Sprint(n.Withdrawn), " ", ", "), "[]")
	return cells
}
