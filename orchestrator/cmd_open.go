package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/canonical"
	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// A draft is a run's record without what differs between runs of one experiment.
// It is a blob, beside the blob of its plan, so that a pod can open the run from
// one digest.
func draft(p *plan.Plan, trees map[string]store.Tree, how Execution, fresh bool) (run store.Run, raw []byte, err error) {
	if raw, err = p.Encode(); err != nil {
		return run, nil, err
	}
	execution, err := canonical.JSON(how)
	if err != nil {
		return run, nil, err
	}
	return store.Run{
		Experiment: p.Experiment, Digest: p.Digest, Plan: store.DigestOf(raw), Inputs: trees, Fresh: fresh, Execution: execution,
	}, raw, nil
}

// draftOf is the draft that a run was opened from.
func draftOf(run store.Run) store.Run {
	run.ID, run.Created, run.Version, run.Account = "", "", "", ""
	return run
}

// encodeDraft returns a draft's blob.
func encodeDraft(run store.Run) ([]byte, error) {
	run.Format = store.FormatVersion
	return canonical.JSON(run)
}

// putDraft stores a draft and its plan, and returns the draft's digest.
func putDraft(ctx context.Context, st *store.Store, run store.Run, plan []byte) (store.Digest, error) {
	data, err := encodeDraft(run)
	if err != nil {
		return "", err
	}
	if _, err := st.PutBlob(ctx, plan); err != nil {
		return "", err
	}
	return st.PutBlob(ctx, data)
}

func newOpen(edge *cli.Edge) *cobra.Command {
	var run, digest string
	cmd := &cobra.Command{
		Use:    "open --run RUN --draft DIGEST",
		Short:  "Open a run from a draft in the store (engines call this)",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runOpen(cmd.Context(), edge, store.RunID(run), store.Digest(digest))
		},
	}
	cmd.Flags().StringVar(&run, "run", "", "the run's ID")
	cmd.Flags().StringVar(&digest, "draft", "", "digest of the draft")
	return cmd
}

// runOpen opens a run, or finds it opened from the same draft.
func runOpen(ctx context.Context, edge *cli.Edge, id store.RunID, digest store.Digest) error {
	st, err := storeFromEnv(ctx, edge.Getenv)
	if err != nil {
		return err
	}
	data, err := st.ReadBlob(ctx, digest)
	if errors.Is(err, store.ErrNotFound) {
		return fault.New(fault.Permanent, fmt.Errorf("run %s: the store has no draft %s", id, digest), "send the experiment with 'gymline submit', which puts it there")
	}
	if err != nil {
		return err
	}
	var run store.Run
	if err := json.Unmarshal(data, &run); err != nil {
		return fmt.Errorf("draft %s: %w", digest, err)
	}
	raw, err := st.ReadBlob(ctx, run.Plan)
	if err != nil {
		return fmt.Errorf("plan of draft %s: %w", digest, err)
	}
	return createRun(ctx, edge, st, id, run, raw)
}

// createRun writes a run's record and plan. A run of that ID and the same draft
// may be there: an attempt before this one was cut off, or a scheduled time came twice.
func createRun(ctx context.Context, edge *cli.Edge, st *store.Store, id store.RunID, run store.Run, raw []byte) error {
	want, err := encodeDraft(run)
	if err != nil {
		return err
	}
	run.ID, run.Created, run.Version = id, store.Stamp(edge.Now()), version()
	if err := st.CreateRun(ctx, run); err != nil {
		if !errors.Is(err, store.ErrExists) {
			return err
		}
		there, err := st.ReadRun(ctx, id)
		if err != nil {
			return err
		}
		have, err := encodeDraft(draftOf(there))
		if err != nil {
			return err
		}
		if !bytes.Equal(have, want) {
			return fault.New(fault.Permanent, fmt.Errorf("run %s is there and was opened from another experiment", id), "submit again: it gets the next number")
		}
	}
	return st.PutPlan(ctx, id, raw)
}
