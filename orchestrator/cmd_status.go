package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/engine/argo"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

type statusOptions struct {
	profile string
	output  string
	wait    bool
}

func newStatus(edge *cli.Edge) *cobra.Command {
	var o statusOptions
	cmd := &cobra.Command{
		Use:   "status RUN --profile FILE",
		Short: "Show how far a submitted run is, and why what failed did",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runStatus(cmd.Context(), edge, o, store.RunID(args[0]))
		},
	}
	bindProfile(cmd, &o.profile)
	cmd.Flags().BoolVar(&o.wait, "wait", false, "show progress until the run ends, and exit as the run does")
	bindOutput(cmd, &o.output, "text", "json")
	return cmd
}

// A runStatusDoc is what status prints: the store's side and the cluster's.
type runStatusDoc struct {
	Run      store.RunID     `json:"run"`
	State    string          `json:"state"` // the seal's, or the workflow's while there is none
	Steps    []stepStatus    `json:"steps"`
	Failures []store.Failure `json:"failures,omitempty"`
	Spent    *run.Spending   `json:"spent,omitempty"`
	Workflow *argo.State     `json:"workflow,omitempty"` // nil once the cluster has forgotten it
}

// A stepStatus counts a step's shards.
type stepStatus struct {
	Step    store.StepName `json:"step"`
	Shards  int            `json:"shards"`
	Done    int            `json:"done"`
	Reused  int            `json:"reused"`
	Failed  int            `json:"failed"`
	Running int            `json:"running"` // pods
	Retries int            `json:"retries"` // attempts after the first, of pods
}

func runStatus(ctx context.Context, edge *cli.Edge, o statusOptions, id store.RunID) error {
	if err := checkOutput(o.output, "text", "json"); err != nil {
		return err
	}
	return onCluster(ctx, edge, o.profile, func(c cluster) error {
		if o.wait {
			p, err := run.ReadPlan(ctx, c.st, id)
			if err != nil {
				return err
			}
			return c.follow(ctx, edge, id, p, newPrinter(edge, o.output))
		}
		doc, err := c.status(ctx, id)
		if err != nil {
			return err
		}
		if o.output == "json" {
			return writeJSON(edge.Stdout, doc)
		}
		return printStatus(edge, doc)
	})
}

// again reports whether a failure is of a shard that is still tried.
func (d *runStatusDoc) again(f store.Failure) bool {
	return !run.Lasting(f) && !slices.Contains([]string{store.Succeeded, store.Failed, store.Interrupted}, d.State)
}

func (c cluster) status(ctx context.Context, id store.RunID) (*runStatusDoc, error) {
	doc := &runStatusDoc{Run: id, Steps: []stepStatus{}}
	state, err := c.State(ctx, id)
	switch {
	case err == nil:
		doc.Workflow, doc.State = state, state.Phase
	case !errors.Is(err, argo.ErrNoWorkflow):
		return nil, err
	}
	r, err := run.Read(ctx, c.st, id)
	if err != nil {
		if doc.Workflow != nil && errors.Is(err, store.ErrNotFound) {
			return doc, nil // the pod that opens it has not come so far
		}
		return nil, err
	}
	if r.State != run.Unsealed || doc.State == "" {
		doc.State = r.State
	}
	doc.Failures = r.Failed
	if doc.Spent, err = run.SpendingOf(ctx, c.st, r.Run); err != nil {
		return nil, err
	}
	for _, step := range r.Steps {
		doc.Steps = append(doc.Steps, doc.stepStatus(step))
	}
	return doc, nil
}

func (d *runStatusDoc) stepStatus(step run.Step) stepStatus {
	s := stepStatus{Step: step.Name, Shards: len(step.Shards)}
	for _, shard := range step.Shards {
		if shard.Record != nil {
			s.Done++
			if shard.Record.Reused {
				s.Reused++
			}
		}
	}
	for _, f := range d.Failures {
		if f.Step == step.Name && !d.again(f) {
			s.Failed++
		}
	}
	if d.Workflow == nil {
		return s
	}
	for _, pod := range d.Workflow.Pods {
		if pod.Step != string(step.Name) {
			continue
		}
		if pod.Phase == argo.Running {
			s.Running++
		}
		if pod.Attempt > 1 {
			s.Retries++
		}
	}
	return s
}

func printStatus(edge *cli.Edge, doc *runStatusDoc) error {
	fmt.Fprintf(edge.Stdout, "%s  %s\n", doc.Run, doc.State)
	printSpent(edge, doc.Spent)
	fmt.Fprintln(edge.Stdout)
	tw := table(edge.Stdout, "STEP\tDONE\tREUSED\tRUNNING\tFAILED\tRETRIES")
	for _, s := range doc.Steps {
		fmt.Fprintf(tw, "%s\t%d/%d\t%d\t%d\t%d\t%d\n", s.Step, s.Done, s.Shards, s.Reused, s.Running, s.Failed, s.Retries)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, f := range doc.Failures {
		if doc.again(f) {
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
