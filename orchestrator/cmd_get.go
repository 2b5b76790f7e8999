package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

func newGet(edge *cli.Edge) *cobra.Command {
	var profile string
	cmd := &cobra.Command{
		Use:   "get RUN STEP/OUTPUT",
		Short: "Write an artifact's bytes to stdout, verified",
		Long: `Write an artifact's bytes to stdout, verified against its digest. Of a step with
several shards, STEP/OUTPUT gives a JSONL output of all of them, in order, and
STEP/SHARD/OUTPUT that of one.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			ref, err := plan.ParseRef(args[1])
			if err != nil {
				return usage(cmd, err)
			}
			return runGet(cmd.Context(), edge, profile, args[0], ref)
		},
	}
	bindProfile(cmd, &profile)
	return cmd
}

func runGet(ctx context.Context, edge *cli.Edge, profile, named string, ref plan.Ref) error {
	return reading(ctx, edge, profile, func(st *store.Store) error {
		id, err := st.RunNamed(ctx, named)
		if err != nil {
			return err
		}
		artifacts, err := run.Output(ctx, st, id, ref)
		if err != nil {
			return err
		}
		if len(artifacts) > 1 && artifacts[0].MediaType != job.JSONL {
			return fault.New(fault.Usage, fmt.Errorf("%s has %d shards, and %s cannot be joined", ref.Step, len(artifacts), ref.Output),
				fmt.Sprintf("name one: %s/0/%s", ref.Step, ref.Output))
		}
		r := st.Concat(ctx, artifacts)
		defer r.Close()
		_, err = io.Copy(edge.Data(), r)
		return run.Damaged(id, ref.Step, err)
	})
}
