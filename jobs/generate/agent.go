package generate

import (
	"context"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/trace"
)

// The agent watches events and proposes tasks, in the very conversation that
// the export trains on and the evaluation sends: prompt.AgentHistory, from its
// first turn or, where the gym's history is bounded, from a later one. It never
// sees the goal, the profile or the scene.
type agent struct {
	talk       *conversation
	candidates int
	schema     *llm.Schema
}

// propose shows the agent the event after the given turns and returns its
// candidate tasks, if any.
func (a *agent) propose(ctx context.Context, turns []trace.Turn, e trace.Event) ([]string, error) {
	if a.talk.full() {
		// A history that starts at an event has no verdict on what came before it.
		a.talk.cut()
		a.talk.msgs[1].Content = prompt.AgentEvent(turns[len(turns)-a.talk.history.Exchanges].Event, "")
	}
	feedback := ""
	if len(turns) > 0 {
		feedback = prompt.Feedback(turns[len(turns)-1])
	}
	r, err := ask(ctx, a.talk, prompt.AgentEvent(e, feedback), a.schema, func(r *prompt.AgentReply) error {
		return r.Check(a.candidates)
	})
	if err != nil {
		return nil, err
	}
	return r.Proposals(), nil
}
