package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/budget"
	"github.com/gymline/gymline/internal/llm/provider"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/seed"
	"github.com/gymline/gymline/internal/sim"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/trainer"
)

// progressEvery is how often a job reports.
const progressEvery = 200 * time.Millisecond

// flushWithin is how long a job may take to flush its ledger after an interrupt,
// once its calls in flight had provider.DefaultLinger to end: it leaves within 10 s.
const flushWithin = 4 * time.Second

type jobOptions struct {
	name   string
	run    string
	step   string
	shard  int
	stride int
}

func newJob(edge *cli.Edge) *cobra.Command {
	var o jobOptions
	cmd := &cobra.Command{
		Use:   "job NAME --run RUN --step STEP --shard I [--stride N]",
		Short: "Do one shard of one step of an open run (engines call this)",
		Long: `Do one shard of one step of an open run, as an engine or a pod does, and with
--stride every N-th one after it: the plan and all inputs come from the store
that GYMLINE_STORE_FOLDER names, or GYMLINE_STORE_ENDPOINT, GYMLINE_STORE_BUCKET,
GYMLINE_STORE_PREFIX, GYMLINE_STORE_REGION, AWS_ACCESS_KEY_ID and
AWS_SECRET_ACCESS_KEY. Events are JSON lines on stdout, logs go to stderr.

` + exitCodes,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.name = args[0]; o.run == "" || o.step == "" {
				return usage(cmd, errors.New("--run and --step are required"))
			}
			if o.shard < 0 || o.stride < 0 {
				return usage(cmd, errors.New("--shard and --stride count from 0"))
			}
			return runJob(cmd.Context(), edge, o)
		},
	}
	cmd.Flags().StringVar(&o.run, "run", "", "the run's ID")
	cmd.Flags().StringVar(&o.step, "step", "", "the step's name")
	cmd.Flags().IntVar(&o.shard, "shard", 0, "the shard, from 0")
	cmd.Flags().IntVar(&o.stride, "stride", 0, "also do every `N`-th shard after it; 0: this one alone")
	return cmd
}

// Execution is how a run is done, kept in its record for the jobs; it changes
// no artifact.
type Execution struct {
	InFlight int                   `json:"inFlight"`
	Models   map[string]llm.Access `json:"models,omitempty"`
	// ReplayOnly answers from the ledger alone.
	ReplayOnly bool `json:"replayOnly,omitempty"`
	// Tolerance is of rows that fail.
	Tolerance job.Tolerance `json:"tolerance,omitzero"`
	// BudgetUSD bounds what the calls of the run may cost; 0: nothing does.
	BudgetUSD float64 `json:"budgetUSD,omitempty"`
}

// does reports whether a failure is of a shard that is this job's to do.
func (o jobOptions) does(f store.Failure) bool {
	past := f.Shard - o.shard
	return f.Step == store.StepName(o.step) && (past == 0 || o.stride > 0 && past > 0 && past%o.stride == 0)
}

// runJob does the shards one after another, and tells of each.
func runJob(ctx context.Context, edge *cli.Edge, o jobOptions) error {
	sink := progress.NewJSON(edge.Stdout)
	at := o.shard // the shard under way
	err := withJob(ctx, edge, o, &at, sink, func(ctx context.Context, env job.Env, shards int) error {
		for ; ; at += o.stride {
			which := job.Shard{Run: store.RunID(o.run), Step: store.StepName(o.step), Shard: at, Job: o.name}
			rec, err := job.Run(ctx, env, jobs, which)
			if err != nil {
				return err
			}
			state := progress.Event{Type: progress.StepState, Step: o.step, Shard: at, State: progress.Succeeded}
			if rec.Reused {
				state.State = progress.Reused
			}
			sink.Emit(state)
			if o.stride == 0 || at+o.stride >= shards {
				return nil
			}
		}
	})
	if err == nil {
		return nil
	}
	sink.Emit(progress.Event{
		Type: progress.StepState, Step: o.step, Shard: at, State: progress.Failed,
		Cause: err.Error(), Hint: fault.Hint(err), ExitCode: fault.Code(err),
	})
	return cli.Shown(err) // the event tells of it
}

// withJob gives a job's world to work, and leaves in the store why it failed. at
// is the shard under way.
func withJob(ctx context.Context, edge *cli.Edge, o jobOptions, at *int, sink progress.Sink, work func(context.Context, job.Env, int) error) (err error) {
	st, err := storeFromEnv(ctx, edge.Getenv)
	if err != nil {
		return err
	}
	id := store.RunID(o.run)
	run, err := st.ReadRun(ctx, id)
	if err != nil {
		return fmt.Errorf("run %s: %w", o.run, err)
	}
	far := &latest{Sink: sink}
	defer func() {
		keepFailure(ctx, st, store.Failure{Step: store.StepName(o.step), Shard: *at, Progress: far.of(*at)}, id, err)
	}()
	var how Execution
	if len(run.Execution) > 0 {
		if err := json.Unmarshal(run.Execution, &how); err != nil {
			return fmt.Errorf("run %s: execution: %w", o.run, err)
		}
	}
	shards, err := shardsOf(ctx, st, id, store.StepName(o.step))
	if err != nil {
		return err
	}
	log := edge.Logger()
	var account *budget.Account
	if how.BudgetUSD > 0 {
		account = budget.New(budget.Options{
			Store: st, Account: run.Spending(), USD: how.BudgetUSD, Run: id, Step: store.StepName(o.step), Shard: o.shard, Now: edge.Now,
		})
	}
	models := provider.New(provider.Options{
		Bucket: st.Bucket(), Getenv: edge.Getenv, Access: how.Models, Budget: account, ReplayOnly: how.ReplayOnly, Sim: sim.New, Now: edge.Now, Log: log,
		JitterSeed: seed.New(uint64(o.shard), o.step).Uint64(), // shards that were turned away together come back apart
	})
	defer func() {
		// An interrupted job still flushes what was paid for.
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushWithin)
		defer cancel()
		err = errors.Join(err, models.Close(last))
	}()
	working, stop := givingUp(ctx, st, id, o.does)
	defer stop()
	err = work(working, job.Env{
		Store: st, Models: models, Traffic: models.Traffic, Log: log, Events: far, Now: edge.Now, Every: progressEvery, InFlight: max(how.InFlight, 1), Exec: newTrainer(edge, how),
		Tolerance: how.Tolerance,
	}, shards)
	if given := context.Cause(working); errors.Is(err, context.Canceled) && errors.Is(given, errGivenUp) {
		err = fault.New(fault.Permanent, given, "")
	}
	return err
}

// newTrainer runs trainers with the job's environment, but for what opens its store
// and models.
func newTrainer(edge *cli.Edge, how Execution) *trainer.Runner {
	r := &trainer.Runner{Log: edge.Stderr}
	if edge.Environ != nil {
		r.Environ = edge.Environ()
	}
	for _, access := range how.Models {
		if access.KeyEnv != "" {
			r.Secret = append(r.Secret, access.KeyEnv)
		}
	}
	return r
}

// shardsOf is how many shards a step of a run has.
func shardsOf(ctx context.Context, st *store.Store, id store.RunID, name store.StepName) (int, error) {
	raw, err := st.ReadPlan(ctx, id)
	if err != nil {
		return 0, fmt.Errorf("plan of run %s: %w", id, err)
	}
	p, err := plan.Decode(raw)
	if err != nil {
		return 0, err
	}
	step := p.Step(name)
	if step == nil {
		return 0, fmt.Errorf("run %s has no step %q", id, name)
	}
	return step.Shards, nil
}
