package generate

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/golden"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/seed"
)

// TestPromptGoldens holds the whole conversation of each role in one short
// session. A changed text changes Format.
func TestPromptGoldens(t *testing.T) {
	l := limits
	l.Candidates = 2
	s := calm().
		with("activity", inTurn(act, goalMet)).
		with("events", always(happening("The user drops the bolt.", "The user sighs."))).
		with("proposal", inTurn(`{"tasks":["Sweep the floor","Find the bolt"]}`, silence)).
		with("verdict", inTurn(`{"accepted":true,"task":2,"reason":"I need it."}`, accept)).
		with("scene", always(`{"user":{"description":"d","goal":"g"},"environment":{"theme":"t","description":"d","entities":["e"],"operations":["o()"],"examples":["x"]}}`))
	if _, _, err := playScene(t, s, l); err != nil {
		t.Fatal(err)
	}
	talk := (draws{rng: seed.New(1)}).converse("scenes", s, scenesSystem)
	if _, err := ask(t.Context(), talk, scenesQuestion("daily", "Mend a lamp.", []string{"The user takes a lamp.", "The bulb breaks."}), sceneSchema, checkScene); err != nil {
		t.Fatal(err)
	}
	l.History = &plan.History{Keep: plan.HistorySummary, Exchanges: 2}
	forgetful := calm().with("activity", inTurn(act, act, act, act, goalMet)).with("summary", always(`{"summary":"I have looked under the table."}`))
	if _, _, err := playScene(t, forgetful, l); err != nil {
		t.Fatal(err)
	}
	asked := forgetful.asked["activity"]
	s.asked["after a cut"] = asked[2:3]
	last := func(schema string) *llm.Request { return s.asked[schema][len(s.asked[schema])-1] }
	for name, req := range map[string]*llm.Request{
		"scenes": last("scene"), "user": last("activity"), "environment": last("result"), "agent": last("proposal"), "operation": last("operation"),
		"summary": last("after a cut"),
	} {
		var b strings.Builder
		for _, m := range req.Messages {
			fmt.Fprintf(&b, "--- %s\n%s\n", m.Role, m.Content)
		}
		fmt.Fprintf(&b, "--- schema %s\n%s\n", req.Schema.Name, req.Schema.Schema)
		golden.Check(t, filepath.Join("testdata", "prompts", name+".txt"), []byte(b.String()))
	}
}
