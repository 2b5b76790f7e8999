package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

func newOpen(edge *cli.Edge) *cobra.Command {
	var id, digest string
	cmd := &cobra.Command{
		Use:   "open --run RUN --draft DIGEST",
		Short: "Open a run from a draft in the store (engines call this)",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runOpen(cmd.Context(), edge, store.RunID(id), store.Digest(digest))
		},
	}
	cmd.Flags().StringVar(&id, "run", "", "the run's ID")
	cmd.Flags().StringVar(&digest, "draft", "", "digest of the draft")
	return cmd
}

// runOpen opens a run, or finds it opened from the same draft.
func runOpen(ctx context.Context, edge *cli.Edge, id store.RunID, digest store.Digest) error {
	st, err := storeFromEnv(ctx, edge.Getenv)
	if err != nil {
		return err
	}
	d, err := run.ReadDraft(ctx, st, digest)
	if err != nil {
		return fmt.Errorf("run %s: %w", id, err)
	}
	return registry(edge, st).OpenAs(ctx, id, d)
}
