package lineage

import (
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/trace"
)

// node is the node of a subject.
func (v *View) node(ctx context.Context, s *subject) (Node, error) {
	switch s.kind {
	case Row:
		x, err := v.find(ctx, s.set, s.name)
		if err != nil {
			return Node{}, err
		}
		return v.rowNode(ctx, x, false)
	case Turn:
		return v.turnNode(ctx, s.name)
	case Session:
		e, shard, err := v.episode(ctx, s.name)
		if err != nil {
			return Node{}, err
		}
		n, err := v.at(ctx, Session, v.step(plan.JobGenerate), shard, plan.EpisodesOutput, s.name)
		n.Text, n.Count = "ended by "+e.End, int64(len(e.Turns))
		return n, err
	case Scene:
		return v.sceneNode(ctx, s.name)
	case Input:
		return v.inputNode(ctx, s)
	case Answer:
		return v.answerNode(ctx, s)
	case Score:
		return v.scoreNode(ctx, s.name)
	case Checkpoint:
		return v.checkpointNode(ctx, s.step)
	case RewardModel:
		n, err := v.at(ctx, RewardModel, s.step, 0, plan.ModelOutput, "")
		return n, err
	case Export:
		n, err := v.at(ctx, Export, s.step, 0, plan.ManifestOutput, "")
		if err != nil {
			return n, err
		}
		a, err := v.artifact(s.step, 0, plan.RowsOutput)
		n.Text = fmt.Sprintf("of %d planned rows", a.Rows)
		return n, err
	}
	n, err := v.at(ctx, Artifact, s.step, s.shard, s.output, "")
	if a, none := v.artifact(s.step, s.shard, s.output); none == nil {
		n.Count = a.Rows
	}
	return n, err
}

func (v *View) turnNode(ctx context.Context, name string) (Node, error) {
	session, number, _ := cutLast(name)
	e, shard, err := v.episode(ctx, session)
	if err != nil {
		return Node{}, err
	}
	turn, err := strconv.Atoi(number)
	if err != nil || turn >= len(e.Turns) {
		return Node{}, v.none(name, fmt.Sprintf("%s has %d turns", session, len(e.Turns)))
	}
	n, err := v.at(ctx, Turn, v.step(plan.JobGenerate), shard, plan.EpisodesOutput, name)
	n.Text = turnText(&e.Turns[turn])
	return n, err
}

// turnText is what happened, and what was offered then.
func turnText(t *trace.Turn) string {
	if len(t.Proposals) == 0 {
		return t.Event.Text + " → silence"
	}
	var offers []string
	for _, p := range t.Proposals {
		offers = append(offers, strconv.Quote(p))
	}
	return t.Event.Text + " → " + strings.Join(offers, ", ")
}

func (v *View) sceneNode(ctx context.Context, name string) (Node, error) {
	shard, err := v.shardOf(ctx, name)
	if err != nil {
		return Node{}, err
	}
	s := v.step(plan.JobGenerate)
	n, err := v.at(ctx, Scene, s, shard, plan.ScenesOutput, name)
	if err != nil {
		return n, err
	}
	err = each(ctx, v, s, shard, plan.ScenesOutput, func(_ int, scene *trace.Scene) error {
		if scene.ID != name {
			return nil
		}
		n.Text = scene.User.Goal
		return errStop
	})
	return n, err
}

func (v *View) inputNode(ctx context.Context, s *subject) (Node, error) {
	n, err := v.file(ctx, s.file, s.line)
	if err != nil || s.line == 0 {
		return n, err
	}
	data, err := v.read(ctx, s.file)
	if err != nil {
		return n, err
	}
	for i := 1; i < s.line && len(data) > 0; i++ {
		_, rest, _ := strings.Cut(string(data), "\n")
		data = []byte(rest)
	}
	line, _, _ := strings.Cut(string(data), "\n")
	if n.Text = strings.TrimSpace(line); n.Text == "" {
		return n, v.none(n.ID, "the file has no such line, or it is empty")
	}
	return n, nil
}

func (v *View) answerNode(ctx context.Context, s *subject) (Node, error) {
	n, err := v.at(ctx, Answer, s.step, s.shard, plan.JudgedOutput, s.name)
	if err != nil {
		return n, err
	}
	found := false
	err = each(ctx, v, s.step, s.shard, plan.JudgedOutput, func(_ int, line *trace.JudgedTrace) error {
		if line.Trace.ID != s.answer.trace || s.answer.turn >= len(line.Trace.Turns) {
			return nil
		}
		t := &line.Trace.Turns[s.answer.turn]
		n.Text, found = turnText(t)+judgedText(t), true
		return errStop
	})
	if err == nil && !found {
		err = v.none(s.name, fmt.Sprintf("see 'gymline table %s events'", v.run.ID))
	}
	return n, err
}

func judgedText(t *trace.Turn) string {
	j := t.Judgement
	if j == nil {
		return ", not judged"
	}
	s := map[bool]string{true: ", accepted", false: ", rejected"}[j.Accepted]
	if j.Reason != "" {
		s += ": " + j.Reason
	}
	return s
}

func (v *View) scoreNode(ctx context.Context, candidate string) (Node, error) {
	s := v.step(plan.JobEvaluate)
	n, err := v.at(ctx, Score, s, 0, plan.MetricsOutput, candidate)
	if err != nil {
		return n, err
	}
	var m metrics.Evaluation
	if err := v.document(ctx, s, plan.MetricsOutput, &m); err != nil {
		return n, err
	}
	for i := range m.Candidates {
		if c := &m.Candidates[i]; c.Name == candidate {
			n.F1 = &c.F1
			n.Text = fmt.Sprintf("F1 %.1f [%.1f, %.1f], of %d events", 100*c.F1, 100*c.F1CI[0], 100*c.F1CI[1], c.Events)
			if c.Simulated || m.Simulated {
				n.Text += ", simulated"
			}
		}
	}
	return n, nil
}

func (v *View) checkpointNode(ctx context.Context, s *run.Step) (Node, error) {
	n, err := v.at(ctx, Checkpoint, s, 0, plan.CheckpointOutput, "")
	if err != nil {
		return n, err
	}
	var c plan.Checkpoint
	if err := v.document(ctx, s, plan.CheckpointOutput, &c); err != nil {
		return n, err
	}
	n.Digest = c.Tree
	n.Text = fmt.Sprintf("%s, %d files, %d bytes", c.Kind, c.Files, c.Bytes)
	if c.Base != "" {
		n.Text += ", of " + c.Base
	}
	return n, nil
}

// inFolder reports whether a file is right in a folder of an input.
func inFolder(f, dir plan.File) bool {
	return f.Input == dir.Input && path.Dir(f.Path) == path.Clean(dir.Path)
}
