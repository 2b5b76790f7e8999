package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/cluster"
	"github.com/gymline/gymline/internal/engine/argo"
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

func newStatus(edge *cli.Edge) *cobra.Command {
	var profile string
	var watch watchFlags
	cmd := &cobra.Command{
		Use:   "status RUN",
		Short: "Show how far a run is, and why what failed did",
		Long: `Show how far a run is, and why what failed did: of a submitted run, with a profile
whose engine is argo, also how its pods stand.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runStatus(cmd.Context(), edge, profile, watch, store.RunID(args[0]))
		},
	}
	bindProfile(cmd, &profile)
	watch.bindWatch(cmd)
	return cmd
}

func runStatus(ctx context.Context, edge *cli.Edge, file string, watch watchFlags, id store.RunID) error {
	profile, err := loadProfile(file)
	if err != nil {
		return err
	}
	if profile.Spec.Engine == experiment.EngineLocal {
		return statusHere(ctx, edge, file, watch, id)
	}
	return withCluster(ctx, edge, profile, func(c *onArgo) error {
		if watch.wait {
			p, err := run.ReadPlan(ctx, c.st, id)
			if err != nil {
				return err
			}
			return c.follow(ctx, edge, id, p, newPrinter(edge, watch.output))
		}
		doc, err := c.Status(ctx, id)
		if err != nil {
			return err
		}
		return writeStatus(edge, watch.output, doc)
	})
}

// statusHere tells of a run of this machine.
func statusHere(ctx context.Context, edge *cli.Edge, file string, watch watchFlags, id store.RunID) error {
	if watch.wait {
		return fault.New(fault.Usage, errors.New("--wait is for submitted runs; one of this machine is shown where it was started"), "leave --wait out, or give a profile with engine: argo")
	}
	return reading(ctx, edge, file, func(st *store.Store) error {
		id, err := st.RunNamed(ctx, string(id))
		if err != nil {
			return err
		}
		doc, err := cluster.Stored(ctx, st, id, edge.Now())
		if err != nil {
			return err
		}
		return writeStatus(edge, watch.output, doc)
	})
}

func writeStatus(edge *cli.Edge, output string, doc *cluster.Status) error {
	if output == "json" {
		return writeJSON(edge.Stdout, doc)
	}
	return printStatus(edge, doc)
}

func printStatus(edge *cli.Edge, doc *cluster.Status) error {
	fmt.Fprintf(edge.Stdout, "%s  %s\n", doc.Run, doc.State)
	printSpent(edge, doc.Spent)
	fmt.Fprintln(edge.Stdout)
	header := "STEP\tDONE\tREUSED\tFAILED"
	if doc.Workflow != nil { // which knows of pods
		header += "\tRUNNING\tRETRIES"
	}
	tw := edge.NewTable(header)
	for _, s := range doc.Steps {
		cells := []any{s.Step, fmt.Sprintf("%d/%d", s.Done, s.Shards), s.Reused, s.Failed}
		if doc.Workflow != nil {
			cells = append(cells, s.Running, s.Retries)
		}
		row(tw, cells...)
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
