package finetuneexport

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/redact"
	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/trace"
)

// private is a session with two people, in which a model that saw placeholders wrote one,
// and one that did not wrote an address.
func private() *trace.Episode {
	yes := 0
	turn := func(n int, event, offer string) trace.Turn {
		t := trace.Turn{Event: trace.Event{Time: fmt.Sprint(1717378000 + n), Text: event}, Proposals: []string{}, Judgement: &trace.Judgement{Accepted: true, Reason: "joe@example.com waits"}}
		if offer != "" {
			t.Proposals, t.Judgement.Task = []string{offer}, &yes
		}
		return t
	}
	return &trace.Episode{Scene: "scene-00000", End: "goal", Trace: trace.Trace{ID: "scene-00000/0", Domain: "daily", Turns: []trace.Turn{
		turn(0, "The user opens a mail of joe@example.com.", ""),
		turn(1, "The user writes to jane@example.com.", "Ask [email 2] for a date"),
		turn(2, "The user calls +49 30 1234567.", "Tell jane@example.com"),
	}}}
}

// A redacted row is what a model is sent, with an answer that has the same placeholder
// for the same person; what was not redacted stays as it is.
func TestRedactedRows(t *testing.T) {
	line, err := json.Marshal(private())
	if err != nil {
		t.Fatal(err)
	}
	p := params()
	p.Families, p.Trainers, p.Validation = []string{"qwen2.5"}, []string{"trl"}, 0
	p.Redact = map[string][]string{"agent": {trace.Gym}}
	res := mustRun(t, p, append(line, '\n'))
	agent, reward := string(res.Output(t, "trl/qwen2.5/agent_train.jsonl")), string(res.Output(t, "trl/qwen2.5/reward_train.jsonl"))
	if strings.Contains(agent, "@example.com") || strings.Contains(agent, "+49") || !strings.Contains(reward, "jane@example.com") {
		t.Errorf("agent:\n%s\nreward:\n%s", agent, reward)
	}
	turns := private().Turns
	for n, row := range decode[struct{ Prompt, Completion []llm.Message }](t, []byte(agent)) {
		sent := redact.Messages(prompt.AgentHistory("", turns, 0, n, 1))
		for i, m := range row.Prompt {
			if m != sent[i] {
				t.Errorf("row %d, message %d: %q, and a model is sent %q", n, i, m.Content, sent[i].Content)
			}
		}
		if want := []string{`{"tasks":[]}`, `{"tasks":["Ask [email 2] for a date"]}`, `{"tasks":["Tell [email 2]"]}`}[n]; row.Completion[0].Content != want {
			t.Errorf("row %d answers %s, want %s", n, row.Completion[0].Content, want)
		}
	}
	m := manifest(t, res)
	for i, want := range []string{"[gym] map[email:3 phone:1]", "[] map[email:1]"} {
		if got := fmt.Sprint(m.Sets[i].Redacted, m.Sets[i].Placeholders); got != want {
			t.Errorf("%s: %s, want %s", m.Sets[i].Name, got, want)
		}
	}
	card := string(res.Output(t, cardFile))
	for _, want := range []string{"secrets in the set agent are placeholders, such as [email 1], as far as they have a form (gym).", "Rows of the set agent with placeholders: email 3, phone 1."} {
		if !strings.Contains(card, want) {
			t.Errorf("%q is not in\n%s", want, card)
		}
	}
	p.Redact = map[string][]string{"reward": {trace.Gym}}
	if reward := string(mustRun(t, p, append(line, '\n')).Output(t, "trl/qwen2.5/reward_train.jsonl")); strings.Contains(reward, "@example.com") ||
		!strings.Contains(reward, `The user opens a mail of [email 1].`) || !strings.Contains(reward, `\"reason\":\"[email 1] waits\"`) {
		t.Error(reward)
	}
}
