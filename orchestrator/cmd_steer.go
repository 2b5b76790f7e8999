package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/cluster"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

func newStop(edge *cli.Edge) *cobra.Command {
	var profile string
	var by whoFlags
	cmd := &cobra.Command{
		Use:   "stop RUN --profile FILE",
		Short: "Stop a submitted run; what is done is kept",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runStop(cmd.Context(), edge, profile, by, store.RunID(args[0]))
		},
	}
	bindProfile(cmd, &profile)
	by.bind(cmd)
	return cmd
}

func runStop(ctx context.Context, edge *cli.Edge, profile string, by whoFlags, id store.RunID) error {
	return onCluster(ctx, edge, profile, func(c *onArgo) error {
		by.sign(edge, &c.Runs)
		if err := c.Cluster.Stop(ctx, id); err != nil {
			return err
		}
		_, err := fmt.Fprintf(edge.Stdout, "run %s is stopping; 'gymline retry %s%s' goes on from what is done\n", id, id, profileFlag(profile))
		return err
	})
}

func newResume(edge *cli.Edge) *cobra.Command {
	var profile string
	var by whoFlags
	cmd := &cobra.Command{
		Use:   "resume RUN --profile FILE",
		Short: "Set a suspended run going again, and verify that it does",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runResume(cmd.Context(), edge, profile, by, store.RunID(args[0]))
		},
	}
	bindProfile(cmd, &profile)
	by.bind(cmd)
	return cmd
}

func runResume(ctx context.Context, edge *cli.Edge, profile string, by whoFlags, id store.RunID) error {
	return onCluster(ctx, edge, profile, func(c *onArgo) error {
		resumed, err := c.Resume(ctx, id, "", edge.Now)
		if err != nil {
			return cluster.Explain(id, err)
		}
		by.sign(edge, &c.Runs)
		if err := c.Runs.Act(ctx, id, store.Resumed, ""); err != nil {
			return fmt.Errorf("run %s goes on, and who resumed it could not be recorded: %w", id, err)
		}
		_, err = fmt.Fprintf(edge.Stdout, "run %s goes on: %s\n", id, strings.Join(resumed, ", "))
		return err
	})
}

func newRetry(edge *cli.Edge) *cobra.Command {
	var profile string
	var watch watchFlags
	var by whoFlags
	cmd := &cobra.Command{
		Use:   "retry RUN --profile FILE",
		Short: "Run a submitted run's plan again; what is done is reused",
		Long: `Open a new run with the plan and inputs of an earlier one, and create its Workflow.
Finished work is found by its work key, so that only what is missing is done.
The earlier run stays as it is sealed.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runRetry(cmd.Context(), edge, profile, watch, by, store.RunID(args[0]))
		},
	}
	bindProfile(cmd, &profile)
	watch.bindWatch(cmd)
	by.bind(cmd)
	return cmd
}

func runRetry(ctx context.Context, edge *cli.Edge, profile string, watch watchFlags, by whoFlags, id store.RunID) error {
	return onCluster(ctx, edge, profile, func(c *onArgo) error {
		head, err := run.ReadHead(ctx, c.st, id)
		if err != nil {
			return err
		}
		if head.State == run.Unsealed {
			return fault.New(fault.Usage, fmt.Errorf("run %s has not ended", id), fmt.Sprintf("wait for it, or 'gymline stop %s%s'", id, profileFlag(profile)))
		}
		d, p, err := run.DraftOf(ctx, c.st, head.Run)
		if err == nil {
			d, err = d.In(c.profile.Spec.Argo.Image)
		}
		if err != nil {
			return err
		}
		how, err := run.ExecutionOf(head.Run)
		if err != nil {
			return err
		}
		digest, err := d.Put(ctx, c.st)
		if err != nil {
			return err
		}
		m, err := compiled(p, argoConfig(c.profile, how, digest))
		if err != nil {
			return err
		}
		by.sign(edge, &c.Runs)
		if err := c.Runs.Act(ctx, id, store.Retried, ""); err != nil {
			return err
		}
		return c.start(ctx, edge, startOptions{watchFlags: watch, profile: profile, from: id}, m, d, p)
	})
}
