// Package reward is the job that trains the accept/reject reward model from
// ProactiveBench's reward data, the gym's judged turns, or both, and measures it
// with whole traces held out.
package reward

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/rewardmodel"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/trace"
)

// Format is the version of what this job does with the same parameters and
// inputs; work keys cover it.
const Format = 3

// EpisodesInput is the step's input of trace.Episode rows.
const EpisodesInput = "episodes"

// Run is the job. It reads plan.Reward and writes model.json, metrics.json and
// the row ledger; a row is a line of the reward data, a verdict on a turn of an
// episode, or a turn without a verdict that can be used; see trace.Judged.
// Rows yield nothing to later steps, which read only the model.
func Run(ctx context.Context, t *job.Task) error {
	var p plan.Reward
	if err := t.Params(&p); err != nil {
		return err
	}
	// What is read stays until the end, and grows: collecting at half as much garbage
	// costs next to no time, and saved a quarter of the memory in November 2026.
	defer debug.SetGCPercent(debug.SetGCPercent(50))
	// Created in this order, which the step's record keeps; the ledger is written first.
	model, metrics := t.Create(plan.ModelOutput, job.JSON), t.Create(plan.MetricsOutput, job.JSON)
	in := &intake{task: t, ledger: t.Ledger()}
	if p.ProactiveBench != nil {
		if err := in.proactiveBench(ctx, *p.ProactiveBench); err != nil {
			return err
		}
	}
	if p.Gym {
		if err := in.gym(ctx); err != nil {
			return err
		}
	}
	t.Plan(in.rows)
	if in.used == 0 {
		return fault.New(fault.Permanent, fmt.Errorf("reward: none of %d rows can be used%s", in.rows, in.firstCause),
			"check what the inputs of reward.data hold")
	}
	trained, measured, err := in.data.Train(ctx, rewardmodel.Options{
		TaskLambda: p.TaskLambda, NeedLambda: p.NeedLambda, Folds: p.Folds,
		Resamples: p.Resamples, Confidence: p.Confidence,
		Rand: t.Rand, Workers: t.InFlight, Simulated: in.simulated,
		Progress: func(done float64) { in.reach(shareRead + (1-shareRead)*done) },
	})
	if err != nil {
		return err
	}
	in.reach(1)
	return errors.Join(model.Document(trained), metrics.Document(measured))
}

// shareRead is how much of the work reading is, as measured in November 2026. No row
// is done before all are, so progress counts the share of the work, in rows.
const shareRead = 0.15

// An intake collects usable rows and says of every row what became of it.
type intake struct {
	task       *job.Task
	data       rewardmodel.Dataset
	ledger     *job.Ledger
	rows, used int
	firstCause string // with the row, for an error
	failed     error  // to write the ledger
	reached    int    // rows that count as done
	simulated  bool
}

func (in *intake) accept(row *trace.Judged) {
	in.data.Add(row)
	in.used++
	in.add(rows.Row{ID: row.ID, State: rows.Accepted})
}

func (in *intake) reject(id, cause string) {
	if in.firstCause == "" {
		in.firstCause = "; the first: " + id + ": " + cause
	}
	in.add(rows.Row{ID: id, State: rows.Rejected, Cause: cause})
}

func (in *intake) add(row rows.Row) {
	in.rows++
	row.Stage = string(in.task.Step.Name)
	in.failed = cmp.Or(in.failed, in.ledger.Add(row))
}

// reach tells that a share of the work on the rows so far is done.
func (in *intake) reach(share float64) {
	for ; in.reached < int(share*float64(in.rows)); in.reached++ {
		in.task.Done(rows.Accepted)
	}
}

func (in *intake) proactiveBench(ctx context.Context, f plan.File) error {
	files, err := in.task.Files(f.Input)
	if err != nil {
		return err
	}
	err = trace.ReadRewardData(ctx, files, f.Path, func(r trace.RewardRow) error {
		if r.Cause != "" {
			in.reject(r.ID, r.Cause)
		} else {
			in.accept(&r.Judged)
		}
		return in.failed
	})
	if err != nil {
		return fmt.Errorf("input %s: %w", f, err)
	}
	return nil
}

// gym reads episodes. Every verdict is a row, and so is a turn that has none.
func (in *intake) gym(ctx context.Context) error {
	artifacts, err := in.task.Artifacts(EpisodesInput)
	if err != nil {
		return err
	}
	episodes, read, before := 0, 0, in.rows
	for _, a := range artifacts {
		episodes += int(a.Rows)
	}
	return job.Each(ctx, in.task, EpisodesInput, func(_ int, ep *trace.Episode) error {
		in.simulated = in.simulated || ep.Simulated
		judged := ep.Judged()
		for i := range ep.Turns {
			if cause := ep.Turns[i].Unjudged(); cause != "" {
				in.reject(trace.TurnID(ep.ID, i), cause)
			}
			for ; len(judged) > 0 && len(judged[0].History) == i+1; judged = judged[1:] {
				in.accept(&judged[0])
			}
		}
		read++
		n := in.rows - before // episodes to come are taken to have as many
		in.task.Plan(before + n*max(episodes, read)/read)
		in.reach(shareRead)
		return in.failed
	})
}
