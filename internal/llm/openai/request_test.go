package openai

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/gymline/gymline/internal/golden"
	"github.com/gymline/gymline/internal/llm"
)

// TestWire pins every byte that is sent.
func TestWire(t *testing.T) {
	talk := []llm.Message{{Role: llm.System, Content: "Be <brief> & \"kind\"."}, {Role: llm.User, Content: "é\n1"}}
	tests := map[string]struct {
		model llm.Model
		req   llm.Request
	}{
		"bare":             {llm.Model{Model: "m"}, llm.Request{Messages: talk}},
		"temperature-zero": {llm.Model{Model: "m", Temperature: ptr(0.0)}, llm.Request{Messages: talk}},
		"all-sampling": {llm.Model{Model: "m", Temperature: ptr(0.7), TopP: ptr(0.123456789), MaxTokens: 512},
			llm.Request{Messages: talk, Seed: 7}},
		"reasoning":             {llm.Model{Model: "openai/gpt-5-mini", MaxTokens: 512}, llm.Request{Messages: talk}},
		"reasoning-temperature": {llm.Model{Model: "o3", Temperature: ptr(0.5)}, llm.Request{Messages: talk}}, // sent: the server decides
		"seed-replicate":        {llm.Model{Model: "m"}, llm.Request{Messages: talk, Seed: 1<<53 - 1, Replicate: 3}},
		"json-schema":           {llm.Model{Model: "m", Temperature: ptr(0.0)}, llm.Request{Messages: talk, Schema: schema}},
		"json-object":           {llm.Model{Model: "m", Schema: "json_object"}, llm.Request{Messages: talk, Schema: schema}},
		"text":                  {llm.Model{Model: "m", Schema: "text"}, llm.Request{Messages: talk, Schema: schema}},
		"text-no-system":        {llm.Model{Model: "m", Schema: "text"}, llm.Request{Messages: talk[1:], Schema: schema}},
		"fine-tune":             {llm.Model{Model: "ft:o4-mini-2025-04-16:me::id", MaxTokens: 512}, llm.Request{Messages: talk}},
		"no-seed":               {llm.Model{Model: "m", Dialect: llm.Dialect{NoSeed: true}}, llm.Request{Messages: talk, Seed: 7, Replicate: 1}},
		"no-strict":             {llm.Model{Model: "m", TopP: ptr(0.5), Dialect: llm.Dialect{NoStrict: true}}, llm.Request{Messages: talk, Schema: schema, Seed: 7}},
		"no-system":             {llm.Model{Model: "m", Dialect: llm.Dialect{NoSystem: true}}, llm.Request{Messages: talk, Schema: schema}},
		"no-system-text":        {llm.Model{Model: "m", Schema: "text", Dialect: llm.Dialect{NoSystem: true}}, llm.Request{Messages: talk[1:], Schema: schema}},
		"no-system-again":       {llm.Model{Model: "m", Dialect: llm.Dialect{NoSystem: true}}, llm.Request{Messages: []llm.Message{talk[0], {Role: llm.System, Content: "And short."}, talk[1], {Role: llm.Assistant, Content: "2"}, talk[1], {Role: llm.System, Content: "Now."}}}},
		"token-limit":           {llm.Model{Model: "my-deployment", MaxTokens: 512, Dialect: llm.Dialect{TokenLimit: llm.MaxCompletionTokens}}, llm.Request{Messages: talk}},
		"body":                  {llm.Model{Model: "m", Temperature: ptr(0.5), Dialect: llm.Dialect{Body: json.RawMessage(`{"chat_template_kwargs": {"enable_thinking": false}, "top_k": 1}`)}}, llm.Request{Messages: talk, Schema: schema}},
		"body-alone":            {llm.Model{Model: "m", Dialect: llm.Dialect{NoStrict: true, NoSeed: true, Body: json.RawMessage(`{}`)}}, llm.Request{Messages: talk, Seed: 1}},
		"text-two-system":       {llm.Model{Model: "m", Schema: "text"}, llm.Request{Messages: append(talk[:2:2], llm.Message{Role: llm.System, Content: "Again."}, llm.Message{Role: llm.User, Content: "2"}), Schema: schema}},
		"empty-contents": {llm.Model{Model: "m", MaxTokens: 1}, llm.Request{Messages: []llm.Message{{Role: llm.System}, {Role: llm.User}, {Role: llm.Assistant},
			{Role: llm.User, Content: `{"role":"user"}`}, {Role: llm.User}}, Schema: &llm.Schema{Name: "s", Schema: json.RawMessage(`{"default":{"role":"user"}}`)}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got []byte
			m := serve(t, func(w http.ResponseWriter, r *http.Request) {
				got, _ = io.ReadAll(r.Body)
				if r.Method != "POST" || r.URL.Path != "/v1/chat/completions" || r.Header.Get("Authorization") != "Bearer "+canary ||
					r.Header.Get("Content-Type") != "application/json" || r.ContentLength != int64(len(got)) {
					t.Errorf("%s %s %v length %d", r.Method, r.URL.Path, r.Header, r.ContentLength)
				}
				fmt.Fprint(w, reply("ok"))
			})
			tt.model.Name, tt.model.BaseURL = m.Name, m.BaseURL
			m = tt.model
			before, _ := json.Marshal(tt.req)
			if _, err := dial(t, m).Chat(t.Context(), &tt.req); err != nil {
				t.Fatal(err)
			}
			if after, _ := json.Marshal(tt.req); string(after) != string(before) {
				t.Errorf("Chat changed its request:\n%s\n%s", before, after)
			}
			if batched, err := dialBatches(t, m).body(t.Context(), &tt.req); err != nil || string(batched) != string(got) {
				t.Errorf("a batch holds\n%s (%v), and a direct call sends\n%s", batched, err, got)
			}
			if !json.Valid(got) {
				t.Errorf("not JSON: %s", got)
			}
			golden.Check(t, filepath.Join("testdata", "wire", name+".json"), append(got, '\n'))
		})
	}
}
