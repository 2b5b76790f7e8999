package main

import (
	"bufio"
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/audit/exchange"
	"github.com/gymline/gymline/internal/audit/lineage"
	"github.com/gymline/gymline/internal/calls"
	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/store"
)

func newLineage(edge *cli.Edge) *cobra.Command {
	var profile, output string
	var opt lineage.Options
	cmd := &cobra.Command{
		Use:   "lineage RUN [WHAT]",
		Short: "Show what a row, checkpoint or score was made of, and what came of it",
		Long: `Lead from a trained row back to its verdict, turn, calls to models, session, scene,
seed and line of an input, and forward to the checkpoints and scores that came of it.
WHAT is one of

  agent/scene-00003/2/4            a row of the export, as finetune-export/rows.jsonl names it
  FILE#12 below finetune-export/   a line of a training file, such as
                                   finetune-export/trl/qwen2.5/agent_train.jsonl#12
  scene-00003/2/4                  a turn of the gym; scene-00003/2 a session, scene-00003 a scene
  CANDIDATE/TRACE/EVENT            a candidate's answer, such as ours/coding_1/3
  evaluate/metrics.json#CANDIDATE  a candidate's score
  checkpoint/NAME                  what a training brought back
  INPUT/PATH#LINE                  a line of an input; INPUT/PATH is all of the file
  STEP/SHARD/OUTPUT                an output, by what its step read and who read it

Without --up or --down both are shown. Of a whole run, without WHAT, -o openlineage
writes events of OpenLineage, and -o rocrate the metadata of a Workflow Run RO-Crate.
It reads the store and asks no model; docs/audit.md has more.`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			whole := output == "openlineage" || output == "rocrate"
			if whole != (len(args) == 1) || whole && (opt.Up || opt.Down) {
				return usage(cmd, errors.New("lineage of what? Name a row, checkpoint, score, input or output, or take the whole run with -o openlineage or rocrate alone"))
			}
			if !opt.Up && !opt.Down {
				opt.Up, opt.Down = true, true
			}
			return reading(cmd.Context(), edge, profile, func(st *store.Store) error {
				id, err := st.RunNamed(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if whole {
					return showExchange(cmd.Context(), edge, st, id, output)
				}
				opt.Calls = &calls.Options{Again: again(edge, st), Formats: formats}
				return showLineage(cmd.Context(), edge, st, id, args[1], output, opt)
			})
		},
	}
	bindProfile(cmd, &profile)
	bindOutput(cmd, &output, "text", "json", "dot", "openlineage", "rocrate")
	cmd.Flags().BoolVar(&opt.Up, "up", false, "only what it was made of")
	cmd.Flags().BoolVar(&opt.Down, "down", false, "only what was made of it")
	return cmd
}

func showLineage(ctx context.Context, edge *cli.Edge, st *store.Store, id store.RunID, what, output string, opt lineage.Options) error {
	v, err := lineage.Open(ctx, st, id)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(edge.Stdout)
	emit, end := lineage.Lines(w), func() error { return nil }
	switch output {
	case "text":
		s := lineage.NewPrinter(w, textWidth(edge), id)
		emit, end = s.Link, s.End
	case "dot":
		s := lineage.NewDot(w)
		emit, end = s.Link, s.End
	}
	if err := v.Walk(ctx, what, opt, emit); err != nil {
		return err
	}
	if err := end(); err != nil {
		return err
	}
	return w.Flush()
}

// showExchange tells of a whole run in the words of others.
func showExchange(ctx context.Context, edge *cli.Edge, st *store.Store, id store.RunID, output string) error {
	r, err := exchange.Open(ctx, st, id)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(edge.Stdout)
	write := r.OpenLineage
	if output == "rocrate" {
		write = r.RoCrate
	}
	if err := write(w); err != nil {
		return err
	}
	return w.Flush()
}
