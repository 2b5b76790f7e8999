package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

type showOptions struct {
	profile string
	output  string
}

func newShow(edge *cli.Edge) *cobra.Command {
	var o showOptions
	cmd := &cobra.Command{
		Use:   "show RUN",
		Short: "Show a run: its steps, and every artifact with its digest",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runShow(cmd.Context(), edge, store.RunID(args[0]), o)
		},
	}
	bindProfile(cmd, &o.profile)
	bindOutput(cmd, &o.output, "table", "json")
	return cmd
}

// A shownStep is a step's shard as show prints it: its record, once it has one.
type shownStep struct {
	Step    store.StepName   `json:"step"`
	Shard   int              `json:"shard"`
	State   string           `json:"state"` // "Succeeded", "Failed", "Pending"
	WorkKey store.WorkKey    `json:"workKey,omitempty"`
	Reused  bool             `json:"reused"`
	Inputs  []store.Artifact `json:"inputs"`
	Outputs []store.Artifact `json:"outputs"`
}

func runShow(ctx context.Context, edge *cli.Edge, id store.RunID, o showOptions) error {
	if err := checkOutput(o.output, "table", "json"); err != nil {
		return err
	}
	return reading(ctx, edge, o.profile, func(st *store.Store) error {
		head, err := readHead(ctx, st, id)
		if err != nil {
			return err
		}
		steps, err := readSteps(ctx, st, head)
		if err != nil {
			return err
		}
		spent, err := spendingOf(ctx, st, head.Run)
		if err != nil {
			return err
		}
		if o.output == "json" {
			doc := map[string]any{"run": head, "steps": steps}
			if spent != nil {
				doc["spent"] = spent
			}
			return writeJSON(edge.Stdout, doc)
		}
		return printShow(edge, head, steps, spent)
	})
}

func readSteps(ctx context.Context, st *store.Store, head runHead) ([]shownStep, error) {
	p, err := readPlan(ctx, st, head.ID)
	if err != nil {
		return nil, err
	}
	steps := []shownStep{}
	for _, s := range p.Steps {
		for shard := range s.Shards {
			shown := shownStep{Step: s.Name, Shard: shard, State: "Pending", Inputs: []store.Artifact{}, Outputs: []store.Artifact{}}
			rec, err := st.ReadStep(ctx, head.ID, s.Name, shard)
			switch {
			case err == nil:
				shown.State, shown.WorkKey, shown.Reused, shown.Inputs, shown.Outputs = store.Succeeded, rec.WorkKey, rec.Reused, rec.Inputs, rec.Outputs
			case !errors.Is(err, store.ErrNotFound):
				return nil, err
			}
			for _, f := range head.Failures {
				if f.Step == s.Name && f.Shard == shard {
					shown.State = store.Failed
				}
			}
			steps = append(steps, shown)
		}
	}
	return steps, nil
}

func readPlan(ctx context.Context, st *store.Store, id store.RunID) (*plan.Plan, error) {
	raw, err := st.ReadPlan(ctx, id)
	if err != nil {
		return nil, notFound(err, fmt.Sprintf("plan of run %s", id), "see 'gymline list'")
	}
	return plan.Decode(raw)
}

func printShow(edge *cli.Edge, head runHead, steps []shownStep, spent *spending) error {
	fmt.Fprintf(edge.Stdout, "%s  %s  created %s\nexperiment %s\n", head.ID, head.State, head.Created, head.Digest)
	if spent != nil {
		fmt.Fprintf(edge.Stdout, "spent %s\n", spent)
	}
	fmt.Fprintln(edge.Stdout)
	tw := tabwriter.NewWriter(edge.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "STEP\tSTATE\tOUTPUT\tROWS\tBYTES\tDIGEST")
	for _, s := range steps {
		name, state := fmt.Sprintf("%s/%d", s.Step, s.Shard), s.State
		if s.Reused {
			state += " (reused)"
		}
		if len(s.Outputs) == 0 {
			fmt.Fprintf(tw, "%s\t%s\t\t\t\t\n", name, state)
		}
		for _, a := range s.Outputs {
			rows := ""
			if a.Rows > 0 {
				rows = fmt.Sprint(a.Rows)
			}
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%d\t%s\n", name, state, a.Name, rows, a.Bytes, short(a.Digest))
			name, state = "", ""
		}
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, f := range head.Failures {
		fmt.Fprintf(edge.Stdout, "\n%s/%d failed with exit code %d: %s\n", f.Step, f.Shard, f.ExitCode, f.Cause)
		if f.Hint != "" {
			fmt.Fprintf(edge.Stdout, "  → %s\n", f.Hint)
		}
	}
	return nil
}

// notFound tells that what was asked for is not in the store.
func notFound(err error, what, hint string) error {
	if errors.Is(err, store.ErrNotFound) {
		return fault.New(fault.Usage, fmt.Errorf("there is no %s in this store", what), hint)
	}
	return err
}
