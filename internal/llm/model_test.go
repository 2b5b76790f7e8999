package llm

import (
	"encoding/json"
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
