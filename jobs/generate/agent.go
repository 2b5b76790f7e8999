package generate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/llm"
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
		if err := r.Check(a.candidates); err != nil {
			return err
		}
		for i, t := range *r.Tasks {
			(*r.Tasks)[i] = oneLine(t)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return *r.Tasks, nil
}

// An executor is the agent at work on one accepted task.
type executor struct {
	talk  *conversation
	names []string // of the scene's operations
}

// A step is the next call, or that the task is done.
type step struct {
	Call string `json:"call"`
	Done bool   `json:"done"`
}

var operationSchema = &llm.Schema{Name: "operation", Schema: json.RawMessage(
	`{"type":"object","properties":{"call":{"type":"string"},"done":{"type":"boolean"}},"required":["call","done"],"additionalProperties":false}`)}

// next asks for the next call. The first question is the task and cannot be
// answered with done; later ones tell what the last call returned.
func (x *executor) next(ctx context.Context, question string, first bool) (*step, error) {
	return ask(ctx, x.talk, question, operationSchema, func(s *step) error {
		s.Call = oneLine(s.Call)
		if s.Done {
			if first {
				return errors.New("no operation was called yet")
			}
			return nil
		}
		if name := trace.OperationName(s.Call); !slices.Contains(x.names, name) || !strings.HasSuffix(s.Call, ")") {
			return fmt.Errorf("%q is not a call of one of the operations %s", s.Call, strings.Join(x.names, ", "))
		}
		return nil
	})
}
