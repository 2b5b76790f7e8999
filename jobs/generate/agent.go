package generate

import (
	"context"

	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/trace"
)

// The agent watches events and proposes tasks, in the very conversation that
// the export trains on and the evaluation sends: prompt.AgentHistory. It never
// sees the goal, the profile or the scene.
type agent struct {
	talk       *conversation
	candidates int
}

// propose shows the agent an event and returns its candidate tasks, if any.
func (a *agent) propose(ctx context.Context, e trace.Event, feedback string) ([]string, error) {
	r, err := ask(ctx, a.talk, prompt.AgentEvent(e, feedback), prompt.AgentSchema(a.candidates), func(r *prompt.AgentReply) error {
		return r.Check(a.candidates)
	})
	if err != nil {
		return nil, err
	}
	return r.Proposals(), nil
}
