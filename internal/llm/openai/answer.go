package openai

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/gymline/gymline/internal/llm"
)

// A reading is what is needed of an answer's body, and nothing else: a field that
// nobody needs, or of a type that nobody expects, spoils nothing.
type reading struct {
	choice    bool // there is one
	streamed  bool // it is a part of one
	content   strings.Builder
	elsewhere []string // fields beside an empty content that hold something
	finish    string
	model     string
	print     string // the fingerprint
	usage     llm.Usage
	failure   json.RawMessage // an error beside the choices or in the first one
}

// A completion is a chat completion, or a part of one that is streamed.
type completion struct {
	Model   json.RawMessage `json:"model"`
	Print   json.RawMessage `json:"system_fingerprint"`
	Choices json.RawMessage `json:"choices"`
	Usage   json.RawMessage `json:"usage"`
	Error   json.RawMessage `json:"error"`
}

type choice struct {
	Message json.RawMessage `json:"message"`
	Delta   json.RawMessage `json:"delta"` // in place of the message, in a stream
	Text    json.RawMessage `json:"text"`  // so do servers of before
	Finish  json.RawMessage `json:"finish_reason"`
	Error   json.RawMessage `json:"error"`
}

type message struct {
	Content   json.RawMessage `json:"content"`
	Refusal   json.RawMessage `json:"refusal"`
	Reasoning json.RawMessage `json:"reasoning"`
	Thinking  json.RawMessage `json:"reasoning_content"`
	Tools     json.RawMessage `json:"tool_calls"`
	Function  json.RawMessage `json:"function_call"`
}

// take reads a completion, or the next part of one. It reports false for what
// is none.
func (r *reading) take(body []byte) bool {
	var c completion
	var choices []json.RawMessage
	if json.Unmarshal(body, &c) != nil || json.Unmarshal(c.Choices, &choices) != nil && said(c.Choices) {
		return false
	}
	if s := str(c.Model); s != "" {
		r.model = s
	}
	if s := str(c.Print); s != "" {
		r.print = s
	}
	if said(c.Usage) {
		r.usage = usage(c.Usage)
	}
	if wrong(c.Error) {
		r.failure = c.Error
	}
	if len(choices) == 0 {
		return said(c.Error) || c.Choices != nil
	}
	var first choice
	if json.Unmarshal(choices[0], &first) != nil || !said(choices[0]) {
		return true // as good as none
	}
	r.choice = true
	if s := str(first.Finish); s != "" {
		r.finish = strings.ToLower(s)
	}
	if wrong(first.Error) {
		r.failure = first.Error
	}
	told := first.Message
	if !said(told) && said(first.Delta) {
		told, r.streamed = first.Delta, true
	}
	var m message
	switch {
	case !said(told):
		r.content.WriteString(str(first.Text))
	case json.Unmarshal(told, &m) == nil:
		r.read(m)
	default:
		r.content.WriteString(str(told))
	}
	return true
}

// read takes what a message says, in whichever field the provider put it. A
// refusal is an answer: the caller's check sends it back or fails the row.
// Reasoning and calls of tools are none.
func (r *reading) read(m message) {
	text := words(m.Content)
	if text == "" {
		text = str(m.Refusal)
	}
	r.content.WriteString(text)
	for _, other := range []struct {
		name  string
		value json.RawMessage
	}{{"reasoning_content", m.Thinking}, {"reasoning", m.Reasoning}, {"tool_calls", m.Tools}, {"function_call", m.Function}} {
		if full(other.value) {
			r.note(other.name)
		}
	}
	if text == "" && full(m.Content) {
		r.note("content, in parts that are no text")
	}
}

// note keeps the name of a field that holds something, once.
func (r *reading) note(field string) {
	if !slices.Contains(r.elsewhere, field) {
		r.elsewhere = append(r.elsewhere, field)
	}
}

// words is the text of a message's content: a text, a list of parts, of which
// those that think are left out, or the very object that was asked for.
func words(content json.RawMessage) string {
	var parts []json.RawMessage
	switch {
	case !said(content):
		return ""
	case json.Unmarshal(content, &parts) == nil:
		var b strings.Builder
		for _, p := range parts {
			text, isPart := part(p)
			if !isPart {
				return string(content) // a list that is the answer
			}
			b.WriteString(text)
		}
		return b.String()
	case content[0] == '"':
		return str(content)
	}
	if text, ok := part(content); ok {
		return text
	}
	return string(content)
}

// part reads a part of a content: its text, or "" when it is of another kind.
func part(p json.RawMessage) (text string, ok bool) {
	if s := str(p); s != "" {
		return s, true
	}
	var fields struct {
		Type json.RawMessage `json:"type"`
		Text json.RawMessage `json:"text"`
	}
	if json.Unmarshal(p, &fields) != nil || str(fields.Type) == "" {
		return "", false
	}
	if kind := str(fields.Type); kind != "text" && kind != "output_text" {
		return "", true
	}
	return str(fields.Text), true
}

// str is a JSON text's text, and "" for anything else.
func str(v json.RawMessage) (s string) {
	if json.Unmarshal(v, &s) != nil {
		return ""
	}
	return s
}

// said reports whether a field is there and not null.
func said(v json.RawMessage) bool { return len(v) > 0 && string(v) != "null" }

// full reports whether a field holds anything but an empty value.
func full(v json.RawMessage) bool {
	switch string(bytes.Join(bytes.Fields(v), nil)) {
	case "", "null", "false", "0", `""`, "[]", "{}":
		return false
	}
	return true
}

// wrong reports whether an error field tells of an error: many servers send an
// empty one, or the code 0, beside what is good.
func wrong(v json.RawMessage) bool {
	var fields map[string]json.RawMessage
	if json.Unmarshal(v, &fields) != nil {
		return full(v)
	}
	code := fields["code"]
	if s := string(bytes.Trim(code, `"`)); code != nil && (s == "0" || s == "200") {
		return false
	}
	for _, f := range fields {
		if full(f) {
			return true
		}
	}
	return false
}

// usage reads a count of tokens; what cannot be read of it is 0, not said.
func usage(v json.RawMessage) llm.Usage {
	var u struct {
		Prompt     json.RawMessage `json:"prompt_tokens"`
		Completion json.RawMessage `json:"completion_tokens"`
		Details    json.RawMessage `json:"prompt_tokens_details"`
	}
	var details struct {
		Cached json.RawMessage `json:"cached_tokens"`
	}
	if json.Unmarshal(v, &u) != nil {
		return llm.Usage{}
	}
	_ = json.Unmarshal(u.Details, &details)
	return llm.Usage{Prompt: count(u.Prompt), Cached: count(details.Cached), Completion: count(u.Completion)}
}

// count reads a whole number, also one that is written as a text or a fraction.
func count(v json.RawMessage) int64 {
	n, err := strconv.ParseFloat(strings.TrimSpace(string(bytes.Trim(v, `"`))), 64)
	if err != nil || math.IsNaN(n) {
		return 0
	}
	return int64(min(max(n, -1e15), 1e15))
}
