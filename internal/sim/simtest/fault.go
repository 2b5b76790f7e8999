package simtest

import (
	"encoding/json"
	"fmt"
	"net/http"
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
	{Name: "a failure's finish", Answer: func(w http.ResponseWriter, completion map[string]any) {
		choiceOf(completion)["finish_reason"] = "network_error"
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
	{Name: "odd fields", Billed: true, Answer: func(w http.ResponseWriter, completion map[string]any) {
		completion["created"], completion["system_fingerprint"], completion["id"] = 1717378000.25, 7, 12
		write(w, completion)
	}},
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
	w.Header().Set("retry-after", "5")
	p.refuse(w, f.Status, fmt.Sprintf("not now: %s", f.Name))
}
