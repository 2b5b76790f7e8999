// Gymline turns one versioned experiment into datasets, a reward model, trainer
// files and scores of proactive agents. See the README.
package main

import (
	"context"
	"os"
	_ "time/tzdata" // schedules name time zones, and a small image has none

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/jobs/curate"
	"github.com/gymline/gymline/jobs/evaluate"
	finetuneexport "github.com/gymline/gymline/jobs/finetune-export"
	"github.com/gymline/gymline/jobs/generate"
	"github.com/gymline/gymline/jobs/report"
	"github.com/gymline/gymline/jobs/reward"
	"github.com/gymline/gymline/jobs/train"
)

// jobs are all that a plan may name.
var jobs = map[string]job.Func{
	plan.JobGenerate: generate.Run,
	plan.JobCurate:   curate.Run,
	plan.JobReward:   reward.Run,
	plan.JobExport:   finetuneexport.Run,
	plan.JobTrain:    train.Run,
	plan.JobPredict:  evaluate.Predict,
	plan.JobAnchors:  evaluate.Anchors,
	plan.JobEvaluate: evaluate.Run,
	plan.JobReport:   report.Run,
}

// formats are the jobs' output formats, which work keys cover.
var formats = map[string]int{
	plan.JobGenerate: generate.Format,
	plan.JobCurate:   curate.Format,
	plan.JobReward:   reward.Format,
	plan.JobExport:   finetuneexport.Format,
	plan.JobTrain:    train.Format,
	plan.JobPredict:  evaluate.PredictFormat,
	plan.JobAnchors:  evaluate.AnchorsFormat,
	plan.JobEvaluate: evaluate.Format,
	plan.JobReport:   report.Format,
}

func main() { os.Exit(gymline(cli.System())) }

// gymline runs one command line and returns its exit code.
func gymline(edge *cli.Edge) int {
	return edge.Main(func(ctx context.Context) error {
		root := newRoot(edge)
		if err := known(root, edge.Args); err != nil {
			return err
		}
		return root.ExecuteContext(ctx)
	})
}
