package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/store"
)

type sealOptions struct {
	run      string
	status   string
	failures string
}

func newSeal(edge *cli.Edge) *cobra.Command {
	var o sealOptions
	cmd := &cobra.Command{
		Use:    "seal --run RUN --status STATUS --failures JSON",
		Short:  "Seal a run that a workflow has ended (engines call this)",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE:   func(cmd *cobra.Command, _ []string) error { return runSeal(cmd.Context(), edge, o) },
	}
	cmd.Flags().StringVar(&o.run, "run", "", "the run's ID")
	cmd.Flags().StringVar(&o.status, "status", "", "how the workflow ended: Succeeded, Failed or Error")
	cmd.Flags().StringVar(&o.failures, "failures", "", "the workflow's failed nodes, as JSON")
	return cmd
}

// runSeal seals a run, once. What a job left of its failure is told before what
// the cluster says of its pod.
func runSeal(ctx context.Context, edge *cli.Edge, o sealOptions) error {
	st, err := storeFromEnv(ctx, edge.Getenv)
	if err != nil {
		return err
	}
	id := store.RunID(o.run)
	if _, err := st.ReadRun(ctx, id); errors.Is(err, store.ErrNotFound) {
		return nil // it never opened
	} else if err != nil {
		return err
	}
	seal := store.Seal{Run: id, State: store.Succeeded, Finished: stamp(edge)}
	if o.status != store.Succeeded {
		seal.State = store.Failed
		if seal.Failures, err = st.Failures(ctx, id); err != nil {
			return err
		}
		if len(seal.Failures) == 0 {
			seal.Failures = nodeFailures(o.failures)
		}
	}
	err = st.SealRun(ctx, seal)
	if errors.Is(err, store.ErrExists) {
		return nil // an attempt before this one was first, or somebody stopped the run
	}
	return err
}

// nodeFailures reads Argo's list of failed nodes, as far as it is one.
func nodeFailures(text string) []store.Failure {
	var nodes []struct {
		DisplayName  string `json:"displayName"`
		TemplateName string `json:"templateName"`
		Message      string `json:"message"`
	}
	// Argo quotes the list to fit into a text.
	var quoted string
	if json.Unmarshal([]byte(text), &quoted) == nil {
		text = quoted
	}
	if json.Unmarshal([]byte(text), &nodes) != nil {
		return nil
	}
	var list []store.Failure
	for _, n := range nodes {
		list = append(list, store.Failure{Step: store.StepName(n.TemplateName), ExitCode: fault.Temporary, Cause: fmt.Sprintf("%s: %s", n.DisplayName, n.Message)})
	}
	return list
}
