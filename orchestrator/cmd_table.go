package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/flat"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/text"
	"github.com/gymline/gymline/internal/trace"
)

func newTable(edge *cli.Edge) *cobra.Command {
	var profile, output string
	cmd := &cobra.Command{
		Use:   "table RUN turns|events|verdicts|calls",
		Short: "Write a run's turns, scored events, verdicts or calls as one flat table",
		Long: `Write a flat table of a run, one row a line, with typed columns: the turns of the
gym's sessions, the benchmark's events as each candidate answered them, each single
verdict of both, or each call to a model. docs/tables.md has the columns; CSV, JSON
lines and Parquet have the same.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(flat.Kinds(), args[1]) {
				return usage(cmd, fmt.Errorf("%q: want %s", args[1], strings.Join(flat.Kinds(), ", ")))
			}
			if output == "parquet" && edge.Shown {
				return usage(cmd, errors.New("a Parquet file is not for a terminal: send it to a file, as in '> turns.parquet'"))
			}
			return reading(cmd.Context(), edge, profile, func(st *store.Store) error {
				id, err := st.RunNamed(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return flat.Write(cmd.Context(), edge.Data(), st, id, args[1], output)
			})
		},
	}
	bindProfile(cmd, &profile)
	bindOutput(cmd, &output, "csv", "jsonl", "parquet")
	return cmd
}

type sessionsOptions struct {
	profile, output string
	domain, scene   string
	rejected        bool
}

func newSessions(edge *cli.Edge) *cobra.Command {
	var o sessionsOptions
	cmd := &cobra.Command{
		Use:   "sessions RUN",
		Short: "Read a run's sessions in the gym: what happened, what was offered, and what became of it",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runSessions(cmd.Context(), edge, o, args[0])
		},
	}
	bindProfile(cmd, &o.profile)
	bindOutput(cmd, &o.output, "text", "jsonl")
	cmd.Flags().StringVar(&o.domain, "domain", "", "only sessions of that `DOMAIN`")
	cmd.Flags().StringVar(&o.scene, "scene", "", "only sessions in that `SCENE`, such as scene-00003")
	cmd.Flags().BoolVar(&o.rejected, "rejected", false, "only turns whose offer was rejected, and sessions that have one")
	return cmd
}

func runSessions(ctx context.Context, edge *cli.Edge, o sessionsOptions, named string) error {
	return reading(ctx, edge, o.profile, func(st *store.Store) error {
		id, err := st.RunNamed(ctx, named)
		if err != nil {
			return err
		}
		scenes, err := flat.Scenes(ctx, st, id)
		if err != nil {
			return err
		}
		return flat.Sessions(ctx, st, id, func(e *trace.Episode) error {
			turns := o.turns(e)
			if len(turns) == 0 || o.domain != "" && e.Domain != o.domain || o.scene != "" && e.Scene != o.scene {
				return nil
			}
			if o.output == "jsonl" {
				return writeJSON(edge.Stdout, e)
			}
			return printSession(edge.Stdout, e, scenes[e.Scene], turns)
		})
	})
}

// turns are the numbers of those that are shown of a session.
func (o *sessionsOptions) turns(e *trace.Episode) (list []int) {
	for i, t := range e.Turns {
		if !o.rejected || len(t.Proposals) > 0 && t.Judgement != nil && !t.Judgement.Accepted {
			list = append(list, i)
		}
	}
	return list
}

// printSession shows a session, with its turns of those numbers.
func printSession(w io.Writer, e *trace.Episode, scene trace.Scene, turns []int) error {
	var b strings.Builder
	line := func(indent, format string, args ...any) {
		b.WriteString(indent + text.Line(fmt.Sprintf(format, args...)) + "\n")
	}
	line("", "%s  %s, %s, ended by %s", e.ID, e.Domain, text.Plural(len(e.Turns), "turn"), e.End)
	if scene.User.Goal != "" {
		line("  ", "goal: %s", scene.User.Goal)
	}
	for _, i := range turns {
		t := &e.Turns[i]
		line("  ", "%d  %s  %s", i, t.Event.Time, t.Event.Text)
		for k, p := range t.Proposals {
			line("     ", "offered: %s%s", p, ruled(t, k))
		}
		if j := t.Judgement; j != nil {
			if len(t.Proposals) == 0 {
				line("     ", "silent: %s", map[bool]string{true: "rightly", false: "help was missed"}[j.Accepted])
			}
			if j.Reason != "" {
				line("     ", "because: %s", j.Reason)
			}
		}
		if t.Excluded != "" {
			line("     ", "not used: %s", t.Excluded)
		}
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// ruled is what became of an offer.
func ruled(t *trace.Turn, k int) string {
	switch j := t.Judgement; {
	case j == nil:
		return ""
	case j.Task != nil && k > *j.Task:
		return " (not asked)"
	case j.Accepted && (j.Task == nil || *j.Task == k):
		return " → accepted"
	}
	return " → rejected"
}
