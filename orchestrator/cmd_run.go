package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/engine/local"
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/planner"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
)

// grace is how long a job may take to leave, flushing included.
const grace = 10 * time.Second

type runOptions struct {
	configFlags
	fresh  bool
	output string
}

func newRun(edge *cli.Edge) *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run CONFIG",
		Short: "Run an experiment; what earlier runs finished is reused",
		Long: `Run an experiment on this machine. Work that an earlier run finished is found by
its work key and reused, so the same command goes on after a crash.

` + exitCodes,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.config = args[0]
			return runRun(cmd.Context(), edge, o)
		},
	}
	o.bind(cmd)
	cmd.Flags().BoolVar(&o.fresh, "fresh", false, "recompute everything, reusing no earlier work")
	bindOutput(cmd, &o.output, "text", "json")
	return cmd
}

func runRun(ctx context.Context, edge *cli.Edge, o runOptions) (err error) {
	if err := checkOutput(o.output, "text", "json"); err != nil {
		return err
	}
	e, profile, err := o.load()
	if err != nil {
		return err
	}
	st, err := openProfile(ctx, edge, profile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.close()) }()
	trees, err := storeInputs(ctx, st.Store, e)
	if err != nil {
		return err
	}
	p, err := planner.Plan(e, treeDigests(trees), formats)
	if err != nil {
		return err
	}
	how := execution(e, profile)
	config, err := childConfig(edge, profile, how, st)
	if err != nil {
		return err
	}
	id, err := openRun(ctx, edge, st.Store, p, trees, how, o.fresh)
	if err != nil {
		return err
	}
	printer := o.printer(edge)
	config.Stderr = printer
	printer.Emit(opened(id, p))
	failures, runErr := local.Run(ctx, config, p, id, printer)
	ended, err := sealRun(ctx, edge, st.Store, p, id, failures, runErr)
	printer.Emit(ended)
	printer.Close()
	switch {
	case err != nil:
		return err
	case runErr != nil:
		return runErr
	case len(failures) > 0:
		f := failures[0]
		return printer.failed(fault.New(f.ExitCode, fmt.Errorf("run %s failed in %s/%d: %s", id, f.Step, f.Shard, f.Cause), f.Hint))
	case o.output == "json":
		return nil
	}
	return summary(ctx, edge, st.Store, p, ended)
}

// execution is how the profile and the experiment's models say to run.
func execution(e *experiment.Experiment, profile *experiment.Profile) Execution {
	how := Execution{InFlight: profile.Spec.Parallelism.InFlight, Models: map[string]llm.Access{}}
	for name, m := range e.Spec.Models {
		a := m.Access()
		a.Limits = profile.Spec.Limits[name].Identity()
		how.Models[name] = a
	}
	return how
}

// keyEnvs are the variables that hold the models' API keys, sorted.
func (x Execution) keyEnvs() []string {
	var names []string
	for _, a := range x.Models {
		if a.KeyEnv != "" {
			names = append(names, a.KeyEnv)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// openRun claims the next free ID of the experiment and writes the run's
// record, then its plan.
func openRun(ctx context.Context, edge *cli.Edge, st *store.Store, p *plan.Plan, trees map[string]store.Tree, how Execution, fresh bool) (store.RunID, error) {
	raw, err := p.Encode()
	if err != nil {
		return "", err
	}
	execution, err := json.Marshal(how)
	if err != nil {
		return "", err
	}
	run := store.Run{
		Experiment: p.Experiment, Digest: p.Digest, Plan: store.DigestOf(raw), Inputs: trees,
		Created: edge.Now().UTC().Format(time.RFC3339Nano), Version: version(), Fresh: fresh, Execution: execution,
	}
	n, err := st.LastRun(ctx, p.Experiment)
	for err == nil {
		n++
		run.ID = store.RunID(fmt.Sprintf("%s-%d", p.Experiment, n))
		if err = st.CreateRun(ctx, run); err == nil {
			return run.ID, st.PutPlan(ctx, run.ID, raw)
		}
		if errors.Is(err, store.ErrExists) {
			err = nil // another run was opened at the same moment
		}
	}
	return "", err
}

func opened(id store.RunID, p *plan.Plan) progress.Event {
	e := progress.Event{Type: progress.RunOpened, Run: string(id)}
	for _, s := range p.Steps {
		e.Steps = append(e.Steps, progress.StepShape{Step: string(s.Name), Shards: s.Shards})
	}
	return e
}

// sealRun ends the run's record, writes the report beside the store, and
// returns the run's last event. It works on after an interrupt.
func sealRun(ctx context.Context, edge *cli.Edge, st *store.Store, p *plan.Plan, id store.RunID, failures []store.Failure, runErr error) (progress.Event, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	state := store.Succeeded
	switch {
	case len(failures) > 0:
		state = store.Failed
	case runErr != nil:
		state = store.Interrupted
	}
	ended := progress.Event{Type: progress.RunEnded, Run: string(id), State: state}
	err := st.SealRun(ctx, store.Seal{Run: id, State: state, Failures: failures, Finished: edge.Now().UTC().Format(time.RFC3339Nano)})
	if err == nil && state == store.Succeeded && p.Step(plan.JobReport) != nil {
		ended.Report = filepath.Join(reportsDir, string(id)+".html")
		err = writeReport(ctx, st, id, ended.Report)
	}
	return ended, err
}

// childEnv are the variables that children get beside the store's and the API
// keys: what programs need to run, to find certificates and proxies, and Go's own.
var childEnv = []string{
	"PATH", "HOME", "TMPDIR", "GYMLINE_LOG", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
	"GOMAXPROCS", "GOMEMLIMIT", "GOTRACEBACK", "GORACE", "GOCOVERDIR",
}

func childConfig(edge *cli.Edge, profile *experiment.Profile, how Execution, st *openStore) (local.Config, error) {
	binary, err := edge.Executable()
	if err != nil {
		return local.Config{}, fault.New(fault.Internal, fmt.Errorf("find gymline's own binary: %w", err), "")
	}
	env := st.env()
	for _, name := range append(how.keyEnvs(), childEnv...) {
		if v := edge.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	r := profile.Spec.Retries
	return local.Config{
		Binary: binary, Env: env, Parallel: profile.Spec.Parallelism.Shards,
		Retries: r.Limit, Backoff: time.Duration(r.Backoff), MaxBackoff: time.Duration(r.MaxBackoff), Grace: grace,
	}, nil
}

// A printer shows a run's events, and its jobs' logs between them.
type printer interface {
	progress.Sink
	io.Writer
	Close()
	// failed is given the error of a run that failed, and returns it for the edge.
	failed(error) error
}

func (o runOptions) printer(edge *cli.Edge) printer {
	if o.output == "json" {
		return jsonPrinter{progress.NewJSON(edge.Stdout), edge.Stderr}
	}
	return textPrinter{cli.NewTerminal(edge.Stderr, cli.TerminalOptions{
		Width: edge.Width, Live: edge.Terminal, Color: edge.Terminal && edge.Getenv("NO_COLOR") == "", Now: edge.Now,
	})}
}

type textPrinter struct{ *cli.Terminal }

// failed marks the error as told: the terminal prints every failure itself.
func (textPrinter) failed(err error) error { return cli.Shown(err) }

type jsonPrinter struct {
	*progress.JSON
	io.Writer
}

func (jsonPrinter) Close()                 {}
func (jsonPrinter) failed(err error) error { return err }
