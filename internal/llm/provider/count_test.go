package provider

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/llm"
)

// replies answers always so.
func replies(content string, used llm.Usage) llm.Chatter {
	return llm.ChatFunc(func(context.Context, *llm.Request) (*llm.Response, error) {
		return &llm.Response{Content: content, Usage: used}, nil
	})
}

// TestCountsThatCannotBe: no call costs less than nothing, or nothing where it
// has a price, whatever the provider counts; and the answer says what is estimated.
func TestCountsThatCannotBe(t *testing.T) {
	req := &llm.Request{Messages: []llm.Message{{Role: llm.User, Content: strings.Repeat("x", 396)}}} // about 100 tokens
	price := llm.Price{Prompt: 10, Cached: 1, Completion: 30}
	for name, tt := range map[string]struct {
		said, want llm.Usage
		odd        bool
	}{
		"good":                  {llm.Usage{Prompt: 50, Cached: 20, Completion: 9}, llm.Usage{Prompt: 50, Cached: 20, Completion: 9}, false},
		"nothing":               {llm.Usage{}, llm.Usage{Prompt: 100, Completion: 5, Estimated: 1}, false},
		"the answer alone":      {llm.Usage{Completion: 7}, llm.Usage{Prompt: 100, Completion: 7, Estimated: 1}, false},
		"the prompt alone":      {llm.Usage{Prompt: 50}, llm.Usage{Prompt: 50, Completion: 5, Estimated: 1}, false},
		"negative":              {llm.Usage{Prompt: -50, Cached: -1, Completion: -9}, llm.Usage{Prompt: 100, Completion: 5, Estimated: 1}, true},
		"cached above prompt":   {llm.Usage{Prompt: 50, Cached: 20_000, Completion: 9}, llm.Usage{Prompt: 50, Cached: 50, Completion: 9}, true},
		"beyond any context":    {llm.Usage{Prompt: 50, Completion: 1 << 60}, llm.Usage{Prompt: 50, Completion: 5, Estimated: 1}, true},
		"cached, and no prompt": {llm.Usage{Cached: 500, Completion: 9}, llm.Usage{Prompt: 100, Cached: 100, Completion: 9, Estimated: 1}, false},
	} {
		var log bytes.Buffer
		c := counted(replies("about four words", tt.said), "gpt", slog.New(slog.NewTextHandler(&log, nil)))
		for range 2 {
			resp, err := c.Chat(t.Context(), req)
			if err != nil || resp.Usage != tt.want || price.Cost(resp.Usage) <= 0 || price.Cost(tt.said) < 0 {
				t.Errorf("%s: %+v, %v", name, resp.Usage, err)
			}
		}
		if warned := strings.Count(log.String(), "WARN"); tt.odd != (warned == 1) || warned > 1 {
			t.Errorf("%s: warned %d times: %s", name, warned, log.String())
		}
	}
	c := counted(replies(" ", llm.Usage{Prompt: 5}), "gpt", slog.New(slog.DiscardHandler))
	if resp, err := c.Chat(t.Context(), req); err != nil || resp.Usage != (llm.Usage{Prompt: 5}) {
		t.Errorf("an answer without a text: %+v, %v", resp, err)
	}
}
