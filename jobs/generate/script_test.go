package generate

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/seed"
	"github.com/gymline/gymline/internal/trace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// An answer is what a scripted model says to the n-th request (from 0) of one
// schema.
type answer func(n int, req *llm.Request) (string, error)

// A script is a model whose answers are given per schema; it keeps what it was asked.
type script struct {
	mu      sync.Mutex
	answers map[string]answer
	asked   map[string][]*llm.Request
}

func (s *script) Chat(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	name := req.Schema.Name
	s.mu.Lock()
	if s.asked == nil {
		s.asked = map[string][]*llm.Request{}
	}
	n := len(s.asked[name])
	s.asked[name] = append(s.asked[name], req)
	s.mu.Unlock()
	say := s.answers[name]
	if say == nil {
		return nil, fmt.Errorf("the script has no answer to %q", name)
	}
	content, err := say(n, req)
	if err != nil {
		return nil, err
	}
	return &llm.Response{Content: content, FinishReason: "stop"}, nil
}

// always gives the same answer; inTurn gives one after another and repeats the last.
func always(s string) answer { return inTurn(s) }

func inTurn(list ...string) answer {
	return func(n int, _ *llm.Request) (string, error) { return list[min(n, len(list)-1)], nil }
}

func failing(err error) answer {
	return func(int, *llm.Request) (string, error) { return "", err }
}

const (
	silence = `{"tasks":[]}`
	offer   = `{"tasks":["Find the missing bolt in the drawer"]}`
	accept  = `{"accepted":true,"reason":"That is what I need."}`
	decline = `{"accepted":false,"helpNeeded":false,"reason":"Not now."}`
	goalMet = `{"activity":"","goalMet":true}`
	act     = `{"activity":"I look for the bolt.","goalMet":false}`
	done    = `{"call":"","done":true}`
	look    = `{"call":"drawer.open('top')","done":false}`
	found   = `{"result":"a bolt","ok":true,"event":"The agent opens the top drawer.","seconds":2,"entities":[{"name":"Top drawer","state":"open"}]}`
)

// happening is an answer of one event that went wrong, so that it always suits.
func happening(texts ...string) string {
	var events []string
	for _, t := range texts {
		events = append(events, fmt.Sprintf(`{"event":%q,"actor":"user","seconds":1.5,"failure":true,"entities":[{"name":"Lamp","state":"after: %s"}]}`, t, t))
	}
	return `{"events":[` + strings.Join(events, ",") + `]}`
}

// calm is a script in which the user acts three times, each activity is one
// event, and the agent is silent, which suits the user.
func calm() *script {
	return &script{answers: map[string]answer{
		"activity": inTurn(act, act, act, goalMet), "events": always(happening("The user looks under the table.")),
		"proposal": always(silence), "verdict": always(accept), "operation": inTurn(look, done), "result": always(found),
	}}
}

func (s *script) with(schema string, a answer) *script {
	s.answers[schema] = a
	return s
}

var workshop = trace.Scene{
	ID: "scene-00000", Domain: "daily",
	User: trace.User{Description: "Ada Quist, 51, repairs lamps.", Goal: "Put the brass lamp together before noon."},
	Environment: trace.Environment{
		Theme: "Lamp workshop", Description: "A bench by the window.",
		Entities: []string{"Lamp", "Top drawer"}, Operations: []string{"drawer.open(name)", "lamp.switch(on: bool) -> None: switches it"},
		Examples: []string{"The user turns the lamp over."},
	},
}

var limits = plan.Generate{Sessions: 1, MaxEvents: 10, Candidates: 1, ExecuteSteps: 3, Repairs: 2}

// playScene runs one session of the workshop with one model in every role.
func playScene(t *testing.T, s *script, l plan.Generate) (*session, string, error) {
	t.Helper()
	se := newSession(l, &workshop, cast{s, s, s}, draws{rng: seed.New(1), repairs: l.Repairs})
	end, err := se.run(t.Context())
	return se, end, err
}

// lastMessage is what a request asks.
func lastMessage(r *llm.Request) string {
	_, question := prompt.Opening(r.Messages[len(r.Messages)-1].Content)
	return question
}

// everything is all text of a request.
func everything(r *llm.Request) string {
	var b strings.Builder
	for _, m := range r.Messages {
		b.WriteString(m.Content)
		b.WriteByte('\n')
	}
	return b.String()
}
