package generate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/trace"
)

// Work is an accepted task that the agent carries out, one operation at a time.
type work struct {
	talk     *conversation
	names    []string // of the scene's operations
	task     string
	turn     int    // at which it was accepted
	question string // that asks for the next operation
	made     int    // operations
}

var operationSchema = prompt.Schema("operation", `{
	"type": "object",
	"properties": {"call": {"type": "string"}, "done": {"type": "boolean"}},
	"required": ["call", "done"], "additionalProperties": false
}`)

// next asks for the next call. The first question is the task and cannot be
// answered with done; later ones tell what the last call returned.
func (w *work) next(ctx context.Context) (*prompt.Operation, error) {
	return ask(ctx, w.talk, w.question, operationSchema, func(s *prompt.Operation) error {
		s.Call = trace.OneLine(s.Call)
		if s.Done {
			if w.made == 0 {
				return errors.New("no operation was called yet")
			}
			return nil
		}
		if name := trace.OperationName(s.Call); !slices.Contains(w.names, name) || !strings.HasSuffix(s.Call, ")") {
			return fmt.Errorf("%q is not a call of one of the operations %s", s.Call, strings.Join(w.names, ", "))
		}
		return nil
	})
}

// begin is the work on a task that was accepted at the last turn.
func (s *session) begin(task string) *work {
	seen := s.turns
	if h := s.limits.History; h != nil {
		seen = seen[max(0, len(seen)-h.Exchanges):]
	}
	w := &work{
		talk: s.draws.converse("agent", s.cast.agent, executorText(s.limits.ExecuteSteps), executorScene(s.scene)),
		task: task, turn: len(s.turns) - 1, question: taskQuestion(seen, s.state, task),
	}
	for _, op := range s.scene.Environment.Operations {
		w.names = append(w.names, trace.OperationName(op))
	}
	return w
}

// operate makes the next operation and returns the event that it is, or nil
// when the work is done.
func (s *session) operate(ctx context.Context, w *work) (*prompt.Event, error) {
	if w.made == s.limits.ExecuteSteps {
		return nil, nil
	}
	next, err := w.next(ctx)
	if err != nil || next.Done {
		return nil, err
	}
	r, e, err := s.environment.carryOut(ctx, w.task, next.Call)
	if err != nil {
		return nil, err
	}
	o := trace.Operation{Call: next.Call, Result: r.Result, OK: r.OK}
	at := &s.turns[w.turn]
	at.Execution = append(at.Execution, o)
	w.made, w.question = w.made+1, operationQuestion(o)
	return e, nil
}
