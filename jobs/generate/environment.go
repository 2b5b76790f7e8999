package generate

import (
	"context"
	"errors"
	"fmt"

	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/trace"
)

// maxSeconds bounds the time between two events: a week.
const maxSeconds = 7 * 86400

// The environment turns activities and operations into events, and says what
// they change. It does not know the user's goal.
type environment struct {
	talk *conversation
	// planned are the last activity's events; the first few have happened.
	planned  []prompt.Event
	happened int
}

const entitiesShape = `{"type": "array", "items": {
	"type": "object",
	"properties": {"name": {"type": "string"}, "state": {"type": "string"}},
	"required": ["name", "state"], "additionalProperties": false
}}`

var eventsSchema = prompt.Schema("events", fmt.Sprintf(`{
	"type": "object",
	"properties": {"events": {"type": "array", "minItems": 1, "maxItems": %d, "items": {
		"type": "object",
		"properties": {
			"event": {"type": "string"},
			"actor": {"type": "string", "enum": ["user", "environment"]},
			"seconds": {"type": "number"},
			"failure": {"type": "boolean"},
			"entities": %s
		},
		"required": ["event", "actor", "seconds", "failure", "entities"], "additionalProperties": false
	}}},
	"required": ["events"], "additionalProperties": false
}`, prompt.MaxEvents, entitiesShape))

// unfold plans the events of an activity of the user's; with trouble, something
// in them goes wrong.
func (e *environment) unfold(ctx context.Context, act *prompt.Activity, trouble bool) error {
	a, err := ask(ctx, e.talk, activityNews(act.Activity, trouble), eventsSchema, func(a *prompt.Events) error {
		if len(a.Events) == 0 || len(a.Events) > prompt.MaxEvents {
			return fmt.Errorf("it has %d events; want 1 to %d", len(a.Events), prompt.MaxEvents)
		}
		failed := false
		for i := range a.Events {
			ev := &a.Events[i]
			if err := checkEvent(ev); err != nil {
				return fmt.Errorf("event %d: %w", i+1, err)
			}
			if ev.Actor != "user" && ev.Actor != "environment" {
				return fmt.Errorf(`event %d: "actor" is %q; want "user" or "environment"`, i+1, ev.Actor)
			}
			failed = failed || ev.Failure
		}
		if trouble && !failed {
			return errors.New("something was to go wrong, and no event is a failure")
		}
		return nil
	})
	if err != nil {
		return err
	}
	e.planned, e.happened = a.Events, 0
	return nil
}

// next lets the next planned event happen; nil when all have.
func (e *environment) next() *prompt.Event {
	if e.happened == len(e.planned) {
		return nil
	}
	e.happened++
	return &e.planned[e.happened-1]
}

func checkEvent(ev *prompt.Event) error {
	ev.Text = trace.OneLine(ev.Text)
	switch {
	case ev.Text == "":
		return errors.New(`"event" is empty`)
	case !(ev.Seconds > 0 && ev.Seconds <= maxSeconds):
		return fmt.Errorf(`"seconds" is %v; want more than 0 and at most %d`, ev.Seconds, maxSeconds)
	}
	for i := range ev.Entities {
		n := &ev.Entities[i]
		if n.Name, n.State = trace.OneLine(n.Name), trace.OneLine(n.State); n.Name == "" || n.State == "" {
			return fmt.Errorf("entity %d lacks its name or state", i+1)
		}
	}
	return nil
}

var resultSchema = prompt.Schema("result", fmt.Sprintf(`{
	"type": "object",
	"properties": {
		"result": {"type": "string"},
		"ok": {"type": "boolean"},
		"event": {"type": "string"},
		"seconds": {"type": "number"},
		"entities": %s
	},
	"required": ["result", "ok", "event", "seconds", "entities"], "additionalProperties": false
}`, entitiesShape))

// carryOut answers one operation of the agent's: what it returned, and the
// event that it was. What was planned and has not happened never will.
func (e *environment) carryOut(ctx context.Context, task, call string) (*prompt.Result, *prompt.Event, error) {
	news := operationNews(task, call)
	if e.happened < len(e.planned) {
		news = forgetNews(e.planned, e.happened) + "\n" + news
	}
	var ev prompt.Event
	r, err := ask(ctx, e.talk, news, resultSchema, func(r *prompt.Result) error {
		r.Result = trace.OneLine(r.Result)
		ev = prompt.Event{Text: r.Text, Actor: "agent", Seconds: r.Seconds, Failure: !r.OK, Entities: r.Entities}
		if err := checkEvent(&ev); err != nil {
			return err
		}
		r.Text = ev.Text
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	e.planned, e.happened = nil, 0
	return r, &ev, nil
}
