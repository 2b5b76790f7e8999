package generate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/seed"
)

func TestUnusableAnswersAreSentBack(t *testing.T) {
	ev := func(event, actor string, seconds string, failure bool, entities string) string {
		return fmt.Sprintf(`{"events":[{"event":%q,"actor":%q,"seconds":%s,"failure":%v,"entities":%s}]}`, event, actor, seconds, failure, entities)
	}
	for _, tt := range []struct{ schema, bad, why string }{
		{"activity", `no JSON here`, "no JSON object"},
		{"activity", `{"activity":"I lo`, "no JSON object"},
		{"activity", `{"activity":" ","goalMet":false}`, `"activity" is empty`},
		{"activity", goalMet, "before anything has happened"},
		{"events", `{"events":[]}`, "0 events; want 1 to 4"},
		{"events", happening("a", "b", "c", "d", "e"), "5 events; want 1 to 4"},
		{"events", ev("", "user", "1", true, "[]"), `event 1: "event" is empty`},
		{"events", ev("x", "user", "0", true, "[]"), `event 1: "seconds" is 0`},
		{"events", ev("x", "user", "-3", true, "[]"), `event 1: "seconds" is -3`},
		{"events", ev("x", "user", "1e9", true, "[]"), `event 1: "seconds" is 1e+09`},
		{"events", ev("x", "agent", "1", true, "[]"), `"actor" is "agent"`},
		{"events", ev("x", "user", "1", true, `[{"name":"Lamp","state":""}]`), "entity 1 lacks its name or state"},
		{"proposal", `{}`, `"tasks" is missing`},
		{"proposal", `{"tasks":["a","b"]}`, "2 tasks, and the limit is 1"},
		{"verdict", `{"reason":"x"}`, `"accepted" is missing`},
		{"verdict", `{"accepted":true,"reason":""}`, `"reason" is empty`},
		{"verdict", `{"accepted":false,"reason":"x"}`, `"helpNeeded" is missing`},
		{"operation", `{"call":"window.open('x')","done":false}`, "is not a call of one of the operations drawer.open, lamp.switch"},
		{"operation", `{"call":"drawer.open","done":false}`, "is not a call"},
		{"operation", done, "no operation was called yet"},
		{"result", `{"result":"r","ok":true,"event":"","seconds":1,"entities":[]}`, `"event" is empty`},
		{"result", `{"result":"r","ok":true,"event":"e","seconds":0,"entities":[]}`, `"seconds" is 0`},
	} {
		t.Run(tt.schema+" "+tt.why, func(t *testing.T) {
			good := calm().with("proposal", inTurn(offer, silence)) // so that operations are run, too
			s := calm().with("proposal", good.answers["proposal"])
			s.with(tt.schema, func(n int, r *llm.Request) (string, error) {
				if n == 0 {
					return tt.bad, nil
				}
				return good.answers[tt.schema](n-1, r)
			})
			se, _, err := playScene(t, s, limits)
			if err != nil {
				t.Fatal(err)
			}
			repair := s.asked[tt.schema][1]
			if q := lastMessage(repair); !strings.Contains(q, tt.why) {
				t.Errorf("sent back with %q, want %q", q, tt.why)
			}
			if said := repair.Messages[len(repair.Messages)-2]; said != (llm.Message{Role: llm.Assistant, Content: tt.bad}) {
				t.Errorf("the repair shows the answer as %+v", said)
			}
			// The outcome is that of a good answer, and no repair stays in the history.
			if len(se.turns) != 4 || se.turns[0].Execution == nil {
				t.Errorf("%d turns after the repair", len(se.turns))
			}
			last := s.asked["verdict"][len(s.asked["verdict"])-1]
			if strings.Contains(everything(last), "That answer cannot be used") {
				t.Error("the repair stayed in the history")
			}
		})
	}
}

func TestTroubleWithoutFailureIsSentBack(t *testing.T) {
	fine := `{"events":[{"event":"All is well.","actor":"user","seconds":1,"failure":false,"entities":[]}]}`
	s := &script{answers: map[string]answer{"events": inTurn(fine, happening("The lamp breaks."))}}
	d := draws{rng: seed.New(1), repairs: 1}
	env := environment{talk: d.converse("environment", s, prompt.EnvironmentSystem(""), environmentScene(&workshop))}
	if err := env.unfold(t.Context(), &prompt.Activity{Activity: "I look."}, true); err != nil || env.next().Text != "The lamp breaks." {
		t.Fatalf("%+v, %v", env.planned, err)
	}
	if q := lastMessage(s.asked["events"][1]); !strings.Contains(q, "no event is a failure") {
		t.Errorf("sent back with %q", q)
	}
}

func TestMalformedRowFails(t *testing.T) {
	for schema, cause := range map[string]string{
		"activity":  "user: no valid activity",
		"events":    "environment: no valid events",
		"proposal":  "agent: no valid proposal",
		"verdict":   "user: no valid verdict",
		"operation": "agent: no valid operation",
		"result":    "environment: no valid result",
	} {
		s := calm().with("proposal", always(offer)).with(schema, always("I would rather not."))
		_, _, err := playScene(t, s, limits)
		f, ok := errors.AsType[*failure](err)
		if !ok || f.Cause != cause || f.Raw != "I would rather not." || f.Schema != schema {
			t.Errorf("%s: %+v, %v", schema, f, err)
		}
		if n := len(s.asked[schema]); n != 3 {
			t.Errorf("%s: asked %d times, want 3", schema, n)
		}
	}
}

func TestProviderErrors(t *testing.T) {
	refused := &llm.Error{Model: "m", Status: 400, Code: "content_filter", Class: llm.Refused, Err: errors.New("no")}
	for _, tt := range []struct {
		name string
		err  error
		row  string // the row's cause; "" ends the run
		code int
	}{
		{"refused", refused, "agent: the request was refused: HTTP 400 content_filter", 0},
		{"never answered", &llm.Error{Model: "m", Status: 500, Class: llm.Refused, Err: errors.New("boom")}, "agent: no answer: HTTP 500", 0},
		{"retryable", &llm.Error{Model: "m", Status: 503, Class: llm.Retryable, Err: errors.New("busy")}, "", fault.Temporary},
		{"denied", &llm.Error{Model: "m", Status: 401, Class: llm.Denied, Err: errors.New("who?")}, "", fault.Config},
		{"cancelled", context.Canceled, "", fault.Interrupted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := playScene(t, calm().with("proposal", failing(tt.err)), limits)
			f, ends := errors.AsType[*failure](err)
			switch {
			case tt.row != "" && (!ends || f.Cause != tt.row):
				t.Errorf("failure %+v, error %v", f, err)
			case tt.row == "" && (ends || fault.Code(err) != tt.code):
				t.Errorf("error %v has code %d, want %d", err, fault.Code(err), tt.code)
			}
		})
	}
}

func TestCancelEndsTheSession(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := calm().with("activity", always(act)).with("verdict", func(n int, _ *llm.Request) (string, error) {
		if n == 2 {
			cancel()
		}
		return accept, nil
	})
	l := plan.Generate{MaxEvents: 1 << 30, Candidates: 1}
	se := newSession(l, &workshop, cast{s, s, s}, draws{rng: seed.New(1)})
	if _, err := se.run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if len(se.turns) != 3 {
		t.Errorf("%d turns after the third was cancelled", len(se.turns))
	}
}
