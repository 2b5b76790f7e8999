package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/engine"
	"github.com/gymline/gymline/internal/engine/local"
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// grace is how long a job may take to leave, flushing included.
const grace = 10 * time.Second

type runOptions struct {
	configFlags
	fresh      bool
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
	cmd.Flags().BoolVar(&o.fresh, "fresh", false, "recompute everything, reusing no earlier work")
	cmd.Flags().BoolVar(&o.replayOnly, "replay-only", false, "answer every model call from the ledger: no key, no network, and an error where one was not recorded")
	bindOutput(cmd, &o.output, "text", "json")
	bindMetrics(cmd, &o.metrics)
	return cmd
}

func runRun(ctx context.Context, edge *cli.Edge, o runOptions) error {
	if err := checkOutput(o.output, "text", "json"); err != nil {
		return err
	}
	out := newPrinter(edge, o.output)
	server, stop, err := serveMetrics(ctx, o.metrics)
	defer stop()
	var ended progress.Event
	if err == nil {
		ended, err = runHere(ctx, edge, o, scrapedBy(server, out))
	}
	if ended.Run == "" { // it failed before a run was opened
		ended = progress.Event{Type: progress.RunEnded, State: store.Failed}
	}
	return out.end(ctx, failed(ended, err), err)
}

// runHere opens a run, works, seals it, and returns its last event.
func runHere(ctx context.Context, edge *cli.Edge, o runOptions, out printer) (ended progress.Event, err error) {
	p, err := o.prepare(experiment.EngineLocal)
	if err != nil {
		return ended, err
	}
	st, err := openProfile(ctx, edge, p.profile)
	if err != nil {
		return ended, err
	}
	defer func() { err = errors.Join(err, st.close()) }()
	if err := p.put(ctx, edge, st.Store, out, o.fresh); err != nil {
		return ended, err
	}
	p.how.ReplayOnly = o.replayOnly
	inputs := job.StoredInputs(st.Store, p.plan)
	known, err := checkKeys(ctx, edge, st.Store, p.plan, inputs, p.how, o.fresh)
	if err != nil {
		return ended, err
	}
	config, err := childConfig(edge, p.profile, p.how, st)
	if err != nil {
		return ended, err
	}
	d, err := run.NewDraft(p.plan, p.trees, p.how, o.fresh)
	if err != nil {
		return ended, err
	}
	runs := registry(edge, st.Store)
	runs.Began = p.began
	id, err := runs.Open(ctx, d, nil)
	if err != nil {
		return ended, err
	}
	config.Stderr = out
	config.Settle = settling(job.NewOpened(st.Store, store.Run{ID: id, Fresh: o.fresh}, p.plan, inputs), known, edge.Now, out)
	out.Emit(run.Opened(id, p.plan))
	failures, runErr := local.Run(ctx, config, p.plan, id, out)
	ended = progress.Event{Type: progress.RunEnded, Run: string(id), State: store.Succeeded}
	switch {
	case len(failures) > 0:
		ended.State = store.Failed
		runErr = run.Failed(id, failures[0])
	case runErr != nil:
		ended.State = store.Interrupted
	}
	// What is done is done: it is sealed and shown also after an interrupt.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := runs.Seal(ctx, id, ended.State, failures...); err != nil {
		ended.State = store.Failed
		return ended, err
	}
	if ended.State != store.Succeeded {
		return ended, runErr
	}
	return ended, out.results(ctx, st.Store, p.plan, &ended)
}

// checkKeys refuses a run that would call a model whose API key is not set, and
// returns what it found to be known.
func checkKeys(ctx context.Context, edge *cli.Edge, st *store.Store, p *plan.Plan, inputs *job.Inputs, how run.Execution, fresh bool) (job.Memos, error) {
	if how.ReplayOnly {
		return nil, nil
	}
	shards, known, err := run.LookAhead(ctx, st, p, inputs)
	if err != nil {
		return nil, err
	}
	if fresh {
		for i := range shards {
			shards[i].Reused = false
		}
	}
	missing := slices.DeleteFunc(how.KeysAhead(p, shards), func(name string) bool { return edge.Getenv(name) != "" })
	if len(missing) == 0 {
		return known, nil
	}
	return nil, fault.New(fault.Config, fmt.Errorf("API keys: not set: %s", strings.Join(missing, ", ")),
		"export these environment variables; the config names them under models")
}

// settling has the engine settle what is known of a step before it starts children
// for the rest. What cannot be settled is theirs, and so is telling why.
func settling(o *job.Opened, known job.Memos, now func() time.Time, sink progress.Sink) func(context.Context, *plan.Step) []bool {
	return func(ctx context.Context, step *plan.Step) []bool {
		done, _ := o.Settle(ctx, step, known, now, sink)
		return done
	}
}

// childEnv are the variables that children get beside the store's and the API
// keys: what programs need to run, to find certificates and proxies, and Go's own.
var childEnv = []string{
	"PATH", "HOME", "TMPDIR", "GYMLINE_LOG", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
	"GOMAXPROCS", "GOMEMLIMIT", "GOTRACEBACK", "GORACE", "GOCOVERDIR",
}

// keyVariables are the API keys of a step's models.
func keyVariables(how run.Execution, step *plan.Step) (vars []engine.Variable) {
	for _, name := range how.Keys(step) {
		vars = append(vars, engine.Variable{Name: name, Secret: name})
	}
	return vars
}

func machineEnv(edge *cli.Edge) []engine.Variable {
	var vars []engine.Variable
	for _, name := range childEnv {
		vars = append(vars, engine.Variable{Name: name, Value: edge.Getenv(name)})
	}
	return vars
}

func childConfig(edge *cli.Edge, profile *experiment.Profile, how run.Execution, st *openStore) (local.Config, error) {
	binary, err := edge.Executable()
	if err != nil {
		return local.Config{}, fault.New(fault.Internal, fmt.Errorf("find gymline's own binary: %w", err), "")
	}
	env := func(step *plan.Step) []string {
		var vars []string
		for _, v := range append(keyVariables(how, step), machineEnv(edge)...) {
			if v.Secret != "" {
				v.Value = edge.Getenv(v.Secret)
			}
			if v.Value != "" {
				vars = append(vars, v.Name+"="+v.Value)
			}
		}
		return append(vars, st.env...)
	}
	r := profile.Spec.Retries
	return local.Config{
		Binary: binary, Env: env, Parallel: profile.Spec.Parallelism.Shards,
		Retries: r.Limit, Backoff: time.Duration(r.Backoff), MaxBackoff: time.Duration(r.MaxBackoff), Grace: grace,
	}, nil
}
