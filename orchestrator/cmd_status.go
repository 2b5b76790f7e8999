package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/cluster"
	"github.com/gymline/gymline/internal/engine/argo"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

func newStatus(edge *cli.Edge) *cobra.Command {
	var profile string
	var watch watchFlags
	cmd := &cobra.Command{
		Use:   "status RUN --profile FILE",
		Short: "Show how far a submitted run is, and why what failed did",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runStatus(cmd.Context(), edge, profile, watch, store.RunID(args[0]))
		},
	}
	bindProfile(cmd, &profile)
	watch.bindWatch(cmd)
	return cmd
}

func runStatus(ctx context.Context, edge *cli.Edge, profile string, watch watchFlags, id store.RunID) error {
	return onCluster(ctx, edge, profile, func(c *onArgo) error {
		if watch.wait {
			p, err := run.ReadPlan(ctx, c.st, id)
			if err != nil {
				return err
			}
			return c.follow(ctx, id, p, newPrinter(edge, watch.output))
		}
		doc, err := c.Status(ctx, id)
		if err != nil {
			return err
		}
		if watch.output == "json" {
			return writeJSON(edge.Stdout, doc)
		}
		return printStatus(edge, doc)
	})
}

func printStatus(edge *cli.Edge, doc *cluster.Status) error {
	fmt.Fprintf(edge.Stdout, "%s  %s\n", doc.Run, doc.State)
	printSpent(edge, doc.Spent)
	fmt.Fprintln(edge.Stdout)
	tw := edge.NewTable("STEP\tDONE\tREUSED\tRUNNING\tFAILED\tRETRIES")
	for _, s := range doc.Steps {
		row(tw, s.Step, fmt.Sprintf("%d/%d", s.Done, s.Shards), s.Reused, s.Running, s.Failed, s.Retries)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, f := range doc.Failures {
		if doc.Again(f) {
			fmt.Fprintf(edge.Stdout, "\n%s/%d is tried again: %s\n", f.Step, f.Shard, f.Cause)
			continue
		}
		cli.WriteFailure(edge.Stdout, f)
	}
	if w := doc.Workflow; w != nil {
		for _, pod := range w.Pods {
			switch {
			case pod.Message == "":
			case pod.Phase == argo.Pending: // an image or Secret that is not there
				fmt.Fprintf(edge.Stdout, "\n%s/%d waits: %s\n", pod.Step, pod.Shard, pod.Message)
			case pod.Phase == argo.Failed:
				fmt.Fprintf(edge.Stdout, "\npod %s, attempt %d: %s\n", cmp.Or(pod.Name, "of "+pod.Step), pod.Attempt, pod.Message)
			}
		}
		if w.Unread != "" {
			fmt.Fprintf(edge.Stdout, "\npods are not shown: %s\n", w.Unread)
		}
		for _, s := range w.Suspended {
			fmt.Fprintf(edge.Stdout, "\n%s is suspended: 'gymline resume %s'\n", s, doc.Run)
		}
		if w.Message != "" {
			fmt.Fprintf(edge.Stdout, "\nworkflow %s: %s\n", w.Workflow, w.Message)
		}
	}
	return nil
}
