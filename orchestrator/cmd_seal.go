package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/fault"
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
		Use:    "seal --run RUN --draft DIGEST --status STATUS",
		Short:  "Seal a run that a workflow has ended (engines call this)",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE:   func(cmd *cobra.Command, _ []string) error { return runSeal(cmd.Context(), edge, o) },
	}
	cmd.Flags().StringVar(&o.run, "run", "", "the run's ID")
	cmd.Flags().StringVar(&o.draft, "draft", "", "digest of the draft that it was opened from")
	cmd.Flags().StringVar(&o.status, "status", "", "how the workflow ended: Succeeded, Failed or Error")
	return cmd
}

// runSeal seals a run, once. A run that another workflow opened is not this one's to end.
func runSeal(ctx context.Context, edge *cli.Edge, o sealOptions) error {
	st, err := storeFromEnv(ctx, edge.Getenv)
	if err != nil {
		return err
	}
	id := store.RunID(o.run)
	run, err := st.ReadRun(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil // it never opened
	}
	if err != nil {
		return err
	}
	have, err := encodeDraft(draftOf(run))
	if err != nil || store.DigestOf(have) != store.Digest(o.draft) {
		return err
	}
	seal := store.Seal{Run: id, State: store.Succeeded, Finished: store.Stamp(edge.Now())}
	if o.status != store.Succeeded {
		seal.State = store.Failed
		if seal.Failures, err = failuresOf(ctx, st, id); err != nil {
			return err
		}
	}
	err = st.SealRun(ctx, seal)
	if errors.Is(err, store.ErrExists) {
		return nil // an attempt before this one was first, or somebody stopped the run
	}
	return err
}

// failuresOf are why a run failed: what its jobs left, and where something else
// than a job failed, that the cluster knows.
func failuresOf(ctx context.Context, st *store.Store, id store.RunID) ([]store.Failure, error) {
	list, err := st.Failures(ctx, id)
	if err != nil {
		return nil, err
	}
	// What was being tried again when another shard failed for good is no cause.
	if slices.ContainsFunc(list, lasting) {
		list = slices.DeleteFunc(list, func(f store.Failure) bool { return !lasting(f) })
	}
	if len(list) == 0 {
		list = []store.Failure{{
			Step: "workflow", ExitCode: fault.Temporary, Cause: "a pod ended without saying why",
			Hint: fmt.Sprintf("'gymline status %s' shows what the cluster says of it", id),
		}}
	}
	return list, nil
}

func lasting(f store.Failure) bool { return f.ExitCode != fault.Temporary }
