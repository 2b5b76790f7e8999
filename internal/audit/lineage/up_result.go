package lineage

import (
	"context"
	"math"
	"strconv"
	"strings"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/store"
)

// answer tells of what a candidate's answer was made of, and its verdict.
func (w *walk) answer(ctx context.Context, of string, depth int, s *subject) error {
	p, err := params[plan.Predict](s.step, s.shard)
	if err != nil {
		return err
	}
	file, lines, err := w.eventLines(ctx, p.Benchmark, s.answer.trace)
	if err != nil {
		return err
	}
	tell := func(how string, file plan.File, line int) error {
		n, err := w.file(ctx, file, line)
		if err != nil {
			return err
		}
		return w.link(of, depth, how, n)
	}
	if err := tell("to the event", file, lineAt(lines, s.answer.turn)); err != nil {
		return err
	}
	if p.Candidate.Recorded != nil {
		file, lines, err := w.answerLines(ctx, p.Benchmark, *p.Candidate.Recorded, s.answer.trace)
		if line := lineAt(lines, s.answer.turn); err == nil && line > 0 {
			err = tell("recorded in", file, line)
		}
		if err != nil {
			return err
		}
	}
	if err := w.callsOf(ctx, of, depth, s.name); err != nil {
		return err
	}
	return w.behind(ctx, of, depth, s.shard)
}

// behind tells of the checkpoint that a candidate serves and of the model that judges it.
func (w *walk) behind(ctx context.Context, of string, depth, shard int) error {
	x := w.predictions()[shard]
	if x.serves != "" {
		n, err := w.node(ctx, &subject{kind: Checkpoint, name: plan.TrainingOf(x.serves), step: w.named(x.serves)})
		if err == nil {
			err = w.link(of, depth, "served from", n)
		}
		if err != nil {
			return err
		}
	}
	if x.params.Judge.Kind != plan.JudgeRewardModel {
		return nil
	}
	n, err := w.node(ctx, &subject{kind: RewardModel, step: w.step(plan.JobReward)})
	if err != nil {
		return err
	}
	return w.link(of, depth, "judged by", n)
}

// scored tells of the answers that a score counts.
func (w *walk) scored(ctx context.Context, of string, depth int, candidate string) error {
	for _, x := range w.predictions() {
		if x.params.Candidate.Name != candidate || x.step.Shards[x.shard].Record == nil {
			continue
		}
		n, err := w.at(ctx, Artifact, x.step, x.shard, plan.JudgedOutput, "")
		if err != nil {
			return err
		}
		a, err := w.artifact(x.step, x.shard, plan.RowsOutput)
		if err != nil {
			return err
		}
		n.Count = a.Rows
		if err := w.link(of, depth, "counts", n); err != nil {
			return err
		}
		if err := w.behind(ctx, n.ID, depth+1, x.shard); err != nil {
			return err
		}
		if err := w.answers(ctx, n.ID, depth+1, x, "", 0, math.MaxInt); err != nil {
			return err
		}
	}
	return nil
}

// trained tells of the export that a checkpoint was trained on.
func (w *walk) trained(ctx context.Context, of string, depth int, s *subject) error {
	n, err := w.node(ctx, &subject{kind: Export, step: w.step(plan.JobExport)})
	if err == nil {
		err = w.link(of, depth, "trained on", n)
	}
	if err != nil {
		return err
	}
	return w.trainedOn(ctx, n.ID, depth+1)
}

// trainedOn tells of every row that an export wrote.
func (w *walk) trainedOn(ctx context.Context, of string, depth int) error {
	return w.exported(ctx, func(x *exported) error {
		if x.line == 0 {
			return ctx.Err()
		}
		n, err := w.rowNode(ctx, x, true)
		if err != nil {
			return err
		}
		return w.link(of, depth, x.split+" row of "+x.set, n)
	})
}

// learned tells of every row that the reward model learned from.
func (w *walk) learned(ctx context.Context, of string, depth int) error {
	s := w.step(plan.JobReward)
	f, err := peopleOf(s)
	if err != nil {
		return err
	}
	return each(ctx, w.View, s, 0, plan.RowsOutput, func(_ int, row *rows.Row) error {
		if row.State != rows.Accepted {
			return ctx.Err()
		}
		n, err := w.at(ctx, Verdict, s, 0, plan.RowsOutput, row.ID)
		if err != nil {
			return err
		}
		if _, _, person := personNamed(row.ID); person && f != nil {
			file, line := (&people{file: *f}).line(row.ID)
			n.Origins = []string{place(file, line)}
		} else if n.Origins, err = w.originsOf(ctx, row.ID); err != nil {
			return err
		}
		return w.link(of, depth, "learned from", n)
	})
}

// read tells of what the shard of an artifact read, back to the inputs.
func (w *walk) read(ctx context.Context, of string, depth int, s *subject, seen map[string]bool) error {
	for _, a := range s.step.Shards[s.shard].Record.Inputs {
		n, before := Node{ID: a.Name, Kind: Input, Digest: a.Digest}, (*subject)(nil)
		if parts := strings.SplitN(a.Name, "/", 3); a.MediaType != job.TreeType && len(parts) == 3 {
			shard, err := strconv.Atoi(parts[1])
			if err != nil {
				return err
			}
			before = &subject{kind: Artifact, step: w.named(store.StepName(parts[0])), shard: shard, output: parts[2]}
			if n, err = w.node(ctx, before); err != nil {
				return err
			}
		}
		if err := w.link(of, depth, "read", n); err != nil {
			return err
		}
		if before == nil || seen[n.ID] {
			continue
		}
		seen[n.ID] = true
		if err := w.read(ctx, n.ID, depth+1, before, seen); err != nil {
			return err
		}
	}
	return nil
}
