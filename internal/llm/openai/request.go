package openai

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/sashabaranov/go-openai"

	"github.com/gymline/gymline/internal/llm"
)

// request builds the client's request, less the messages and the sampling
// parameters, and the messages.
func (c *chatter) request(req *llm.Request) (openai.ChatCompletionRequest, []llm.Message) {
	out := openai.ChatCompletionRequest{Model: c.model.Model, Seed: wireSeed(req)}
	msgs := req.Messages
	if req.Schema != nil {
		switch c.model.Mode() {
		case llm.ModeSchema:
			out.ResponseFormat = &openai.ChatCompletionResponseFormat{
				Type: openai.ChatCompletionResponseFormatTypeJSONSchema,
				JSONSchema: &openai.ChatCompletionResponseFormatJSONSchema{
					Name: req.Schema.Name, Schema: req.Schema.Schema, Strict: true,
				},
			}
		case llm.ModeObject:
			out.ResponseFormat = &openai.ChatCompletionResponseFormat{Type: openai.ChatCompletionResponseFormatTypeJSONObject}
			msgs = withSchema(msgs, req.Schema)
		default:
			msgs = withSchema(msgs, req.Schema)
		}
	}
	return out, msgs
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

// wireSeed folds the seed into 31 bits, the most that every server takes, and
// moves it for each replicate, which wants an answer of its own.
func wireSeed(req *llm.Request) *int {
	if req.Seed == 0 {
		return nil
	}
	seed := int((req.Seed + uint64(req.Replicate)) & (1<<31 - 1))
	return &seed
}

// samplingJSON returns the sampling parameters that are set, as the members of
// a JSON object. They are spliced into the body because the client's own fields
// drop a temperature of 0 and round to float32.
func samplingJSON(m llm.Model) ([]byte, error) {
	p := struct {
		Temperature         *float64 `json:"temperature,omitempty"`
		TopP                *float64 `json:"top_p,omitempty"`
		MaxTokens           int      `json:"max_tokens,omitempty"`
		MaxCompletionTokens int      `json:"max_completion_tokens,omitempty"`
	}{Temperature: m.Temperature, TopP: m.TopP}
	if reasoning(m.Model) {
		p.MaxCompletionTokens = m.MaxTokens
	} else {
		p.MaxTokens = m.MaxTokens
	}
	data, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("sampling parameters: %w", err)
	}
	return data[1 : len(data)-1], nil
}

// reasoning reports whether a model takes max_completion_tokens and refuses
// max_tokens. Every other server known takes max_tokens.
func reasoning(model string) bool {
	name := path.Base(model) // "openai/gpt-5" behind a router
	return slices.ContainsFunc([]string{"o1", "o3", "o4", "gpt-5", "gpt-6"}, func(p string) bool {
		return name == p || strings.HasPrefix(name, p+"-") || strings.HasPrefix(name, p+".")
	})
}
