package finetuneexport

import (
	"context"
	"fmt"
	"slices"

	"github.com/gymline/gymline/internal/dataset"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/trace"
)

// A session is one trace of a source with its judged rows.
type session struct {
	source, trace string
	// group is what traces may share, so that it must not be in both splits; see
	// trace.Judged and seedTasks.
	group     string
	simulated bool
	models    []dataset.Model
	// turns are what the agent's conversation is made of: each event with the
	// answer that stands in the history.
	turns []trace.Turn
	rows  []judged // by turn
	// outcomes are what each set makes of the rows; see exporter.prepare.
	outcomes [][]outcome
}

// A judged row is a source's row within its session.
type judged struct {
	trace.Judged
	turn   int
	reason string // of the verdict, "" when unknown
}

// An excluded row of a source belongs to no session.
type excluded struct {
	source, id string
	state      rows.State
	cause      string
}

// sources read the inputs, in the same order each time.
type sources struct {
	task   *job.Task
	params plan.Export
	tasks  *seedTasks // nil where no scene was written from seeds
	// prepare, where it is set, is called with each session before each hands it
	// out, by several goroutines at once.
	prepare func(*session)
}

// each calls session and exclude with all that the inputs hold.
func (s sources) each(ctx context.Context, do func(*session) error, exclude func(excluded) error) error {
	if s.params.Gym {
		if err := s.gym(ctx, do, exclude); err != nil {
			return err
		}
	}
	if s.params.ProactiveBench != nil {
		return s.proactiveBench(ctx, do, exclude)
	}
	return nil
}

func (s sources) gym(ctx context.Context, do func(*session) error, exclude func(excluded) error) error {
	r, err := s.task.Open(ctx, "episodes")
	if err != nil {
		return err
	}
	defer r.Close()
	type read struct {
		session *session
		left    []excluded
	}
	work := func(e *trace.Episode) read {
		x, left := gymSession(e)
		x.group = s.tasks.group(x.group)
		if s.prepare != nil {
			s.prepare(x)
		}
		return read{x, left}
	}
	return job.DecodeAhead(r, plan.EpisodesOutput, work, func(n int, got read) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if got.session.trace == "" {
			return fault.New(fault.Permanent, fmt.Errorf("%s:%d: the episode has no id", plan.EpisodesOutput, n), "generate the episodes again with --fresh")
		}
		for _, x := range got.left {
			if err := exclude(x); err != nil {
				return err
			}
		}
		if len(got.session.rows) == 0 {
			return nil
		}
		return do(got.session)
	})
}

// gymSession keeps the agent's own answers as its history. Beside it come the
// turns that have no verdict, or one that cannot be.
func gymSession(e *trace.Episode) (*session, []excluded) {
	var left []excluded
	for n := range e.Turns {
		if cause := e.Turns[n].Unjudged(); cause != "" {
			e.Turns[n].Judgement = nil // later turns' prompts would show it
			left = append(left, excluded{trace.Gym, trace.TurnID(e.ID, n), rows.Rejected, cause})
		}
	}
	s := &session{source: trace.Gym, trace: e.ID, group: e.Scene, simulated: e.Simulated, turns: e.Turns}
	for role, asked := range e.Asked {
		s.models = append(s.models, dataset.Model{Role: role, Asked: asked, AnsweredBy: e.AnsweredBy[role]})
	}
	for _, r := range e.Judged() {
		n := len(r.History) - 1
		row := judged{Judged: r, turn: n}
		// The reason of an accepted task says nothing of those before it.
		if verdict := e.Turns[n].Judgement; r.Accepted == verdict.Accepted {
			row.reason = verdict.Reason
		}
		s.rows = append(s.rows, row)
	}
	return s, left
}

// proactiveBench gathers the rows, which come shuffled, into their traces. The
// published data is small, so it is held in memory.
func (s sources) proactiveBench(ctx context.Context, do func(*session) error, exclude func(excluded) error) error {
	files, err := s.task.Files(s.params.ProactiveBench.Input)
	if err != nil {
		return err
	}
	var order []*session
	byTrace := map[string]*session{}
	err = trace.ReadRewardData(ctx, files, s.params.ProactiveBench.Path, func(r trace.RewardRow) error {
		switch {
		case r.Cause != "":
			return exclude(excluded{trace.ProactiveBench, r.ID, rows.Failed, r.Cause})
		case r.Judged.Split == "test":
			return exclude(excluded{trace.ProactiveBench, r.ID, rows.Rejected, causeTestSplit})
		}
		x := byTrace[r.Judged.Trace]
		if x == nil {
			x = &session{source: trace.ProactiveBench, trace: r.Judged.Trace, group: r.Judged.Group}
			byTrace[x.trace] = x
			order = append(order, x)
		}
		x.rows = append(x.rows, judged{Judged: r.Judged, turn: len(r.Judged.History) - 1})
		return nil
	})
	if err != nil {
		return err
	}
	for _, x := range order {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := x.assemble(exclude); err != nil {
			return err
		}
		if s.prepare != nil {
			s.prepare(x)
		}
		if err := do(x); err != nil {
			return err
		}
	}
	return nil
}

// assemble makes the trace out of rows that each hold a beginning of it. The
// rows know no agent, so the history answers as the set teaches to answer: what
// a model trained on it will find there when it is evaluated on its own answers.
func (x *session) assemble(exclude func(excluded) error) error {
	var events []trace.Event
	for _, r := range x.rows {
		if len(r.History) > len(events) {
			events = r.History
		}
	}
	kept := x.rows[:0]
	for _, r := range x.rows {
		if !slices.Equal(r.History, events[:len(r.History)]) {
			if err := exclude(excluded{x.source, r.ID, rows.Failed, "its events are not a beginning of its trace"}); err != nil {
				return err
			}
			continue
		}
		kept = append(kept, r)
	}
	x.rows = kept
	slices.SortStableFunc(x.rows, func(a, b judged) int { return a.turn - b.turn })
	x.turns = make([]trace.Turn, len(events))
	for i, e := range events {
		x.turns[i].Event = e
	}
	for turn := range x.byTurn() {
		if _, tasks := answer(turn); len(tasks) > 0 {
			x.turns[turn[0].turn].Proposals = tasks
		}
	}
	return nil
}
