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
	"github.com/gymline/gymline/internal/llm/provider"
	"github.com/gymline/gymline/internal/llm/sim"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/seed"
	"github.com/gymline/gymline/internal/store"
)

// progressEvery is how often a job reports.
const progressEvery = 200 * time.Millisecond

// flushWithin is how long a job may take to flush its ledger after an interrupt.
const flushWithin = 8 * time.Second

type jobOptions struct {
	name  string
	run   string
	step  string
	shard int
}

func newJob(edge *cli.Edge) *cobra.Command {
	var o jobOptions
	cmd := &cobra.Command{
		Use:   "job NAME --run RUN --step STEP --shard I",
		Short: "Do one shard of one step of an open run (engines call this)",
		Long: `Do one shard of one step of an open run, as an engine or a pod does: the plan and
all inputs come from the store that GYMLINE_STORE_ENDPOINT, GYMLINE_STORE_BUCKET,
GYMLINE_STORE_PREFIX, GYMLINE_STORE_REGION, AWS_ACCESS_KEY_ID and
AWS_SECRET_ACCESS_KEY name. Events are JSON lines on stdout, logs go to stderr.

` + exitCodes,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.name = args[0]; o.run == "" || o.step == "" {
				return usage(cmd, errors.New("--run and --step are required"))
			}
			return runJob(cmd.Context(), edge, o)
		},
	}
	cmd.Flags().StringVar(&o.run, "run", "", "the run's ID")
	cmd.Flags().StringVar(&o.step, "step", "", "the step's name")
	cmd.Flags().IntVar(&o.shard, "shard", 0, "the shard, from 0")
	return cmd
}

// Execution is how a run is done, kept in its record for the jobs; it changes
// no artifact.
type Execution struct {
	InFlight int                   `json:"inFlight"`
	Models   map[string]llm.Access `json:"models,omitempty"`
	// ReplayOnly answers from the ledger alone.
	ReplayOnly bool `json:"replayOnly,omitempty"`
}

func runJob(ctx context.Context, edge *cli.Edge, o jobOptions) error {
	sink := progress.NewJSON(edge.Stdout)
	rec, err := doJob(ctx, edge, o, sink)
	state := progress.Event{Type: progress.StepState, Step: o.step, Shard: o.shard, State: progress.Succeeded}
	switch {
	case err == nil && rec.Reused:
		state.State = progress.Reused
	case err != nil:
		state.State, state.Cause, state.Hint, state.ExitCode = progress.Failed, err.Error(), fault.Hint(err), fault.Code(err)
	}
	sink.Emit(state)
	if err != nil {
		return cli.Shown(err) // the event tells of it
	}
	return nil
}

func doJob(ctx context.Context, edge *cli.Edge, o jobOptions, sink progress.Sink) (rec store.Step, err error) {
	st, err := storeFromEnv(ctx, edge.Getenv)
	if err != nil {
		return rec, err
	}
	which := job.Shard{Run: store.RunID(o.run), Step: store.StepName(o.step), Shard: o.shard, Job: o.name}
	run, err := st.ReadRun(ctx, which.Run)
	if err != nil {
		return rec, fmt.Errorf("run %s: %w", o.run, err)
	}
	var how Execution
	if len(run.Execution) > 0 {
		if err := json.Unmarshal(run.Execution, &how); err != nil {
			return rec, fmt.Errorf("run %s: execution: %w", o.run, err)
		}
	}
	log := edge.Logger()
	models := provider.New(provider.Options{
		Bucket: st.Bucket(), Getenv: edge.Getenv, Access: how.Models, ReplayOnly: how.ReplayOnly, Sim: sim.New, Now: edge.Now, Log: log,
		JitterSeed: seed.New(uint64(o.shard), o.step).Uint64(), // shards that were turned away together come back apart
	})
	defer func() {
		// An interrupted job still flushes what was paid for.
		flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushWithin)
		defer cancel()
		err = errors.Join(err, models.Close(flush))
	}()
	return job.Run(ctx, job.Env{
		Store: st, Models: models, Log: log, Events: sink, Now: edge.Now, Every: progressEvery, InFlight: max(how.InFlight, 1),
	}, jobs, which)
}
