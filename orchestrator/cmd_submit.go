package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/engine/argo"
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/exporter"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/gate"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

type submitOptions struct {
	configFlags
	watchFlags
	storeOnly bool
	metrics   string // the address to serve them at
}

func newSubmit(edge *cli.Edge) *cobra.Command {
	var o submitOptions
	cmd := &cobra.Command{
		Use:   "submit CONFIG --profile FILE",
		Short: "Run an experiment on Argo Workflows, now or on its schedule",
		Long: `Put an experiment's inputs and plan into the store, and create its Workflow in the
cluster; or create or replace its CronWorkflow, when it has a schedule. Work that
an earlier run finished is reused, wherever it ran.

` + fault.Help(),
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.config = args[0]
			if o.wait && o.storeOnly {
				return usage(cmd, errors.New("--wait and --store-only exclude each other"))
			}
			if o.metrics != "" && !o.wait {
				return usage(cmd, errors.New("--metrics watches a run: it needs --wait"))
			}
			return runSubmit(cmd.Context(), edge, o)
		},
	}
	o.bind(cmd)
	o.bindFresh(cmd)
	o.anew.bindAnew(cmd)
	o.who.bind(cmd)
	o.bindWatch(cmd)
	cmd.Flags().BoolVar(&o.storeOnly, "store-only", false, "put inputs and plan into the store, for what 'gymline compile' printed, and create nothing")
	bindMetrics(cmd, &o.metrics)
	return cmd
}

func runSubmit(ctx context.Context, edge *cli.Edge, o submitOptions) error {
	p, err := o.prepare(experiment.EngineArgo)
	if err != nil {
		return err
	}
	noteTags(edge, p.Experiment, p.profile)
	if o.wait && p.Spec.Schedule != nil {
		return fault.New(fault.Usage, errors.New("--wait: the experiment has a schedule, and its runs start later"), "leave out --wait, or add --set schedule=null to run it now")
	}
	server, stop, err := serveMetrics(ctx, edge, o.metrics)
	if err != nil {
		return err
	}
	defer stop()
	return withCluster(ctx, edge, p.profile, func(c *onArgo) error {
		if err := gate.Named(ctx, c.st, p.how.Gate); err != nil {
			return err
		}
		shown := newTerminal(edge)
		err := p.put(ctx, edge, c.st, shown)
		shown.Close()
		if err != nil {
			return err
		}
		c.Runs.Began = p.began
		o.who.sign(edge, &c.Runs)
		m, d, err := p.compile()
		if err != nil {
			return err
		}
		draft, err := d.Put(ctx, c.st)
		if err == nil && (o.storeOnly || m.Cron != nil) { // its runs come later, and until then nothing else names it
			err = c.st.ScheduleDraft(ctx, store.ScheduledDraft{Draft: draft, Experiment: d.Experiment(), By: o.who.who(edge), At: store.Stamp(edge.Now())})
		}
		if err != nil {
			return err
		}
		if o.storeOnly {
			return nil
		}
		if old := c.OldController(ctx); old != "" {
			fmt.Fprintln(edge.Stderr, "warning: "+old)
		}
		if m.Cron == nil {
			return c.start(ctx, edge, startOptions{watchFlags: o.watchFlags, profile: o.profile, metrics: server}, m, d, p.plan)
		}
		if err := c.Submit(ctx, m); err != nil {
			return err
		}
		if o.output == "json" {
			return writeJSON(edge.Stdout, map[string]any{"schedule": m.Cron.Name, "namespace": m.Cron.Namespace, "template": m.Template.Name})
		}
		_, err = fmt.Fprintf(edge.Stdout, "schedule %s: %s (%s)\n  its runs are named %s-TIME; see 'gymline list%s'\n",
			m.Cron.Name, strings.Join(m.Cron.Spec.Schedules, ", "), m.Cron.Spec.Timezone, m.Cron.Name, profileFlag(o.profile))
		return err
	})
}

// startOptions are what submit and retry have in common.
type startOptions struct {
	watchFlags
	profile string
	metrics *exporter.Server // nil where none is asked for
	from    store.RunID      // whose finished shards are taken over
}

// start opens the next run of an experiment and creates its Workflow, which bears
// the run's name.
func (c *onArgo) start(ctx context.Context, edge *cli.Edge, o startOptions, m *argo.Manifests, d run.Draft, p *plan.Plan) error {
	id, err := c.Start(ctx, m, d, p, o.from)
	if err != nil {
		return err
	}
	if o.wait {
		out, flush := c.exported(ctx, edge, id, newPrinter(edge, o.output))
		defer flush()
		return c.follow(ctx, edge, id, p, scrapedBy(o.metrics, out))
	}
	if o.output == "json" {
		return writeJSON(edge.Stdout, map[string]any{"run": id, "workflow": m.Workflow.Name, "namespace": m.Workflow.Namespace})
	}
	_, err = fmt.Fprintf(edge.Stdout, "run     %s\nstatus  gymline status %s%s\nlogs    gymline logs %s%s\n", id, id, profileFlag(o.profile), id, profileFlag(o.profile))
	return err
}
