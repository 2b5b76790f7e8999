package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/experiment"
)

func newCompile(edge *cli.Edge) *cobra.Command {
	var o configFlags
	cmd := &cobra.Command{
		Use:   "compile CONFIG --profile FILE",
		Short: "Print the Argo manifests of an experiment",
		Long: `Print a WorkflowTemplate and a Workflow, or a CronWorkflow when the experiment has
a schedule, as YAML on stdout. Nothing is sent anywhere. The pods find plan and
inputs in the store, where 'gymline submit --store-only' puts them.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.config = args[0]
			return runCompile(cmd.Context(), edge, o)
		},
	}
	o.bind(cmd)
	o.bindFresh(cmd)
	return cmd
}

func runCompile(ctx context.Context, edge *cli.Edge, o configFlags) error {
	p, err := o.prepare(experiment.EngineArgo)
	if err != nil {
		return err
	}
	if _, err := p.list(ctx, edge); err != nil {
		return err
	}
	m, _, err := p.compile()
	if err != nil {
		return err
	}
	text, err := m.YAML()
	if err != nil {
		return err
	}
	_, err = edge.Data().Write(text)
	return err
}
