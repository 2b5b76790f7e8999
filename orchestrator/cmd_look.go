package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

func newLook(edge *cli.Edge) *cobra.Command {
	var id, step string
	cmd := &cobra.Command{
		Use:   "look --run RUN --step STEP",
		Short: "Print whether a hand-off's checkpoint is there or missing (engines call this)",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runLook(cmd.Context(), edge, store.RunID(id), store.StepName(step))
		},
	}
	cmd.Flags().StringVar(&id, "run", "", "the run's ID")
	cmd.Flags().StringVar(&step, "step", "", "the step's name")
	return cmd
}

// runLook prints one word: "there" when the step's work is done, in this run or
// another, or its checkpoint was put; and "missing".
func runLook(ctx context.Context, edge *cli.Edge, id store.RunID, step store.StepName) error {
	st, err := storeFromEnv(ctx, edge.Getenv)
	if err != nil {
		return err
	}
	there, err := run.There(ctx, st, id, step)
	if err != nil {
		return err
	}
	word := "missing"
	if there {
		word = "there"
	}
	_, err = fmt.Fprint(edge.Stdout, word)
	return err
}
