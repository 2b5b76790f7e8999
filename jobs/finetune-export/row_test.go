package finetuneexport

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/llm"
)

// What a row is in the words of encoding/json, which trainers' rows are held against.
type (
	sharegptRow struct {
		Conversations []sharegptMessage `json:"conversations"`
	}
	sharegptMessage struct {
		From  string `json:"from"`
		Value string `json:"value"`
	}
	promptCompletion struct {
		Prompt     []llm.Message `json:"prompt"`
		Completion []llm.Message `json:"completion"`
	}
)

func plainRow(to target, messages []llm.Message) any {
	if to.trainer.name == "trl" {
		shown := make([]llm.Message, len(messages))
		for i, m := range messages {
			shown[i] = llm.Message{Role: m.Role, Content: to.family.text(m.Content)}
		}
		last := len(shown) - 1
		return promptCompletion{shown[:last], shown[last:]}
	}
	row := sharegptRow{Conversations: make([]sharegptMessage, len(messages))}
	for i, m := range messages {
		switch m.Role {
		case llm.System:
			row.Conversations[i] = sharegptMessage{"system", to.family.preamble + to.family.text(m.Content)}
		case llm.User:
			row.Conversations[i] = sharegptMessage{"human", to.family.text(m.Content)}
		default:
			row.Conversations[i] = sharegptMessage{"gpt", to.family.text(m.Content)}
		}
	}
	return row
}

func checkRow(t *testing.T, messages []llm.Message) {
	t.Helper()
	all, err := targets([]string{"llama-factory", "trl"}, []string{"llama3.1", "qwen2.5"})
	if err != nil {
		t.Fatal(err)
	}
	c := &conversations{}
	for _, to := range all {
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(plainRow(to, messages)); err != nil {
			t.Fatal(err)
		}
		if got := to.trainer.row([]byte("x"), to.family, c.messages(messages)); string(got)+"\n" != "x"+want.String() {
			t.Errorf("%s: got\n%s\nwant\n%s", to.label(), got, &want)
		}
	}
}

// FuzzRow: rows are what encoding/json makes of them, whatever the texts are.
func FuzzRow(f *testing.F) {
	f.Add("system", "user", "answer")
	f.Add("", "", "")
	f.Add(" \tspace around\u2028", "\u00a0é\xff\x00<&>\\\"", "{\"tasks\":[\"…\"]}\n")
	f.Add(strings.Repeat("long enough, ", 50), "\u2029", "\xe2\x80")
	f.Fuzz(func(t *testing.T, system, user, answer string) {
		checkRow(t, []llm.Message{{Role: llm.System, Content: system}, {Role: llm.User, Content: user}, {Role: llm.Assistant, Content: answer}})
		checkRow(t, []llm.Message{{Role: llm.System, Content: system}, {Role: llm.User, Content: user}, {Role: llm.Assistant, Content: answer},
			{Role: llm.User, Content: answer + user}, {Role: llm.Assistant, Content: ""}})
	})
}
