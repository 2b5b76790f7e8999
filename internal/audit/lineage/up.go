package lineage

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/gymline/gymline/internal/calls"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/trace"
)

// up tells of what a subject was made of.
func (w *walk) up(ctx context.Context, of string, depth int, s *subject) error {
	switch s.kind {
	case Row:
		return w.judged(ctx, of, depth, s.set, s.name)
	case Turn:
		return w.turn(ctx, of, depth, s.name)
	case Session:
		return w.session(ctx, of, depth, s.name)
	case Scene:
		return w.scene(ctx, of, depth, s.name)
	case Answer:
		return w.answer(ctx, of, depth, s)
	case Score:
		return w.scored(ctx, of, depth, s.name)
	case Checkpoint:
		return w.trained(ctx, of, depth, s)
	case Export:
		return w.trainedOn(ctx, of, depth)
	case RewardModel:
		return w.learned(ctx, of, depth)
	case Artifact:
		return w.read(ctx, of, depth, s, map[string]bool{})
	}
	return nil // an input is where it begins
}

// judged tells of the verdict that a row of the export was made of, with its turn.
func (w *walk) judged(ctx context.Context, of string, depth int, set, id string) error {
	if _, _, turn, ok := sceneNamed(id); ok {
		session, _, _ := cutLast(id)
		name := trace.TurnID(session, turn)
		n, err := w.turnNode(ctx, name)
		if err != nil {
			return err
		}
		n.Text += "; " + verdictText(w.last, turn, id)
		if err := w.link(of, depth, "taught by", n); err != nil {
			return err
		}
		if err := w.chosen(ctx, n.ID, depth+1, session); err != nil {
			return err
		}
		return w.turn(ctx, n.ID, depth+1, name)
	}
	return w.person(ctx, of, depth, set, id)
}

// verdictText is what the gym's user said of a turn, or of one offer of it.
func verdictText(e *trace.Episode, turn int, id string) string {
	t := &e.Turns[turn]
	for _, j := range e.Judged() {
		if j.ID != id {
			continue
		}
		what := "silence"
		if j.Task != nil {
			what = strconv.Quote(*j.Task)
		}
		s := map[bool]string{true: "accepted ", false: "rejected "}[j.Accepted] + what
		if t.Judgement.Reason != "" && j.Accepted == t.Judgement.Accepted {
			s += ": " + t.Judgement.Reason
		}
		return s
	}
	if t.Excluded != "" {
		return "left out: " + t.Excluded
	}
	return t.Unjudged()
}

// chosen tells of the choice of curation that a session went through.
func (w *walk) chosen(ctx context.Context, of string, depth int, session string) error {
	s := w.step(plan.JobCurate)
	if s == nil {
		return nil
	}
	n, err := w.at(ctx, Artifact, s, 0, plan.EpisodesOutput, session)
	if err != nil {
		return err
	}
	return w.link(of, depth, "chosen in", n)
}

// person tells of a row of reward data, and of the rows that its history is made of.
func (w *walk) person(ctx context.Context, of string, depth int, set, id string) error {
	f, err := peopleOf(w.step(plan.JobExport))
	if err != nil || f == nil {
		return err
	}
	p, err := w.rewardData(ctx, *f)
	if err != nil {
		return err
	}
	tell := func(how, id string) error {
		file, line := p.line(id)
		n, err := w.file(ctx, file, line)
		if err != nil {
			return err
		}
		return w.link(of, depth, how, n)
	}
	if err := tell("taught by", id); err != nil || set != agentSet {
		return err
	}
	for _, other := range p.before(id) {
		if err := tell("history from", other); err != nil {
			return err
		}
	}
	return nil
}

// agentSet is the set whose rows show what else is known of their trace.
const agentSet = "agent"

// turn tells of a turn's calls and of its session before it.
func (w *walk) turn(ctx context.Context, of string, depth int, name string) error {
	if err := w.callsOf(ctx, of, depth, name); err != nil {
		return err
	}
	session, turn, _ := cutLast(name)
	s := &subject{kind: Session, name: session}
	n, err := w.node(ctx, s)
	if err != nil {
		return err
	}
	how := "first of"
	if k, _ := strconv.Atoi(turn); k > 0 {
		how = "after turns 0 to " + strconv.Itoa(k-1) + " of"
	}
	if err := w.link(of, depth, how, n); err != nil {
		return err
	}
	return w.session(ctx, n.ID, depth+1, session)
}

func cutLast(name string) (before, after string, ok bool) {
	i := strings.LastIndexByte(name, '/')
	if i < 0 {
		return name, "", false
	}
	return name[:i], name[i+1:], true
}

func (w *walk) session(ctx context.Context, of string, depth int, session string) error {
	scene, _, _, _ := sceneNamed(session)
	name := sceneID(scene)
	n, err := w.node(ctx, &subject{kind: Scene, name: name})
	if err == nil {
		err = w.link(of, depth, "played in", n)
	}
	if err != nil {
		return err
	}
	return w.scene(ctx, n.ID, depth+1, name)
}

// scene tells of the model that wrote a scene, and of the lines that it was written from.
func (w *walk) scene(ctx context.Context, of string, depth int, name string) error {
	g, err := w.gym(ctx)
	if err != nil {
		return err
	}
	scene, _, _, _ := sceneNamed(name)
	if scene >= len(g.finished) {
		if err := w.callsOf(ctx, of, depth, name); err != nil {
			return err
		}
	}
	for _, s := range g.of(scene) {
		n, err := w.file(ctx, s.file, s.line)
		if err != nil {
			return err
		}
		n.Text = s.text
		if err := w.link(of, depth, s.how, n); err != nil {
			return err
		}
	}
	return nil
}

// callsOf tells of the calls of a row itself.
func (w *walk) callsOf(ctx context.Context, of string, depth int, row string) error {
	if w.calls == nil {
		return nil
	}
	opt := *w.calls
	opt.Alone = true
	list, err := calls.Of(ctx, w.st, w.run.ID, row, opt)
	if errors.Is(err, calls.ErrNone) || fault.Code(err) == fault.Usage {
		return nil // none was asked, or an earlier gymline did not keep which
	}
	if err != nil {
		return err
	}
	for _, c := range list {
		n := Node{ID: "ledger/" + c.Key, Kind: Call, Call: c}
		if c.Answer != nil {
			n.Text = *c.Answer
		}
		if err := w.link(of, depth, "asked "+c.Role, n); err != nil {
			return err
		}
	}
	return nil
}
