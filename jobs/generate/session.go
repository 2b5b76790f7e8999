package generate

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

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
	rng    *rand.Rand

	user        user
	environment environment
	agent       agent
	executor    func() *executor

	clock int64             // simulated, in unix milliseconds
	state map[string]string // entities by name, as events left them
	turns []trace.Turn
}

func newSession(limits plan.Generate, scene *trace.Scene, c cast, d draws) *session {
	s := &session{limits: limits, scene: scene, rng: d.rng, state: map[string]string{}}
	s.user = user{d.converse("user", c.user, userText(scene, limits.Candidates)), limits.Candidates}
	s.environment = environment{d.converse("environment", c.environment, environmentText(scene))}
	s.agent = agent{d.converse("agent", c.agent, prompt.AgentSystem(limits.Candidates)), limits.Candidates}
	var names []string
	for _, op := range scene.Environment.Operations {
		names = append(names, trace.OperationName(op))
	}
	s.executor = func() *executor {
		return &executor{d.converse("agent", c.agent, executorText(scene, limits.ExecuteSteps)), names}
	}
	s.clock = s.start()
	return s
}

// start draws the instant at which the session starts, within 2024.
func (s *session) start() int64 {
	year := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	return year.UnixMilli() + s.rng.Int64N(366*24*3600*1000)
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
		events, err := s.environment.unfold(ctx, act, s.rng.Float64() < troubleRate)
		if err != nil {
			return "", err
		}
		if err := s.play(ctx, n, events); err != nil {
			return "", err
		}
		if len(s.turns) == s.limits.MaxEvents {
			return endMaxEvents, nil
		}
	}
}

// play lets events happen, one after another. After each, the agent proposes
// and the user judges; the events of an accepted task's operations come next,
// before what was still to happen.
func (s *session) play(ctx context.Context, activity int, pending []event) error {
	for len(pending) > 0 && len(s.turns) < s.limits.MaxEvents {
		if err := ctx.Err(); err != nil {
			return err
		}
		t := s.happen(activity, &pending[0])
		pending = pending[1:]

		var err error
		if t.Proposals, err = s.agent.propose(ctx, t.Event, s.feedback()); err != nil {
			return err
		}
		if t.Judgement, err = s.user.judge(ctx, &t); err != nil {
			return err
		}
		s.turns = append(s.turns, t)
		if t.Judgement.Task == nil {
			continue
		}
		operations, caused, err := s.execute(ctx, t.Proposals[*t.Judgement.Task])
		if err != nil {
			return err
		}
		s.turns[len(s.turns)-1].Execution = operations
		pending = append(caused, pending...)
	}
	return nil
}

// happen moves the clock and the entities on and returns the event's turn.
func (s *session) happen(activity int, e *event) trace.Turn {
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

// execute carries out an accepted task in a bounded number of operations, as
// far as their events still fit into the session.
func (s *session) execute(ctx context.Context, task string) (operations []trace.Operation, caused []event, err error) {
	steps := min(s.limits.ExecuteSteps, s.limits.MaxEvents-len(s.turns))
	executor, question := s.executor(), taskQuestion(s.turns, s.state, task)
	for i := range steps {
		next, err := executor.next(ctx, question, i == 0)
		if err != nil {
			return nil, nil, err
		}
		if next.Done {
			break
		}
		r, e, err := s.environment.carryOut(ctx, task, next.Call)
		if err != nil {
			return nil, nil, err
		}
		operation := trace.Operation{Call: next.Call, Result: r.Result, OK: r.OK}
		operations, caused = append(operations, operation), append(caused, *e)
		question = operationQuestion(operation)
	}
	return operations, caused, nil
}

func (s *session) last() *trace.Turn {
	if len(s.turns) == 0 {
		return nil
	}
	return &s.turns[len(s.turns)-1]
}

// feedback is what the agent hears of the turn before.
func (s *session) feedback() string {
	if last := s.last(); last != nil {
		return prompt.Feedback(*last)
	}
	return ""
}
