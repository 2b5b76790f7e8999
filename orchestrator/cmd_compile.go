package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/engine/argo"
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/planner"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

func newCompile(edge *cli.Edge) *cobra.Command {
	var o configFlags
	var fresh bool
	cmd := &cobra.Command{
		Use:   "compile CONFIG --profile FILE",
		Short: "Print the Argo manifests of an experiment",
		Long: `Print a WorkflowTemplate and a Workflow, or a CronWorkflow when the experiment has
a schedule, as YAML on stdout. Nothing is sent anywhere. The pods find plan and
inputs in the store, where 'gymline submit --store-only' puts them.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.config = args[0]
			return runCompile(cmd.Context(), edge, o, fresh)
		},
	}
	o.bind(cmd)
	cmd.Flags().BoolVar(&fresh, "fresh", false, "recompute everything, reusing no earlier work")
	return cmd
}

func runCompile(ctx context.Context, edge *cli.Edge, o configFlags, fresh bool) error {
	e, profile, err := o.loadArgo()
	if err != nil {
		return err
	}
	files, err := listInputs(ctx, edge, e)
	if err != nil {
		return err
	}
	trees := map[string]store.Tree{}
	for name, t := range files {
		trees[name] = store.Tree{Digest: t.Digest(), Files: len(t.Files(".")), Bytes: t.Bytes()}
	}
	p, err := planner.Plan(e, treeDigests(trees), formats)
	if err != nil {
		return err
	}
	m, _, err := layOut(e, profile, p, trees, fresh)
	if err != nil {
		return err
	}
	text, err := m.YAML()
	if err != nil {
		return err
	}
	_, err = edge.Stdout.Write(text)
	return err
}

// loadArgo reads an experiment and a profile of the engine argo that go together.
func (f *configFlags) loadArgo() (*experiment.Experiment, *experiment.Profile, error) {
	if _, err := loadArgoProfile(f.profile); err != nil {
		return nil, nil, err
	}
	e, profile, err := f.load()
	if err != nil {
		return nil, nil, err
	}
	return e, profile, experiment.CheckTogether(e, profile)
}

// layOut compiles an experiment, and returns the draft that its pods want.
func layOut(e *experiment.Experiment, profile *experiment.Profile, p *plan.Plan, trees map[string]store.Tree, fresh bool) (*argo.Manifests, run.Draft, error) {
	how := execution(e, profile)
	d, err := run.NewDraft(p, trees, how, fresh)
	if err != nil {
		return nil, d, err
	}
	digest, err := d.Digest()
	if err != nil {
		return nil, d, err
	}
	c := argoConfig(profile, how, digest)
	c.Schedule = argoSchedule(e)
	m, err := compiled(p, c)
	return m, d, err
}
