package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/engine/local"
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/gate"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

type runOptions struct {
	configFlags
	replayOnly bool
	output     string
	metrics    string // the address to serve them at
}

func newRun(edge *cli.Edge) *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run CONFIG",
		Short: "Run an experiment; what earlier runs finished is reused",
		Long: `Run an experiment on this machine. Work that an earlier run finished is found by
its work key and reused, so the same command goes on after a crash.

` + fault.Help(),
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.config = args[0]
			return runRun(cmd.Context(), edge, o)
		},
	}
	o.bind(cmd)
	o.bindFresh(cmd)
	o.anew.bindAnew(cmd)
	o.who.bind(cmd)
	cmd.Flags().BoolVar(&o.replayOnly, "replay-only", false, "answer every model call from the ledger: no key, no network, and an error where one was not recorded")
	bindOutput(cmd, &o.output, "text", "json")
	bindMetrics(cmd, &o.metrics)
	return cmd
}

func runRun(ctx context.Context, edge *cli.Edge, o runOptions) error {
	said := &kept{printer: newPrinter(edge, o.output), edge: edge}
	out, flush := exported(edge, said)
	defer flush()
	server, stop, err := serveMetrics(ctx, edge, o.metrics)
	defer stop()
	var ended progress.Event
	var p *prepared
	if err == nil {
		out = scrapedBy(server, out)
		p, err = o.prepareHere(edge)
	}
	if err == nil {
		said.profile = p.profile.Metadata.Name
		ended, err = runHere(ctx, edge, o.who, p, out)
	}
	if ended.Run == "" { // it failed before a run was opened
		ended = progress.Event{Type: progress.RunEnded, State: store.Failed}
	}
	ended = failed(ended, err)
	err = out.end(ctx, ended, err)
	if p == nil {
		summarize(edge, ended, nil)
		return err
	}
	summarize(edge, ended, p.gate)
	p.tellEnd(ctx, edge, ended)
	return after(edge, err, p.unsigned)
}

// prepareHere prepares a run of this machine, and refuses one that could not tell whom
// it is to tell, or could not be signed.
func (o *runOptions) prepareHere(edge *cli.Edge) (*prepared, error) {
	p, err := o.prepare(experiment.EngineLocal)
	if err == nil {
		err = sender(edge).Check(webhooks(p.profile))
	}
	if err == nil {
		_, err = signingKey(edge, p.how)
	}
	if err != nil {
		return nil, err
	}
	p.how.ReplayOnly = o.replayOnly
	return p, nil
}

// runHere opens a run, works, seals it, and returns its last event.
func runHere(ctx context.Context, edge *cli.Edge, who whoFlags, p *prepared, out printer) (ended progress.Event, err error) {
	st, err := openProfile(ctx, edge, p.profile)
	if err != nil {
		return ended, err
	}
	defer func() { err = errors.Join(err, st.close()) }()
	if err := gate.Named(ctx, st.Store, p.how.Gate); err != nil {
		return ended, err
	}
	runs := registry(edge, st.Store)
	who.sign(edge, &runs)
	go runs.Binary() // it is found meanwhile
	if err := p.put(ctx, edge, st.Store, out); err != nil {
		return ended, err
	}
	opened := job.NewOpened(st.Store, store.Run{Fresh: p.fresh}, p.plan, p.inputs)
	if err := p.checkKeys(ctx, edge, opened); err != nil {
		return ended, err
	}
	config, err := p.childConfig(edge, st)
	if err != nil {
		return ended, err
	}
	d, err := p.draft()
	if err != nil {
		return ended, err
	}
	config.Stderr = out
	runs.Began = p.began
	id, state, err := runs.Live(ctx, d, func(id store.RunID) ([]store.Failure, error) {
		opened.Record.ID = id
		config.Settle = func(ctx context.Context, step *plan.Step) []bool {
			done, _ := opened.Settle(ctx, step, edge.Now, out) // what cannot be settled is the children's, and so is telling why
			return done
		}
		out.Emit(run.Opened(id, p.plan))
		return local.Run(ctx, config, p.plan, id, out)
	})
	p.unsigned = signSealed(ctx, edge, runs, id, p.how)
	ended = progress.Event{Type: progress.RunEnded, Run: string(id), State: state}
	if err != nil {
		return ended, err
	}
	// An interrupt that came too late takes nothing from what is shown.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := out.results(ctx, st.Store, p.plan, &ended); err != nil {
		return ended, err
	}
	p.gate, err = passGate(ctx, st.Store, edge.Now(), &ended)
	return ended, err
}
