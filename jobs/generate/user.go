package generate

import (
	"context"
	"errors"
	"fmt"

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

var activitySchema = prompt.Schema("activity", `{
	"type": "object",
	"properties": {"activity": {"type": "string"}, "goalMet": {"type": "boolean"}},
	"required": ["activity", "goalMet"], "additionalProperties": false
}`)

// act asks for the next activity; last is the last turn, nil at the start.
func (u *user) act(ctx context.Context, last *trace.Turn) (*prompt.Activity, error) {
	return ask(ctx, u.talk, activityQuestion(last), activitySchema, func(a *prompt.Activity) error {
		a.Activity = trace.OneLine(a.Activity)
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
	Accepted *bool `json:"accepted"`
	Task     *int  `json:"task,omitempty"` // from 1; with several offers only
	// HelpNeeded is asked of declined offers; of others it follows from the verdict.
	HelpNeeded *bool  `json:"helpNeeded"`
	Reason     string `json:"reason"`
}

var (
	verdictSchema = prompt.Schema("verdict", `{
		"type": "object",
		"properties": {"accepted": {"type": "boolean"}, "helpNeeded": {"type": "boolean"}, "reason": {"type": "string"}},
		"required": ["accepted", "helpNeeded", "reason"], "additionalProperties": false
	}`)
	choiceSchema = prompt.Schema("verdict", `{
		"type": "object",
		"properties": {
			"accepted": {"type": "boolean"},
			"task": {"type": ["integer", "null"]},
			"helpNeeded": {"type": "boolean"},
			"reason": {"type": "string"}
		},
		"required": ["accepted", "task", "helpNeeded", "reason"], "additionalProperties": false
	}`)
)

// judge asks whether the user accepts what the agent did on a turn.
func (u *user) judge(ctx context.Context, t *trace.Turn) (*trace.Judgement, error) {
	schema := verdictSchema
	if u.candidates > 1 {
		schema = choiceSchema
	}
	offers := len(t.Proposals)
	v, err := ask(ctx, u.talk, verdictQuestion(t), schema, func(v *verdict) error { return v.check(offers) })
	if err != nil {
		return nil, err
	}
	j := &trace.Judgement{Accepted: *v.Accepted, HelpNeeded: v.HelpNeeded, Reason: v.Reason}
	if j.Accepted && offers > 0 {
		j.Task = new(int)
		if v.Task != nil {
			*j.Task = *v.Task - 1
		}
	}
	return j, nil
}

func (v *verdict) check(offers int) error {
	v.Reason = trace.OneLine(v.Reason)
	switch {
	case v.Accepted == nil:
		return errors.New(`"accepted" is missing`)
	case v.Reason == "":
		return errors.New(`"reason" is empty`)
	case offers > 0 && !*v.Accepted && v.HelpNeeded == nil:
		return errors.New(`"helpNeeded" is missing`)
	case !*v.Accepted || offers < 2:
		v.Task = nil
	case v.Task == nil:
		return errors.New(`"task" must say which offer is accepted`)
	case *v.Task < 1 || *v.Task > offers:
		return fmt.Errorf(`"task" is %d, and the offers are numbered 1 to %d`, *v.Task, offers)
	}
	if offers == 0 || *v.Accepted {
		// Who takes an offer needs help; who finds silence right needs none.
		needed := (offers > 0) == *v.Accepted
		v.HelpNeeded = &needed
	}
	return nil
}
