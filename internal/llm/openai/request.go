package openai

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/sashabaranov/go-openai"

	"github.com/gymline/gymline/internal/canonical"
	"github.com/gymline/gymline/internal/llm"
)

// ask takes up a request in the model's dialect: the client's request, less what
// mend adds to it.
func (x *exchange) ask(req *llm.Request) openai.ChatCompletionRequest {
	m := x.model
	out := openai.ChatCompletionRequest{Model: m.Model}
	if !m.NoSeed {
		out.Seed = wireSeed(req)
	}
	x.messages = req.Messages
	if req.Schema != nil {
		out.ResponseFormat, x.members = format(m, req.Schema)
		if m.Mode() != llm.ModeSchema {
			x.messages = withSchema(x.messages, req.Schema)
		}
	}
	if m.NoSystem {
		x.messages = fold(x.messages)
	}
	return out
}

// format is how an answer's shape is asked for: the client's field, or a member
// where that cannot write it.
func format(m llm.Model, s *llm.Schema) (*openai.ChatCompletionResponseFormat, []byte) {
	switch {
	case m.Mode() == llm.ModeObject:
		return &openai.ChatCompletionResponseFormat{Type: openai.ChatCompletionResponseFormatTypeJSONObject}, nil
	case m.Mode() != llm.ModeSchema:
		return nil, nil
	case m.NoStrict: // the client would send strict: false, which some servers refuse as well
		out := canonical.AppendString([]byte(`"response_format":{"type":"json_schema","json_schema":{"name":`), s.Name)
		return nil, append(append(append(out, `,"schema":`...), s.Schema...), "}}"...)
	}
	return &openai.ChatCompletionResponseFormat{
		Type:       openai.ChatCompletionResponseFormatTypeJSONSchema,
		JSONSchema: &openai.ChatCompletionResponseFormatJSONSchema{Name: s.Name, Schema: s.Schema, Strict: true},
	}, nil
}

// withSchema returns msgs with the schema at the end of the last system text,
// where it stays part of the fixed prefix.
func withSchema(msgs []llm.Message, s *llm.Schema) []llm.Message {
	ask := "Answer with one JSON object that matches this JSON Schema, and nothing else:\n" + string(s.Schema)
	for i := len(msgs) - 1; i >= 0; i-- {
		if msgs[i].Role == llm.System {
			msgs = slices.Clone(msgs)
			msgs[i].Content += "\n\n" + ask
			return msgs
		}
	}
	return append([]llm.Message{{Role: llm.System, Content: ask}}, msgs...)
}

// fold puts system texts before the text of the user's message that follows, for
// models that take no system role. What none follows goes to the end of the one
// before, so that user and assistant still take turns.
func fold(msgs []llm.Message) []llm.Message {
	out, system := make([]llm.Message, 0, len(msgs)+1), ""
	flush := func() {
		if last := len(out) - 1; system != "" && last >= 0 && out[last].Role == llm.User {
			out[last].Content += "\n\n" + strings.TrimSuffix(system, "\n\n")
		} else if system != "" {
			out = append(out, llm.Message{Role: llm.User, Content: strings.TrimSuffix(system, "\n\n")})
		}
		system = ""
	}
	for _, m := range msgs {
		switch m.Role {
		case llm.System:
			system += m.Content + "\n\n"
		case llm.User:
			out = append(out, llm.Message{Role: llm.User, Content: system + m.Content})
			system = ""
		default:
			flush()
			out = append(out, m)
		}
	}
	flush()
	return out
}

// wireSeed folds the seed into 31 bits, the most that every server takes, and
// moves it for each replicate, which wants an answer of its own.
func wireSeed(req *llm.Request) *int {
	if req.Seed == 0 {
		return nil
	}
	seed := int((req.Seed + uint64(req.Replicate)) & (1<<31 - 1))
	return &seed
}

// fixed returns what is the same in every request, as the members of a JSON
// object: the sampling parameters that are set, and what the config adds. They are
// spliced into the body because the client's own fields drop a temperature of 0
// and round to float32.
func fixed(m llm.Model) ([]byte, error) {
	p := struct {
		Temperature         *float64 `json:"temperature,omitempty"`
		TopP                *float64 `json:"top_p,omitempty"`
		MaxTokens           int      `json:"max_tokens,omitempty"`
		MaxCompletionTokens int      `json:"max_completion_tokens,omitempty"`
	}{Temperature: m.Temperature, TopP: m.TopP}
	if m.LimitName() == llm.MaxCompletionTokens {
		p.MaxCompletionTokens = m.MaxTokens
	} else {
		p.MaxTokens = m.MaxTokens
	}
	sampling, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("sampling parameters: %w", err)
	}
	var body bytes.Buffer
	if err := json.Compact(&body, m.Body); len(m.Body) > 0 && err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	var members [][]byte
	for _, object := range [][]byte{sampling, body.Bytes()} {
		if inner := bytes.TrimSuffix(bytes.TrimPrefix(object, []byte("{")), []byte("}")); len(inner) > 0 {
			members = append(members, inner)
		}
	}
	return bytes.Join(members, []byte(",")), nil
}
