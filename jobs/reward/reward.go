// Package reward is the job that trains the accept/reject reward model from
// ProactiveBench's reward data, the gym's judged turns, or both, and measures it
// with whole traces held out.
package reward

import (
	"context"
	"fmt"
	"path"

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

// Causes of rejected gym rows.
const (
	causeUnjudged = "the turn was not judged"
	causeBadTask  = "the judgement names a candidate that was not proposed"
)

// Run is the job. It reads plan.Reward and writes model.json, metrics.json and
// the row ledger; a row is a line of the reward data, a verdict on a turn of an
// episode, or a turn without a verdict that can be used; see trace.Judged.
// Rows yield nothing to later steps, which read only the model.
func Run(ctx context.Context, t *job.Task) error {
	var p plan.Reward
	if err := t.Params(&p); err != nil {
		return err
	}
	in := &intake{stage: string(t.Step.Name)}
	if p.ProactiveBench != nil {
		if err := in.proactiveBench(ctx, t, *p.ProactiveBench); err != nil {
			return err
		}
	}
	if p.Gym {
		if err := in.gym(ctx, t); err != nil {
			return err
		}
	}
	t.Plan(len(in.ledger))
	if len(in.rows) == 0 {
		return fault.New(fault.Permanent, fmt.Errorf("reward: none of %d rows can be used%s", len(in.ledger), in.firstCause()),
			"check what the inputs of reward.data hold")
	}
	model, metrics, err := rewardmodel.Train(ctx, in.rows, rewardmodel.Options{
		TaskLambda: p.TaskLambda, NeedLambda: p.NeedLambda, Folds: p.Folds,
		Resamples: p.Resamples, Confidence: p.Confidence,
		Rand: t.Rand, Workers: t.InFlight, Simulated: in.simulated,
	})
	if err != nil {
		return err
	}
	for _, r := range in.ledger {
		t.Done(r.State)
	}
	if err := t.WriteJSON(plan.ModelOutput, model); err != nil {
		return err
	}
	if err := t.WriteJSON(plan.MetricsOutput, metrics); err != nil {
		return err
	}
	_, err = t.WriteRows(in.ledger)
	return err
}

// An intake collects usable rows and says of every row what became of it.
type intake struct {
	stage     string
	rows      []trace.Judged
	ledger    []rows.Row
	simulated bool
}

func (in *intake) accept(row trace.Judged) {
	in.rows = append(in.rows, row)
	in.ledger = append(in.ledger, rows.Row{Stage: in.stage, ID: row.ID, State: rows.Accepted})
}

func (in *intake) reject(id, cause string) {
	in.ledger = append(in.ledger, rows.Row{Stage: in.stage, ID: id, State: rows.Rejected, Cause: cause})
}

// firstCause names the first rejected row, for an error.
func (in *intake) firstCause() string {
	for _, r := range in.ledger {
		if r.Cause != "" {
			return "; the first: " + r.ID + ": " + r.Cause
		}
	}
	return ""
}

func (in *intake) proactiveBench(ctx context.Context, t *job.Task, f plan.File) error {
	files, err := t.Files(ctx, f.Input)
	if err != nil {
		return err
	}
	err = trace.ReadRewardData(ctx, files, f.Path, func(r trace.RewardRow) error {
		if r.Cause != "" {
			in.reject(r.ID, r.Cause)
		} else {
			in.accept(r.Judged)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("input %s: %w", path.Join(f.Input, f.Path), err)
	}
	return nil
}

// gym reads episodes. Every verdict is a row, and so is a turn that has none.
func (in *intake) gym(ctx context.Context, t *job.Task) error {
	r, err := t.Open(ctx, EpisodesInput)
	if err != nil {
		return err
	}
	defer r.Close()
	return job.Decode(r, EpisodesInput, func(_ int, ep *trace.Episode) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		in.simulated = in.simulated || ep.Simulated
		causes := make([]string, len(ep.Turns))
		for i := range ep.Turns {
			turn := &ep.Turns[i]
			switch j := turn.Judgement; {
			case j == nil:
				causes[i] = causeUnjudged
			case j.Task != nil && (*j.Task < 0 || *j.Task >= max(1, len(turn.Proposals))):
				causes[i], turn.Judgement = causeBadTask, nil
			}
		}
		judged := ep.Judged()
		for i, cause := range causes {
			if cause != "" {
				in.reject(trace.TurnID(ep.ID, i), cause)
			}
			for ; len(judged) > 0 && len(judged[0].History) == i+1; judged = judged[1:] {
				in.accept(judged[0])
			}
		}
		return nil
	})
}
