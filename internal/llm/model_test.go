package llm

import (
	"encoding/json"
	"slices"
	"testing"
)

// TestModelJSON: a model is part of work keys, so its JSON never changes.
func TestModelJSON(t *testing.T) {
	zero := 0.0
	for want, m := range map[string]Model{
		`{"name":"s","provider":"sim","version":1,"skill":0.8}`: {Name: "s", Provider: Sim, Params: Params{Version: 1, Skill: 0.8}},
		`{"name":"g","provider":"openai","baseURL":"https://x/v1","model":"gpt","temperature":0,"maxTokens":9,"schema":"text","unredacted":true}`: {
			Name: "g", Provider: OpenAI, BaseURL: "https://x/v1", Model: "gpt", Temperature: &zero, MaxTokens: 9, Schema: ModeText, Unredacted: true,
		},
		`{"name":"d","provider":"openai","noSeed":true,"noSystem":true,"noStrict":true,"tokenLimit":"max_tokens","body":{"a":1}}`: {
			Name: "d", Provider: OpenAI, Dialect: Dialect{NoSeed: true, NoSystem: true, NoStrict: true, TokenLimit: MaxTokens, Body: json.RawMessage(`{"a":1}`)},
		},
	} {
		if got, err := json.Marshal(m); err != nil || string(got) != want {
			t.Errorf("got %s (%v), want %s", got, err, want)
		}
	}
}

func TestDefaults(t *testing.T) {
	if m := (Model{}); m.Endpoint() != "https://api.openai.com/v1" || m.Mode() != "json_schema" {
		t.Errorf("%s, %s", m.Endpoint(), m.Mode())
	}
	if m := (Model{BaseURL: "http://x/v1//", Schema: ModeText}); m.Endpoint() != "http://x/v1" || m.Mode() != "text" {
		t.Errorf("%s, %s", m.Endpoint(), m.Mode())
	}
}

func TestLimitName(t *testing.T) {
	for want, names := range map[string][]string{
		MaxCompletionTokens: {"o1", "o3-mini", "openai/gpt-5", "gpt-5.1", "ft:o4-mini-2025-04-16:me::id", "gpt-6:free"},
		MaxTokens:           {"gpt-4o", "o10", "gpt-50", "my-o3", "ft:gpt-4o-mini:me::o3", ""},
	} {
		for _, name := range names {
			if got := (Model{Model: name}).LimitName(); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
	}
	if got := (Model{Model: "o3", Dialect: Dialect{TokenLimit: MaxTokens}}).LimitName(); got != MaxTokens {
		t.Errorf("what is set is not sent, but %s", got)
	}
}

func TestSecrets(t *testing.T) {
	a := Access{KeyEnv: "B", Headers: map[string]Header{"x": {Env: "C"}, "y": {Env: "A"}, "z": {Env: "B"}, "plain": {Value: "D"}}}
	if got := a.Secrets(); !slices.Equal(got, []string{"A", "B", "C"}) || (Access{}).Secrets() != nil {
		t.Errorf("got %v", got)
	}
}
