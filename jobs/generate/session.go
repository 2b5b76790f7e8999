package generate

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/trace"
)

// How an episode ends.
const (
	endGoal      = "goal"
	endMaxEvents = "maxEvents"
)

// troubleRate is how often the environment is told that something goes wrong in
// an activity: models left to themselves let everything succeed, and without
// failures there is little to help with.
const troubleRate = 0.3

// cast is the models that play the roles of a session.
type cast struct{ user, environment, agent llm.Chatter }

// A session is one run of a scene: the paper's loop.
type session struct {
	limits plan.Generate
	scene  *trace.Scene
	cast   cast
	draws  draws

	user        user
	environment environment
	agent       agent

	clock int64             // simulated, in unix milliseconds
	state map[string]string // entities by name, as events left them
	turns []trace.Turn

	asked *job.Asked
	marks []int // by turn: how many of the calls were made when it ended
}

func newSession(limits plan.Generate, scene *trace.Scene, c cast, d draws) *session {
	s := &session{limits: limits, scene: scene, cast: c, draws: d, state: map[string]string{}, asked: &job.Asked{}}
	own := limits.Prompts
	s.user = user{d.converse("user", c.user, prompt.UserSystem(own[prompt.RoleUser], limits.Candidates), userScene(scene)), limits.Candidates}
	s.environment = environment{talk: d.converse("environment", c.environment, prompt.EnvironmentSystem(own[prompt.RoleEnvironment]), environmentScene(scene))}
	s.agent = agent{d.converse("agent", c.agent, prompt.AgentSystem(own[prompt.RoleAgent], limits.Candidates), ""), limits.Candidates, prompt.AgentSchema(limits.Candidates)}
	for _, talk := range []*conversation{s.user.talk, s.environment.talk, s.agent.talk} {
		talk.history = limits.History
	}
	// It starts at a time within 2024.
	s.clock = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli() + d.rng.Int64N(366*24*3600*1000)
	return s
}

// run plays the session to its end, which it returns.
func (s *session) run(ctx context.Context) (end string, err error) {
	for n := 0; ; n++ {
		act, err := s.user.act(ctx, s.last())
		if err != nil {
			return "", err
		}
		if act.GoalMet {
			return endGoal, nil
		}
		if err := s.environment.unfold(ctx, act, s.draws.rng.Float64() < troubleRate); err != nil {
			return "", err
		}
		if err := s.play(ctx, n); err != nil {
			return "", err
		}
		if len(s.turns) == s.limits.MaxEvents {
			return endMaxEvents, nil
		}
	}
}

// play lets the events planned for an activity happen, one after another. After
// each, the agent proposes and the user judges. A task that is accepted is
// carried out at once: each operation is an event, which is watched and judged
// like any other, and what was planned before, or left to do of an earlier task,
// never happens. So whatever is asked of anyone follows on the log's last event.
func (s *session) play(ctx context.Context, activity int) error {
	var accepted *work // that is being carried out
	for len(s.turns) < s.limits.MaxEvents {
		if err := ctx.Err(); err != nil {
			return err
		}
		var e *prompt.Event
		var err error
		if accepted != nil {
			e, err = s.operate(ctx, accepted)
		} else {
			e = s.environment.next()
		}
		if e == nil || err != nil {
			return err
		}
		t := s.happen(activity, e)
		if t.Proposals, err = s.agent.propose(ctx, s.turns, t.Event); err != nil {
			return err
		}
		if t.Judgement, err = s.user.judge(ctx, &t); err != nil {
			return err
		}
		s.turns, s.marks = append(s.turns, t), append(s.marks, s.asked.Len())
		if task := t.Judgement.Task; task != nil && s.limits.ExecuteSteps > 0 {
			accepted = s.begin(t.Proposals[*task])
		}
	}
	return nil
}

func (s *session) happen(activity int, e *prompt.Event) trace.Turn {
	s.clock += max(1, int64(math.Round(e.Seconds*1000)))
	t := trace.Turn{
		Event: trace.Event{Time: fmt.Sprintf("%d.%03d", s.clock/1000, s.clock%1000), Text: e.Text},
		Actor: e.Actor, Activity: activity, Failure: e.Failure,
	}
	for _, n := range e.Entities {
		if t.Entities == nil {
			t.Entities = map[string]string{}
		}
		t.Entities[n.Name], s.state[n.Name] = n.State, n.State
	}
	return t
}

func (s *session) last() *trace.Turn {
	if len(s.turns) == 0 {
		return nil
	}
	return &s.turns[len(s.turns)-1]
}
