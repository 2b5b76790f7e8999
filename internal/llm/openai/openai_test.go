package openai

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gymline/gymline/internal/llm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const canary = "sk-proj-CANARY+/=0123456789abcdef"

// serve starts a server and returns a model that it answers.
func serve(t *testing.T, h http.HandlerFunc) llm.Model {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return llm.Model{Name: "gpt", Provider: llm.OpenAI, BaseURL: s.URL + "/v1/", Model: "gpt-4o-mini"}
}

func dial(t *testing.T, m llm.Model) llm.Chatter {
	t.Helper()
	client := NewHTTPClient()
	client.Timeout = 5 * time.Second
	t.Cleanup(client.CloseIdleConnections)
	c, err := New(m, Access{Key: NewKey(canary)}, client)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func reply(content string) string {
	data, _ := json.Marshal(content)
	return `{"id":"x","model":"gpt-4o-mini-2024","choices":[{"index":0,"message":{"role":"assistant","content":` + string(data) +
		`},"finish_reason":"stop"}],"usage":{"prompt_tokens":20,"completion_tokens":5,"total_tokens":25,"prompt_tokens_details":{"cached_tokens":16}}}`
}

func ptr[T any](v T) *T { return &v }

var schema = &llm.Schema{Name: "proposal", Schema: json.RawMessage(`{"type":"object","properties":{"tasks":{"type":"array","items":{"type":"string"}}},"required":["tasks"],"additionalProperties":false}`)}

func TestAnswer(t *testing.T) {
	tests := map[string]struct {
		body string
		want llm.Response
	}{
		"whole": {reply("hello"), llm.Response{Content: "hello", FinishReason: "stop", Model: "gpt-4o-mini-2024",
			Usage: llm.Usage{Calls: 1, Prompt: 20, Cached: 16, Completion: 5}}},
		"no usage": {`{"model":"m","choices":[{"message":{"content":"x"},"finish_reason":"length"}]}`,
			llm.Response{Content: "x", FinishReason: "length", Model: "m", Usage: llm.Usage{Calls: 1}}},
		"parts": {`{"choices":[{"message":{"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},"finish_reason":"stop"}]}`,
			llm.Response{Content: "ab", FinishReason: "stop", Usage: llm.Usage{Calls: 1}}},
		"refusal": {`{"choices":[{"message":{"content":null,"refusal":"I cannot."},"finish_reason":"stop"}]}`,
			llm.Response{Content: "I cannot.", FinishReason: "stop", Usage: llm.Usage{Calls: 1}}},
		"echoed key": {reply("Bearer " + canary), llm.Response{Content: "Bearer [redacted]", FinishReason: "stop", Model: "gpt-4o-mini-2024",
			Usage: llm.Usage{Calls: 1, Prompt: 20, Cached: 16, Completion: 5}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, tt.body) })
			got, err := dial(t, m).Chat(t.Context(), &llm.Request{Messages: []llm.Message{{Role: llm.User, Content: "hi"}}})
			if err != nil || *got != tt.want {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	m := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		cancel()
		<-r.Context().Done() // until the client hangs up
	})
	if _, err := dial(t, m).Chat(ctx, &llm.Request{}); err != context.Canceled {
		t.Errorf("got %#v", err)
	}
}

func TestConnectionIsReused(t *testing.T) {
	conns := map[string]bool{}
	n := 0
	m := serve(t, func(w http.ResponseWriter, r *http.Request) {
		conns[r.RemoteAddr] = true
		if n++; n%2 == 0 {
			w.WriteHeader(500)
		}
		w.(http.Flusher).Flush() // chunked
		fmt.Fprint(w, reply("x")+"   \n\n")
	})
	c := dial(t, m)
	for range 6 {
		_, _ = c.Chat(t.Context(), &llm.Request{})
	}
	if n != 6 || len(conns) != 1 {
		t.Errorf("%d calls over %d connections", n, len(conns))
	}
}

func TestNoKeySendsNoHeader(t *testing.T) {
	m := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if _, ok := r.Header["Authorization"]; ok {
			t.Error("an Authorization header was sent")
		}
		fmt.Fprint(w, reply("x"))
	})
	client := NewHTTPClient()
	t.Cleanup(client.CloseIdleConnections)
	for _, key := range []Key{{}, NewKey(""), NewKey(" \n")} {
		c, err := New(m, Access{Key: key}, client)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Chat(t.Context(), &llm.Request{}); err != nil {
			t.Error(err)
		}
	}
}
