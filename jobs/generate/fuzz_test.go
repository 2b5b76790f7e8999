package generate

import (
	"errors"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/trace"
)

// FuzzAnswers puts any text into the place of each answer in turn: the session
// ends with a log that holds what the log promises, or its row fails.
func FuzzAnswers(f *testing.F) {
	for _, text := range []string{
		act, goalMet, silence, offer, accept, decline, done, look, found, happening("a", "b"), "", "{}", "I would rather not.",
		`{"events":[{"event":"x\ny","actor":"user","seconds":1e308,"failure":true,"entities":[{"name":" ","state":"s"}]}]}`,
		`{"tasks":["\u0000","a\nb","null"," "]}`, `{"accepted":true,"task":99999999999,"reason":"x"}`, `{"accepted":true,"task":-1,"reason":"x"}`,
		`{"call":"drawer.open(","done":false}`, `{"result":"","ok":true,"event":"e","seconds":0.0000001,"entities":null}`, `{"summary":"\n"}`, `{"summary":"x"}`,
	} {
		f.Add(text)
	}
	l := limits
	l.MaxEvents, l.Candidates, l.Repairs = 8, 2, 0
	l.History = &plan.History{Keep: plan.HistorySummary, Exchanges: 2}
	f.Fuzz(func(t *testing.T, text string) {
		for _, schema := range []string{"activity", "events", "proposal", "verdict", "operation", "result", "summary"} {
			s := calm().with("activity", always(act)).with("proposal", inTurn(offer, silence, offer)).with("summary", always(`{"summary":"The lamp is in parts."}`)).
				with("operation", always(look)).with("verdict", always(`{"accepted":true,"task":1,"reason":"Yes."}`))
			good := s.answers[schema]
			s.with(schema, func(n int, r *llm.Request) (string, error) {
				if n%2 == 0 {
					return text, nil
				}
				return good(n, r)
			})
			se, end, err := playScene(t, s, l)
			if fail, ok := errors.AsType[*failure](err); err != nil && (!ok || fail.Raw != text || !strings.HasSuffix(fail.Cause, schema)) {
				t.Fatalf("%s: %v", schema, err)
			}
			if err == nil && end != endGoal && len(se.turns) != l.MaxEvents {
				t.Fatalf("%s: ended %q after %d events", schema, end, len(se.turns))
			}
			before := 0.0
			for _, turn := range se.turns {
				at, _, err := trace.ParseTime(turn.Event.Time)
				if err != nil || at <= before || turn.Event.Text == "" || turn.Event.Text != trace.OneLine(turn.Event.Text) || len(turn.Proposals) > 2 {
					t.Fatalf("%s: turn %+v, %v", schema, turn, err)
				}
				before = at
				if j := turn.Judgement; j == nil || j.Task != nil && (*j.Task < 0 || *j.Task >= len(turn.Proposals)) || j.HelpNeeded == nil {
					t.Fatalf("%s: judgement %+v of %+v", schema, j, turn.Proposals)
				}
				for _, task := range turn.Proposals {
					if trace.Silence(task) || task != trace.OneLine(task) {
						t.Fatalf("%s: task %q", schema, task)
					}
				}
			}
		}
	})
}
