package generate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/trace"
)

// The user acts toward a goal and judges what the agent does; it alone knows
// the goal. Both happen in one conversation, so that its verdicts remember what
// it did and what it was offered.
type user struct {
	talk       *conversation
	candidates int
}

// An activity is what the user does next, or that the goal is met.
type activity struct {
	Activity string `json:"activity"`
	GoalMet  bool   `json:"goalMet"`
}

var activitySchema = &llm.Schema{Name: "activity", Schema: json.RawMessage(
	`{"type":"object","properties":{"activity":{"type":"string"},"goalMet":{"type":"boolean"}},"required":["activity","goalMet"],"additionalProperties":false}`)}

// act asks for the next activity; last is the last turn, nil at the start.
func (u *user) act(ctx context.Context, last *trace.Turn) (*activity, error) {
	return ask(ctx, u.talk, activityQuestion(last), activitySchema, func(a *activity) error {
		a.Activity = oneLine(a.Activity)
		switch {
		case a.GoalMet && last == nil:
			return errors.New("the goal cannot be met before anything has happened")
		case !a.GoalMet && a.Activity == "":
			return errors.New(`"activity" is empty`)
		}
		return nil
	})
}

// A verdict is the user's answer to an offer or to silence.
type verdict struct {
	Accepted *bool  `json:"accepted"`
	Task     *int   `json:"task,omitempty"` // from 1; with several offers only
	Reason   string `json:"reason"`
}

var manySchema = &llm.Schema{Name: "judgement", Schema: json.RawMessage(
	`{"type":"object","properties":{"accepted":{"type":"boolean"},"task":{"type":["integer","null"]},"reason":{"type":"string"}},"required":["accepted","task","reason"],"additionalProperties":false}`)}

// judge asks whether the user accepts what the agent did on a turn.
func (u *user) judge(ctx context.Context, t *trace.Turn) (*trace.Judgement, error) {
	schema := prompt.JudgeSchema()
	if u.candidates > 1 {
		schema = manySchema
	}
	offers := len(t.Proposals)
	v, err := ask(ctx, u.talk, verdictQuestion(t), schema, func(v *verdict) error {
		v.Reason = oneLine(v.Reason)
		switch {
		case v.Accepted == nil:
			return errors.New(`"accepted" is missing`)
		case v.Reason == "":
			return errors.New(`"reason" is empty`)
		case !*v.Accepted || offers < 2:
			v.Task = nil
		case v.Task == nil:
			return errors.New(`"task" must say which offer is accepted`)
		case *v.Task < 1 || *v.Task > offers:
			return fmt.Errorf(`"task" is %d, and the offers are numbered 1 to %d`, *v.Task, offers)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	j := &trace.Judgement{Accepted: *v.Accepted, Reason: v.Reason}
	if j.Accepted && offers > 0 {
		j.Task = new(int)
		if v.Task != nil {
			*j.Task = *v.Task - 1
		}
	}
	return j, nil
}

// oneLine puts a text that later prompts show as one line on one.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
