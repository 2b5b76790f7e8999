// Package simtest is a model server for tests: it speaks the OpenAI API and
// answers as a sim would.
package simtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/sim"
)

// A Server answers chat requests that bear the key.
type Server struct {
	Key    string
	Calls  atomic.Int64
	Status atomic.Int64 // of every answer, when not 0
	// RetryAfter, in milliseconds, goes with every refusal.
	RetryAfter atomic.Int64
}

// ServeHTTP answers one chat request; one in fifty is told to come back.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := s.Calls.Add(1)
	status := int(s.Status.Load())
	if status == 0 && n%50 == 49 {
		status = http.StatusTooManyRequests
	}
	if r.Header.Get("Authorization") != "Bearer "+s.Key {
		status = http.StatusUnauthorized
	}
	if status != 0 {
		w.Header().Set("retry-after-ms", fmt.Sprint(max(s.RetryAfter.Load(), 5)))
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"error":{"message":"no, %s","code":"rate_limit_exceeded"}}`, r.Header.Get("Authorization"))
		return
	}
	var body struct {
		Messages       []llm.Message `json:"messages"`
		Seed           uint64        `json:"seed"`
		ResponseFormat struct {
			JSONSchema struct {
				Name string `json:"name"`
			} `json:"json_schema"`
		} `json:"response_format"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	resp, err := sim.New(llm.Model{Name: "m", Provider: llm.Sim, Skill: 0.8}).Chat(r.Context(), &llm.Request{
		Messages: body.Messages, Seed: body.Seed, Schema: &llm.Schema{Name: body.ResponseFormat.JSONSchema.Name},
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"model":   "served",
		"choices": []any{map[string]any{"message": llm.Message{Role: llm.Assistant, Content: resp.Content}, "finish_reason": "stop"}},
		"usage":   map[string]any{"prompt_tokens": resp.Usage.Prompt, "completion_tokens": resp.Usage.Completion},
	})
}
