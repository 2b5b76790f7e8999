package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/store"
)

type sealOptions struct {
	run    string
	draft  string
	status string
}

func newSeal(edge *cli.Edge) *cobra.Command {
	var o sealOptions
	cmd := &cobra.Command{
		Use:   "seal --run RUN --draft DIGEST --status STATUS",
		Short: "Seal a run that a workflow has ended (engines call this)",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return runSeal(cmd.Context(), edge, o) },
	}
	cmd.Flags().StringVar(&o.run, "run", "", "the run's ID")
	cmd.Flags().StringVar(&o.draft, "draft", "", "digest of the draft that it was opened from")
	cmd.Flags().StringVar(&o.status, "status", "", "how the workflow ended: Succeeded, Failed or Error")
	return cmd
}

func runSeal(ctx context.Context, edge *cli.Edge, o sealOptions) error {
	st, err := storeFromEnv(ctx, edge.Getenv)
	if err != nil {
		return err
	}
	return registry(edge, st).SealOf(ctx, store.RunID(o.run), store.Digest(o.draft), o.status == store.Succeeded)
}
