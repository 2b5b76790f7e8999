// Package simtest is a model server for tests: it speaks the OpenAI API and
// answers as a sim would.
package simtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/sim"
)

// A Server answers chat requests that bear the key.
type Server struct {
	Key    string
	Calls  atomic.Int64
	Status atomic.Int64 // of every answer, when not 0
	// RetryAfter, in milliseconds, goes with every refusal.
	RetryAfter atomic.Int64
	// Batches answers the files and batches API, where it is set.
	Batches *Batches
}

// ServeHTTP answers one chat request; one in fifty is told to come back.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.Batches != nil && !strings.HasSuffix(r.URL.Path, endpoint) && s.Status.Load() == 0 && r.Header.Get("Authorization") == "Bearer "+s.Key {
		s.Batches.ServeHTTP(w, r)
		return
	}
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
	text, err := io.ReadAll(r.Body)
	if err == nil {
		text, err = answer(r.Context(), text)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_, _ = w.Write(text)
}

// A question is what a sim heeds of a request's body.
type question struct {
	Messages       []llm.Message `json:"messages"`
	Seed           uint64        `json:"seed"`
	ResponseFormat struct {
		JSONSchema struct {
			Name string `json:"name"`
		} `json:"json_schema"`
	} `json:"response_format"`
}

// answer returns the chat completion of a request's body.
func answer(ctx context.Context, text []byte) ([]byte, error) {
	var q question
	if err := json.Unmarshal(text, &q); err != nil {
		return nil, err
	}
	completion, err := complete(ctx, q.Messages, q.Seed, q.ResponseFormat.JSONSchema.Name)
	if err != nil {
		return nil, err
	}
	return json.Marshal(completion)
}

// complete is what a sim says to messages, as a chat completion.
func complete(ctx context.Context, messages []llm.Message, seed uint64, schema string) (map[string]any, error) {
	resp, err := sim.New(llm.Model{Name: "m", Provider: llm.Sim, Params: llm.Params{Skill: 0.8}}).Chat(ctx, &llm.Request{
		Messages: messages, Seed: seed, Schema: &llm.Schema{Name: schema},
	})
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"model":   "served",
		"choices": []any{map[string]any{"message": map[string]any{"role": llm.Assistant, "content": resp.Content}, "finish_reason": "stop"}},
		"usage":   map[string]any{"prompt_tokens": resp.Usage.Prompt, "completion_tokens": resp.Usage.Completion},
	}, nil
}
