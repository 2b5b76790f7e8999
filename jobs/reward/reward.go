// Package reward is the job that trains the accept/reject reward model from
// ProactiveBench's reward data, the gym's judged turns, or both, and measures it
// with whole traces held out.
package reward

import (
	"context"
	"fmt"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/rewardmodel"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/trace"
)

// Format is the version of what this job does with the same parameters and
// inputs; work keys cover it.
const Format = 2

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
	in := &intake{task: t}
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
	t.Plan(len(in.ledger))
	if in.used == 0 {
		return fault.New(fault.Permanent, fmt.Errorf("reward: none of %d rows can be used%s", len(in.ledger), in.firstCause()),
			"check what the inputs of reward.data hold")
	}
	model, metrics, err := in.data.Train(ctx, rewardmodel.Options{
		TaskLambda: p.TaskLambda, NeedLambda: p.NeedLambda, Folds: p.Folds,
		Resamples: p.Resamples, Confidence: p.Confidence,
		Rand: t.Rand, Workers: t.InFlight, Simulated: in.simulated,
		Progress: func(done float64) { in.reach(shareRead + (shareTrained-shareRead)*done) },
	})
	if err != nil {
		return err
	}
	if err := t.WriteJSON(plan.ModelOutput, model); err != nil {
		return err
	}
	if err := t.WriteJSON(plan.MetricsOutput, metrics); err != nil {
		return err
	}
	return in.writeLedger()
}

// No row is done before all are, so progress counts the share of the work that
// is done, in rows: until they are read, until the model is measured, and until
// the ledger is written.
const (
	shareRead    = 0.15
	shareTrained = 0.97
)

// An intake collects usable rows and says of every row what became of it.
type intake struct {
	task      *job.Task
	data      rewardmodel.Dataset
	used      int
	ledger    []entry
	reached   int // rows that count as done
	simulated bool
}

// An entry is a row of the ledger: rejected where there is a cause.
type entry struct{ id, cause string }

func (in *intake) accept(row *trace.Judged) {
	in.data.Add(row)
	in.used++
	in.ledger = append(in.ledger, entry{id: row.ID})
}

func (in *intake) reject(id, cause string) {
	in.ledger = append(in.ledger, entry{id, cause})
}

// reach tells that a share of the work on the rows so far is done.
func (in *intake) reach(share float64) {
	for ; in.reached < int(share*float64(len(in.ledger))); in.reached++ {
		in.task.Done(rows.Accepted)
	}
}

func (in *intake) writeLedger() error {
	l := in.task.Ledger()
	for i, e := range in.ledger {
		row := rows.Row{Stage: string(in.task.Step.Name), ID: e.id, State: rows.Accepted, Cause: e.cause}
		if e.cause != "" {
			row.State = rows.Rejected
		}
		if err := l.Add(row); err != nil {
			return err
		}
		in.reach(shareTrained + (1-shareTrained)*float64(i+1)/float64(len(in.ledger)))
	}
	return nil
}

// firstCause names the first rejected row, for an error.
func (in *intake) firstCause() string {
	for _, e := range in.ledger {
		if e.cause != "" {
			return "; the first: " + e.id + ": " + e.cause
		}
	}
	return ""
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
		return nil
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
	episodes, read, before := 0, 0, len(in.ledger)
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
		n := len(in.ledger) - before // episodes to come are taken to have as many
		in.task.Plan(before + n*max(episodes, read)/read)
		in.reach(shareRead)
		return nil
	})
}
