// Package generate is the gym: users, environments and proactive agents played
// by language models, whose sessions become judged episodes. Its outputs depend
// on the experiment alone, not on shards, concurrency or time.
package generate

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/trace"
)

// Format is the version of this job's outputs; any change of what it asks,
// the texts of package prompt included, or writes changes it.
const Format = 13*prompt.Formats + prompt.Version

// Run is the job: it plays every session of the shard's scenes. A shard owns a
// contiguous range of scenes, each with all its sessions.
func Run(ctx context.Context, t *job.Task) error {
	g := &gym{task: t}
	if err := t.Params(&g.params); err != nil {
		return err
	}
	if err := g.open(ctx); err != nil {
		return err
	}
	sessions := g.params.Sessions
	first, last := g.all.len()*t.Shard/t.Step.Shards, g.all.len()*(t.Shard+1)/t.Step.Shards
	out := newOutputs(t, (last-first)*sessions)

	// A scene is written by the first of its sessions, and forgotten after its last.
	lazy := make([]func() (*trace.Scene, error), last-first)
	asked := make([]*job.Asked, len(lazy))
	var mu sync.Mutex
	scene := func(ctx context.Context, i int) (*trace.Scene, error) {
		mu.Lock()
		if lazy[i] == nil {
			lazy[i] = sync.OnceValues(func() (*trace.Scene, error) {
				ctx, asked[i] = job.Asking(ctx)
				return g.all.scene(ctx, first+i)
			})
		}
		get := lazy[i]
		mu.Unlock()
		return get()
	}
	err := inOrder(ctx, len(lazy)*sessions, max(1, t.InFlight), func(ctx context.Context, i int) (*outcome, error) {
		o := &outcome{id: fmt.Sprintf("%s/%d", sceneID(first+i/sessions), i%sessions)}
		var err error
		if o.scene, err = scene(ctx, i/sessions); err == nil {
			o.episode, err = g.play(ctx, first+i/sessions, i%sessions, o)
		}
		if err != nil && !errors.As(err, &o.failure) {
			return nil, fmt.Errorf("session %s: %w", o.id, err)
		}
		return o, nil
	}, func(i int, o *outcome) error {
		if i%sessions == sessions-1 {
			mu.Lock()
			lazy[i/sessions] = nil
			mu.Unlock()
		}
		if i%sessions == 0 {
			if err := out.calls.WriteCalls(sceneID(first+i/sessions), asked[i/sessions].Calls(0)); err != nil {
				return err
			}
			asked[i/sessions] = nil
		}
		return out.add(i, i%sessions == 0, o)
	})
	if err != nil {
		return err
	}
	return t.WriteJSON(plan.StatsOutput, &out.stats)
}

// A gym is what all sessions of a run share.
type gym struct {
	task   *job.Task
	params plan.Generate
	all    *scenes
	cast   cast
	asked  map[string]*llm.Asked // of sessions, by role
}

// open reads the scenes' files and opens the model of each role.
func (g *gym) open(ctx context.Context) (err error) {
	if g.all, err = openScenes(ctx, g.task, &g.params); err != nil {
		return err
	}
	open := func(role string, m llm.Model, into *llm.Chatter) {
		if a := m.Asked(); a != nil && role != scenesRole {
			if g.asked == nil {
				g.asked = map[string]*llm.Asked{}
			}
			g.asked[role] = a
		}
		if err == nil {
			*into, err = g.task.Chat(ctx, role, m)
		}
	}
	models := &g.params.Models
	if g.all.count > 0 {
		if models.Scenes == nil {
			return fault.New(fault.Permanent, errors.New("no model is named that writes scenes"), "name one in the experiment beside the seeds")
		}
		open(scenesRole, *models.Scenes, &g.all.chat)
	}
	open("user", models.User, &g.cast.user)
	open("environment", models.Environment, &g.cast.environment)
	open("agent", models.Agent, &g.cast.agent)
	return err
}

func (g *gym) play(ctx context.Context, i, n int, o *outcome) (*trace.Episode, error) {
	d := draws{rng: g.task.Rand("session", o.scene.ID, strconv.Itoa(n)), replicate: n, repairs: g.params.Repairs}
	s := newSession(g.params, o.scene, g.cast, d)
	ctx, s.asked = job.Asking(ctx)
	end, err := s.run(ctx)
	o.asked, o.marks = s.asked, s.marks
	if err != nil {
		return nil, err
	}
	return &trace.Episode{
		Trace: trace.Trace{ID: o.id, Domain: o.scene.Domain, Turns: s.turns},
		Scene: o.scene.ID, End: end, Simulated: g.simulated(i), Prompts: g.params.Prompts.Digests(),
		Asked: g.asked, AnsweredBy: s.asked.AnsweredBy(),
	}, nil
}

// simulated tells whether a stand-in takes part in the sessions of the i-th scene.
func (g *gym) simulated(i int) bool {
	m := &g.params.Models
	written := i >= len(g.all.finished)
	return m.User.Simulated() || m.Environment.Simulated() || m.Agent.Simulated() || written && m.Scenes.Simulated()
}

// An outcome is how one session went: an episode, or a failure of its own or of
// its scene, which then is nil.
type outcome struct {
	id      string
	scene   *trace.Scene
	episode *trace.Episode
	failure *failure
	asked   *job.Asked // nil where the scene failed
	marks   []int      // by turn: how many of the calls were made when it ended
}

// outputs are the job's outputs; stats are of the episodes.
type outputs struct {
	task                              *job.Task
	scenes, episodes, failures, calls *job.Output
	ledger                            *job.Ledger
	patience                          *job.Patience
	stats                             trace.Stats
}

func newOutputs(t *job.Task, sessions int) *outputs {
	t.Plan(sessions)
	return &outputs{
		task: t, patience: t.Patience(sessions),
		scenes: t.Create(plan.ScenesOutput, job.JSONL), episodes: t.Create(plan.EpisodesOutput, job.JSONL),
		failures: t.Create(plan.FailuresOutput, job.JSONL), calls: t.Create(plan.CallsOutput, job.JSONL), ledger: t.Ledger(),
	}
}

// add writes the outcome of the shard's n-th session; opening says that it is its
// scene's first.
func (out *outputs) add(n int, opening bool, o *outcome) error {
	row := rows.Row{Stage: string(out.task.Step.Name), ID: o.id, State: rows.Accepted}
	if opening && o.scene != nil {
		if err := out.scenes.Row(o.scene); err != nil {
			return err
		}
	}
	switch {
	case o.failure != nil:
		row.State, row.Cause = rows.Failed, o.failure.Cause
		told := o.failure.Failure // a scene's failure is that of all its sessions
		told.ID = o.id
		if err := out.failures.Row(told); err != nil {
			return err
		}
	case o.episode.End == endMaxEvents:
		row.State, row.Cause = rows.Truncated, endMaxEvents
	}
	if o.episode != nil {
		row.Yields = len(o.episode.Judged())
		out.stats.Add(o.episode)
		if err := out.episodes.Row(o.episode); err != nil {
			return err
		}
	}
	if err := out.asked(o); err != nil {
		return err
	}
	if err := out.ledger.Add(row); err != nil {
		return err
	}
	out.task.Done(row.State)
	if o.failure != nil {
		return out.patience.Ended(n, o.id, row.Cause, o.failure)
	}
	return out.patience.Ended(n, o.id, "", nil)
}

// asked writes a session's calls: those of a turn are all since the turn before ended,
// and what was asked after the last turn is the session's.
func (out *outputs) asked(o *outcome) error {
	if o.asked == nil {
		return nil
	}
	n := 0
	for turn, end := range o.marks {
		if err := out.calls.WriteCalls(trace.TurnID(o.id, turn), o.asked.Calls(n)[:end-n]); err != nil {
			return err
		}
		n = end
	}
	return out.calls.WriteCalls(o.id, o.asked.Calls(n))
}
