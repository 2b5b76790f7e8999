package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// These commands are for the pods of a workflow that do no shard: the one that
// opens the run, those that look for a checkpoint, and the one that seals the run.

func newOpen(edge *cli.Edge) *cobra.Command {
	var id, digest, asOf string
	cmd := &cobra.Command{
		Use:   "open --run RUN --draft DIGEST",
		Short: "Open a run from a draft in the store (engines call this)",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			st, err := storeFromEnv(cmd.Context(), edge.Getenv, edge.Now)
			if err != nil {
				return err
			}
			d, err := draftAsOf(cmd.Context(), st, digest, asOf)
			if err != nil {
				return fmt.Errorf("run %s: %w", id, err)
			}
			if err := registry(edge, st).OpenAs(cmd.Context(), store.RunID(id), d); err != nil {
				return err
			}
			return signable(cmd.Context(), edge, st, store.RunID(id), d)
		},
	}
	cmd.Flags().StringVar(&id, "run", "", "the run's ID")
	cmd.Flags().StringVar(&digest, "draft", "", "digest of the draft")
	cmd.Flags().StringVar(&asOf, "as-of", "", "the occasion, of a draft that asks anew")
	return cmd
}

// draftAsOf reads a draft; occasion is "" of one that asks nobody anew.
func draftAsOf(ctx context.Context, st *store.Store, digest, occasion string) (run.Draft, error) {
	d, err := run.ReadDraft(ctx, st, store.Digest(digest))
	if err != nil || occasion == "" {
		return d, err
	}
	return d.AsOf(occasion)
}

func newLook(edge *cli.Edge) *cobra.Command {
	var id, step string
	cmd := &cobra.Command{
		Use:   "look --run RUN --step STEP",
		Short: "Print whether a hand-off's checkpoint is there or missing (engines call this)",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			st, err := storeFromEnv(cmd.Context(), edge.Getenv, edge.Now)
			if err != nil {
				return err
			}
			there, err := run.There(cmd.Context(), st, store.RunID(id), store.StepName(step))
			if err != nil {
				return err
			}
			word := "there"
			if !there {
				word = "missing"
				tellWaiting(cmd.Context(), edge, st, store.RunID(id), store.StepName(step))
			}
			_, err = fmt.Fprint(edge.Stdout, word)
			return err
		},
	}
	cmd.Flags().StringVar(&id, "run", "", "the run's ID")
	cmd.Flags().StringVar(&step, "step", "", "the step's name")
	return cmd
}

func newSeal(edge *cli.Edge) *cobra.Command {
	var id, draft, status, asOf string
	cmd := &cobra.Command{
		Use:   "seal --run RUN --draft DIGEST --status STATUS",
		Short: "Seal a run that a workflow has ended (engines call this)",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			st, err := storeFromEnv(cmd.Context(), edge.Getenv, edge.Now)
			if err != nil {
				return err
			}
			digest := store.Digest(draft)
			if asOf != "" {
				d, err := draftAsOf(cmd.Context(), st, draft, asOf)
				if err == nil {
					digest, err = d.Digest()
				}
				if err != nil {
					return fmt.Errorf("run %s: %w", id, err)
				}
			}
			runs := registry(edge, st)
			head, err := runs.SealOf(cmd.Context(), store.RunID(id), digest, status == store.Succeeded)
			switch {
			case err != nil:
				return err
			case head.ID != "":
				err = signHead(cmd.Context(), edge, runs, head)
				exportSealed(cmd.Context(), edge, st, head, tellSealed(cmd.Context(), edge, st, head))
			case status != store.Succeeded:
				tellUnopened(cmd.Context(), edge, st, store.RunID(id), store.Digest(draft), asOf)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&id, "run", "", "the run's ID")
	cmd.Flags().StringVar(&draft, "draft", "", "digest of the draft that it was opened from")
	cmd.Flags().StringVar(&asOf, "as-of", "", "the occasion, of a draft that asks anew")
	cmd.Flags().StringVar(&status, "status", "", "how the workflow ended: Succeeded, Failed or Error")
	return cmd
}
