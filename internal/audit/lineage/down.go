package lineage

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/trace"
)

// down tells of what was made of a subject.
func (w *walk) down(ctx context.Context, of string, s *subject) error {
	switch s.kind {
	case Row:
		x, err := w.find(ctx, s.set, s.name)
		if err != nil || x.line == 0 {
			return err
		}
		return w.after(ctx, of, 1, true, false)
	case Turn, Session, Scene:
		sel := &selection{scenes: map[int]string{}}
		scene, _, _, _ := sceneNamed(s.name)
		sel.scenes[scene] = ""
		if s.kind != Scene {
			sel.session, sel.turn = s.name, -1
		}
		if s.kind == Turn {
			sel.session, _, _ = cutLast(s.name)
			_, _, sel.turn, _ = sceneNamed(s.name)
		}
		return w.gymRows(ctx, of, sel)
	case Input:
		return w.fromInput(ctx, of, s)
	case Answer:
		return w.scoreOf(ctx, of, 1, "counted in", s.answer.candidate)
	case Checkpoint:
		return w.servedFrom(ctx, of, 1, s.step.Name)
	case Export:
		return w.after(ctx, of, 1, true, false)
	case RewardModel:
		return w.judgedBy(ctx, of, 1)
	case Artifact:
		return w.readBy(ctx, of, 1, s, map[string]bool{})
	}
	return nil
}

// A selection is which rows of the gym come from something.
type selection struct {
	scenes  map[int]string // how each came of it
	session string         // of it alone, where it is set
	turn    int            // from that turn on; -1: all
}

// of is how a judged row came of it, "" where it did not.
func (s *selection) of(id string) string {
	scene, session, turn, ok := sceneNamed(id)
	if _, in := s.scenes[scene]; !ok || !in {
		return ""
	}
	switch {
	case s.session != "" && s.session != fmt.Sprintf("%s/%d", sceneID(scene), session):
		return ""
	case s.session != "" && turn < s.turn:
		return ""
	case s.session != "" && s.turn >= 0 && turn > s.turn:
		return "has it in its history"
	case s.session != "" && s.turn >= 0:
		return "made of it"
	}
	return "row of"
}

// gymRows tells of the sessions, rows, checkpoints and scores that came of part of the gym.
func (w *walk) gymRows(ctx context.Context, of string, sel *selection) error {
	g := &gymTree{walk: w, of: of, sel: sel}
	err := w.exported(ctx, func(x *exported) error {
		how := sel.of(x.id)
		if how == "" || x.line == 0 {
			return ctx.Err()
		}
		return g.row(ctx, x, how)
	})
	if err != nil {
		return err
	}
	learned, err := w.judges(ctx, func(id string) bool { return sel.of(id) != "" })
	if err != nil {
		return err
	}
	return w.after(ctx, of, 1, g.written, learned)
}

// A gymTree tells of rows below their sessions and scenes.
type gymTree struct {
	*walk
	of      string
	sel     *selection
	written bool
	scene   Link // that rows come of now
	session Link
	trace   string
}

func (g *gymTree) row(ctx context.Context, x *exported, how string) error {
	g.written = true
	on, depth := g.of, 1
	if g.sel.session == "" {
		if err := g.within(ctx, x); err != nil {
			return err
		}
		on, depth = g.session.ID, g.session.Depth+1
	}
	n, err := g.rowNode(ctx, x, true)
	if err != nil {
		return err
	}
	return g.link(on, depth, how, n)
}

// within tells of the scene and the session of a row, where they are others than before.
func (g *gymTree) within(ctx context.Context, x *exported) error {
	if x.trace == g.trace {
		return nil
	}
	g.trace = x.trace
	scene, _, _, _ := sceneNamed(x.id)
	g.session.Of, g.session.Depth = g.of, 1
	if how := g.sel.scenes[scene]; how != "" {
		shard, err := g.shardOf(ctx, x.trace)
		if err != nil {
			return err
		}
		n, err := g.at(ctx, Scene, g.step(plan.JobGenerate), shard, plan.ScenesOutput, sceneID(scene))
		if err != nil {
			return err
		}
		if n.ID != g.scene.ID {
			g.scene.ID = n.ID
			if err := g.link(g.of, 1, how, n); err != nil {
				return err
			}
		}
		g.session.Of, g.session.Depth = n.ID, 2
	}
	shard, err := g.shardOf(ctx, x.trace)
	if err != nil {
		return err
	}
	n, err := g.at(ctx, Session, g.step(plan.JobGenerate), shard, plan.EpisodesOutput, x.trace)
	if err != nil {
		return err
	}
	g.session.ID = n.ID
	return g.link(g.session.Of, g.session.Depth, "played in it", n)
}

// judges reports whether the reward model learned from a row.
func (w *walk) judges(ctx context.Context, from func(id string) bool) (learned bool, err error) {
	s := w.step(plan.JobReward)
	if s == nil || s.Shards[0].Record == nil {
		return false, nil
	}
	err = each(ctx, w.View, s, 0, plan.RowsOutput, func(_ int, row *rows.Row) error {
		if learned = row.State == rows.Accepted && from(row.ID); learned {
			return errStop
		}
		return ctx.Err()
	})
	return learned, err
}

// after tells of what came of rows of the export, and of the reward model's.
func (w *walk) after(ctx context.Context, of string, depth int, written, learned bool) error {
	if learned {
		n, err := w.node(ctx, &subject{kind: RewardModel, step: w.step(plan.JobReward)})
		if err == nil {
			err = w.link(of, depth, "learned by", n)
		}
		if err == nil {
			err = w.judgedBy(ctx, n.ID, depth+1)
		}
		if err != nil {
			return err
		}
	}
	if !written {
		return nil
	}
	for i := range w.run.Steps {
		s := &w.run.Steps[i]
		if s.Job != plan.JobTrain || s.Shards[0].Record == nil {
			continue
		}
		n, err := w.node(ctx, &subject{kind: Checkpoint, name: plan.TrainingOf(s.Name), step: s})
		if err == nil {
			err = w.link(of, depth, "given to the training", n)
		}
		if err == nil {
			err = w.servedFrom(ctx, n.ID, depth+1, s.Name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// servedFrom tells of the scores of candidates that serve a checkpoint.
func (w *walk) servedFrom(ctx context.Context, of string, depth int, training store.StepName) error {
	return w.scores(ctx, of, depth, "served by", func(x *prediction) bool { return x.serves == training })
}

// judgedBy tells of the scores that the reward model's verdicts are counted in.
func (w *walk) judgedBy(ctx context.Context, of string, depth int) error {
	return w.scores(ctx, of, depth, "judges", func(x *prediction) bool { return x.params.Judge.Kind == plan.JudgeRewardModel })
}

func (w *walk) scores(ctx context.Context, of string, depth int, how string, which func(*prediction) bool) error {
	var told []string
	for _, x := range w.predictions() {
		name := x.params.Candidate.Name
		if !which(&x) || slices.Contains(told, name) {
			continue
		}
		told = append(told, name)
		if err := w.scoreOf(ctx, of, depth, how, name); err != nil {
			return err
		}
	}
	return nil
}

// scoreOf tells of a candidate's score, where there is one yet.
func (w *walk) scoreOf(ctx context.Context, of string, depth int, how, candidate string) error {
	if s := w.step(plan.JobEvaluate); s == nil || s.Shards[0].Record == nil {
		return nil
	}
	n, err := w.scoreNode(ctx, candidate)
	if err != nil {
		return err
	}
	return w.link(of, depth, how, n)
}

// answers tells of a candidate's answers to a trace, or to all where it is "", from a
// turn to another.
func (w *walk) answers(ctx context.Context, of string, depth int, x prediction, id string, from, to int) error {
	return each(ctx, w.View, x.step, x.shard, plan.JudgedOutput, func(_ int, line *trace.JudgedTrace) error {
		if id != "" && line.Trace.ID != id {
			return ctx.Err()
		}
		for turn := from; turn <= to && turn < len(line.Trace.Turns); turn++ {
			t := &line.Trace.Turns[turn]
			a := answer{x.params.Candidate.Name, line.Trace.ID, turn, x.params.Repeat}
			n, err := w.at(ctx, Answer, x.step, x.shard, plan.JudgedOutput, a.id())
			if err != nil {
				return err
			}
			n.Text = turnText(t) + judgedText(t)
			how := "answer"
			if id != "" && from > 0 && turn > from {
				how = "answer after it"
			}
			if err := w.link(of, depth, how, n); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
}

// readBy tells of what read an artifact, forward to the end of the run.
func (w *walk) readBy(ctx context.Context, of string, depth int, s *subject, seen map[string]bool) error {
	name := fmt.Sprintf("%s/%d/%s", s.step.Name, s.shard, s.output)
	for i := range w.run.Steps {
		step := &w.run.Steps[i]
		for shard := range step.Shards {
			if !reads(step, shard, name) {
				continue
			}
			for _, out := range step.Shards[shard].Record.Outputs {
				after := &subject{kind: Artifact, step: step, shard: shard, output: out.Name}
				n, err := w.node(ctx, after)
				if err == nil {
					err = w.link(of, depth, "read by "+strings.TrimSuffix(fmt.Sprintf("%s/%d", step.Name, shard), "/0"), n)
				}
				if err != nil {
					return err
				}
				if seen[n.ID] {
					continue
				}
				seen[n.ID] = true
				if err := w.readBy(ctx, n.ID, depth+1, after, seen); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// reads reports whether a shard has read an artifact of that name.
func reads(s *run.Step, shard int, name string) bool {
	rec := s.Shards[shard].Record
	return rec != nil && slices.ContainsFunc(rec.Inputs, func(a store.Artifact) bool { return a.Name == name })
}
