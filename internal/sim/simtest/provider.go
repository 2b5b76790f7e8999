package simtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/gymline/gymline/internal/llm"
)

// A Provider answers chat requests as a sim would, in a dialect.
type Provider struct {
	Dialect
	Key string
	// Fault is what the n-th call meets that is not refused, from 0; nil is a calm
	// day, and so is an answer of nil.
	Fault func(n int64) *Fault
	// Pause is what a fault that is a status asks to wait, in milliseconds.
	Pause int

	Calls  atomic.Int64 // that were not refused
	Billed atomic.Int64 // tokens of the answers, as far as they are counted
}

// ServeHTTP answers one chat request.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var body map[string]any
	if err := json.Unmarshal(text, &body); err != nil {
		p.refuse(w, http.StatusBadRequest, "the body is not JSON")
		return
	}
	key := "Bearer " + p.Key
	header := "Authorization"
	if p.Header != "" {
		header, key = p.Header, p.Key
	}
	switch refused := p.refused(body); {
	case !strings.HasSuffix(r.URL.Path, "/chat/completions") || p.Query != "" && r.URL.Query().Get(p.Query) == "":
		p.refuse(w, http.StatusNotFound, "Resource not found")
	case r.Header.Get(header) != key:
		p.refuse(w, http.StatusUnauthorized, "Access denied: no such key")
	case refused != "":
		p.refuse(w, max(p.Refusal, http.StatusBadRequest), refused)
	default:
		completion, err := p.answer(r, text, body)
		if err != nil {
			p.refuse(w, http.StatusBadRequest, err.Error())
			return
		}
		n := p.Calls.Add(1) - 1
		var fault *Fault
		if p.Fault != nil {
			fault = p.Fault(n)
		}
		if fault == nil || fault.Billed {
			p.Billed.Add(usage(completion)["prompt_tokens"].(int64) + usage(completion)["completion_tokens"].(int64))
		}
		if fault != nil {
			p.fail(w, *fault, completion)
			return
		}
		write(w, completion)
	}
}

func (p *Provider) refuse(w http.ResponseWriter, status int, message string) {
	out := p.Error(status, message)
	text, plain := out.(string)
	if !plain {
		data, _ := json.Marshal(out)
		text = string(data)
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// refused says why a request is; "" is not.
func (p *Provider) refused(body map[string]any) string {
	for _, name := range p.Refuses {
		path, value, _ := strings.Cut(name, "=")
		if got, there := member(body, path); there && (value == "" || got == value) {
			return fmt.Sprintf("Extra inputs are not permitted: %s is not supported", name)
		}
	}
	if !p.NoSystem {
		return ""
	}
	list, _ := body["messages"].([]any)
	for i, m := range list {
		role, _ := member(m, "role")
		if role == llm.System {
			return "System role not supported"
		}
		if (role == llm.User) != (i%2 == 0) {
			return "Conversation roles must alternate user/assistant/user/assistant/..."
		}
	}
	return ""
}

// member looks up a path of names with dots.
func member(v any, path string) (any, bool) {
	for _, name := range strings.Split(path, ".") {
		object, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = object[name]; !ok {
			return nil, false
		}
	}
	return v, true
}

// answer returns a completion in the dialect's shape.
func (p *Provider) answer(r *http.Request, text []byte, body map[string]any) (map[string]any, error) {
	var req question
	if err := json.Unmarshal(text, &req); err != nil {
		return nil, err
	}
	if p.NoSystem && len(req.Messages) > 0 { // a sim reads its part in the system text
		req.Messages = append([]llm.Message{{Role: llm.System, Content: req.Messages[0].Content}}, req.Messages...)
	}
	name := ""
	_, required := member(body, p.Heeds)
	if !p.Prose && (p.Heeds == "" || required) {
		name = req.ResponseFormat.JSONSchema.Name
	}
	if name == "" {
		name = asked(req.Messages)
	}
	completion, err := complete(r.Context(), req.Messages, req.Seed, name)
	if err != nil {
		return nil, err
	}
	choice := choiceOf(completion)
	said := message(choice)
	if name == "" {
		said["content"] = "I would rather say it in prose."
	}
	_, bounded := body["max_tokens"]
	if content := said["content"].(string); p.Limit > 0 && !bounded && len(content) > p.Limit {
		said["content"], choice["finish_reason"] = content[:p.Limit], "length"
	}
	if _, told := member(body, p.Thinks); p.Thinks != "" && !told {
		said["content"], said["reasoning_content"] = nil, "Let me think about it."
	}
	p.Shape(completion, choice)
	return completion, nil
}

// parts tell which part a schema asks for, by a property that those after it lack.
var parts = [][2]string{
	{"tasks", "proposal"}, {"helpNeeded", "verdict"}, {"accepted", "judgement"}, {"goalMet", "activity"}, {"events", "events"},
	{"result", "result"}, {"call", "operation"}, {"environment", "scene"}, {"summary", "summary"},
}

// asked reads the part from a schema in the text; "" is none.
func asked(messages []llm.Message) string {
	for _, m := range messages {
		_, after, ok := strings.Cut(m.Content, "that matches this JSON Schema, and nothing else:\n")
		var schema struct {
			Properties map[string]any `json:"properties"`
		}
		if !ok || json.NewDecoder(strings.NewReader(after)).Decode(&schema) != nil {
			continue
		}
		for _, part := range parts {
			if _, there := schema.Properties[part[0]]; there {
				return part[1]
			}
		}
	}
	return ""
}
