package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

func newList(edge *cli.Edge) *cobra.Command {
	var profile, output string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the runs in the store",
		Long: `List the runs in the store. A run without a seal is under way or was cut off: its
state is Unsealed. One whose record or seal cannot be read is Unreadable: why is told
on stderr, and the exit code is 65.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runList(cmd.Context(), edge, profile, output) },
	}
	bindProfile(cmd, &profile)
	bindOutput(cmd, &output, "table", "json")
	return cmd
}

func runList(ctx context.Context, edge *cli.Edge, profile, output string) error {
	return reading(ctx, edge, profile, func(st *store.Store) error {
		heads, err := run.Heads(ctx, st)
		if err != nil {
			return err
		}
		var unread error
		for _, h := range heads {
			unread = errors.Join(unread, h.Unread)
		}
		if output == "json" {
			return errors.Join(writeJSON(edge.Stdout, map[string]any{"runs": heads}), unread)
		}
		tw := table(edge.Stdout, "RUN\tSTATE\tCREATED\tEXPERIMENT DIGEST")
		for _, h := range heads {
			row(tw, h.ID, h.State, h.Created, h.Digest.Short())
		}
		return errors.Join(tw.Flush(), unread)
	})
}
