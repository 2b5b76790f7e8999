package generate

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/golden"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/seed"
	"github.com/gymline/gymline/internal/trace"
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
	talk := (draws{rng: seed.New(1)}).converse("scenes", s, prompt.ScenesSystem(""), "")
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

// TestScenesAreData: whatever a scene says, files or models wrote it. It stands in
// no system text, which are the same for every scene and say so, and in the
// conversation of each who is to know it.
func TestScenesAreData(t *testing.T) {
	scene := workshop
	scene.User = trace.User{Description: "canary description", Goal: "canary goal"}
	scene.Environment = trace.Environment{Theme: "canary theme", Description: "canary place", Entities: []string{"canary entity"}, Operations: []string{"canary.open(path)"}, Examples: []string{"The user meets a canary."}}
	s := calm().with("proposal", inTurn(offer, silence)).with("verdict", inTurn(accept)).with("operation", always(`{"call":"canary.open(x)","done":false}`)).with("activity", inTurn(act, goalMet))
	se := newSession(limits, &scene, cast{s, s, s}, draws{rng: seed.New(1), repairs: 3})
	if _, err := se.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for part, knows := range map[string][]string{
		"activity": {"canary description", "canary goal", "canary theme. canary place", "- canary entity"}, "verdict": {"canary goal"},
		"events": {"canary theme. canary place", "- canary entity", "- canary.open(path)", "meets a canary"}, "operation": {"- canary.open(path)"}, "proposal": nil,
	} {
		if len(s.asked[part]) == 0 {
			t.Errorf("nobody was asked for the %s", part)
		}
		for _, req := range s.asked[part] {
			if system := req.Messages[0]; system.Role != llm.System || strings.Contains(system.Content, "canary") || strings.Count(system.Content, prompt.IsData) != 1 {
				t.Errorf("%s: the system text is\n%s", part, system.Content)
			}
			for _, text := range knows {
				if !strings.Contains(req.Messages[1].Content, text) {
					t.Errorf("%s: %q is not told in\n%s", part, text, req.Messages[1].Content)
				}
			}
		}
	}
}
