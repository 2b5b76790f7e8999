package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

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
GYMLINE_STORE_PREFIX, GYMLINE_STORE_REGION, AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN. Events are JSON lines on stdout, logs go to stderr.

With GYMLINE_SECRETS=stdin it reads keys from stdin first, NAME=value, each with
a NUL at its end: so does 'gymline run' hand them over, since others can read the
environment that a process was started with.

` + fault.Help(),
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

// beside does something while something else is done.
func beside(ctx context.Context, do func(context.Context)) (done <-chan struct{}, stop func()) {
	ctx, stop = context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		do(ctx)
	}()
	return ended, stop
}

func runJob(ctx context.Context, edge *cli.Edge, o jobOptions) error {
	sink := progress.NewJSON(edge.Stdout)
	st, err := (*store.Store)(nil), edge.TakeSecrets()
	if err == nil {
		st, err = storeFromEnv(ctx, edge.Getenv, edge.Now)
	}
	if err == nil {
		which := job.Shard{Run: store.RunID(o.run), Step: store.StepName(o.step), Shard: o.shard, Job: o.name}
		if o.name == plan.JobTrain {
			told, stop := beside(ctx, func(ctx context.Context) { tellWaiting(ctx, edge, st, which.Run, which.Step) })
			defer func() { stop(); <-told }()
		}
		err = worker(edge, st).Shards(ctx, which, o.stride, sink)
	}
	if err == nil {
		return nil
	}
	at := o.shard
	if failed, ok := errors.AsType[*run.ShardError](err); ok {
		at = failed.Shard
	}
	sink.Emit(progress.Event{Type: progress.StepState, Step: o.step, Shard: at, State: progress.Failed}.Because(err))
	return cli.Shown(err) // the event tells of it
}
