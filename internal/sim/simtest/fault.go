package simtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// A Fault is a way in which a call fails, or its answer is odd, that is the
// provider's doing and not the request's: another try, or a careful reader, gets
// the very answer of a calm day.
type Fault struct {
	Name   string
	Status int // of a refusal in the dialect's own shape; 0 has Answer write it
	// Billed says that the provider counts the call though nothing useful came.
	Billed bool
	// Answer writes what comes in place of a right completion.
	Answer func(w http.ResponseWriter, completion map[string]any)
}

// Faults has a row for each.
var Faults = []Fault{
	{Name: "request timeout", Status: 408},
	{Name: "conflict", Status: 409},
	{Name: "dependency", Status: 424},
	{Name: "too early", Status: 425},
	{Name: "rate limit", Status: 429},
	{Name: "capacity", Status: 498},
	{Name: "internal error", Status: 500},
	{Name: "bad gateway", Status: 502},
	{Name: "unavailable", Status: 503},
	{Name: "overloaded", Status: 529},
	{Name: "reset", Answer: func(w http.ResponseWriter, _ map[string]any) { reset(w) }},
	{Name: "half a body", Billed: true, Answer: func(w http.ResponseWriter, completion map[string]any) {
		data, _ := json.Marshal(completion)
		_, _ = w.Write(data[:len(data)/2])
	}},
	{Name: "no choice", Answer: func(w http.ResponseWriter, completion map[string]any) {
		completion["choices"] = []any{}
		write(w, completion)
	}},
	{Name: "error in 200", Answer: func(w http.ResponseWriter, _ map[string]any) {
		write(w, map[string]any{"error": map[string]any{"message": "Provider returned error", "code": 502}})
	}},
	{Name: "error in a choice", Answer: func(w http.ResponseWriter, completion map[string]any) {
		c := choiceOf(completion)
		c["finish_reason"], c["error"] = "error", map[string]any{"message": "upstream ended", "code": 502}
		message(c)["content"] = `{"tasks":["Hal`
		write(w, completion)
	}},
	{Name: "a failure's finish", Answer: func(w http.ResponseWriter, completion map[string]any) {
		choiceOf(completion)["finish_reason"] = "network_error"
		write(w, completion)
	}},
	{Name: "whole at the limit", Billed: true, Answer: func(w http.ResponseWriter, completion map[string]any) {
		choiceOf(completion)["finish_reason"] = "length"
		write(w, completion)
	}},
	{Name: "no usage", Billed: true, Answer: func(w http.ResponseWriter, completion map[string]any) {
		delete(completion, "usage")
		write(w, completion)
	}},
	{Name: "impossible usage", Billed: true, Answer: func(w http.ResponseWriter, completion map[string]any) {
		completion["usage"] = map[string]any{"prompt_tokens": -5, "completion_tokens": -7, "prompt_tokens_details": map[string]any{"cached_tokens": 1e6}}
		write(w, completion)
	}},
	{Name: "a page", Answer: func(w http.ResponseWriter, _ map[string]any) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><html><title>Sign in</title></html>")
	}},
	{Name: "a stream", Billed: true, Answer: func(w http.ResponseWriter, completion map[string]any) {
		w.Header().Set("Content-Type", "text/event-stream")
		choice := choiceOf(completion)
		choice["delta"] = message(choice)
		delete(choice, "message")
		data, _ := json.Marshal(completion)
		fmt.Fprintf(w, "data: %s\n\ndata: [DONE]\n\n", data)
	}},
	{Name: "blank lines first", Billed: true, Answer: func(w http.ResponseWriter, completion map[string]any) {
		_, _ = io.WriteString(w, "\n \n\n")
		write(w, completion)
	}},
	{Name: "thought in a field", Billed: true, Answer: func(w http.ResponseWriter, completion map[string]any) {
		message(choiceOf(completion))["reasoning_content"] = draft
		write(w, completion)
	}},
	{Name: "thought in the text", Billed: true, Answer: func(w http.ResponseWriter, completion map[string]any) {
		before(completion, "<think>Perhaps "+draft+"</think>\n")
		write(w, completion)
	}},
	{Name: "thought in a channel", Billed: true, Answer: func(w http.ResponseWriter, completion map[string]any) {
		before(completion, "<|channel|>analysis<|message|>"+draft+"<|end|><|start|>assistant<|channel|>final<|message|>")
		write(w, completion)
	}},
	{Name: "odd fields", Billed: true, Answer: func(w http.ResponseWriter, completion map[string]any) {
		completion["created"], completion["system_fingerprint"], completion["id"] = 1717378000.25, 7, 12
		write(w, completion)
	}},
}

// draft fits both what a candidate and what a judge is asked for, and is neither's answer.
const draft = `{"tasks": ["A draft."], "accepted": false, "reason": "A draft."}`

// before puts a text before what the model says.
func before(completion map[string]any, text string) {
	switch said := message(choiceOf(completion)); content := said["content"].(type) {
	case string:
		said["content"] = text + content
	case []any:
		part := content[0].(map[string]any)
		part["text"] = text + part["text"].(string)
	}
}

func choiceOf(completion map[string]any) map[string]any {
	return completion["choices"].([]any)[0].(map[string]any)
}

func write(w http.ResponseWriter, v any) {
	data, _ := json.Marshal(v)
	_, _ = w.Write(data)
}

// fail has a call meet a fault.
func (p *Provider) fail(w http.ResponseWriter, f Fault, completion map[string]any) {
	if f.Status == 0 {
		f.Answer(w, completion)
		return
	}
	w.Header().Set("retry-after-ms", strconv.Itoa(p.Pause))
	p.refuse(w, f.Status, fmt.Sprintf("not now: %s", f.Name))
}
