package openai

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/llm"
)

// TestAccess: headers and parameters go with chat calls and with those of the
// Batch API, which has parameters of its own.
func TestAccess(t *testing.T) {
	m := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if _, bearer := r.Header["Authorization"]; bearer || r.Header.Get("Api-Key") != canary || r.Header.Get("HTTP-Referer") != "https://example.com/a b" {
			t.Errorf("headers %v", r.Header)
		}
		if q := r.URL.Query(); q.Get("api-version") != "2024-10-21 &" || len(q["api-version"]) != 1 {
			t.Errorf("query %s", r.URL.RawQuery)
		}
		if strings.HasSuffix(r.URL.Path, "/batches") {
			if r.URL.Query().Get("limit") != "100" {
				t.Errorf("query %s", r.URL.RawQuery)
			}
			fmt.Fprint(w, `{"object":"list","data":[]}`)
			return
		}
		fmt.Fprint(w, reply("ok "+r.Header.Get("Api-Key")))
	})
	a := Access{
		Headers: []Header{{"api-key", NewKey(canary), true}, {"HTTP-Referer", NewKey("https://example.com/a b"), false}},
		Query:   map[string]string{"api-version": "2024-10-21 &"},
	}
	client := NewHTTPClient()
	t.Cleanup(client.CloseIdleConnections)
	c, err := New(m, a, client)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := c.Chat(t.Context(), &llm.Request{}); err != nil || resp.Content != "ok [redacted]" {
		t.Errorf("%+v, %v", resp, err)
	}
	b, err := NewBatches(m, a, client)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.List(t.Context(), ""); err != nil {
		t.Error(err)
	}
}

// TestHeaderIsScrubbed: an error shows what was sent in the clear, and no secret,
// not even one that another begins.
func TestHeaderIsScrubbed(t *testing.T) {
	m := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"error":{"message":"no %s, %s in %s"}}`, r.Header.Get("Api-Key"), r.Header.Get("Authorization"), r.Header.Get("OpenAI-Organization"))
	})
	client := NewHTTPClient()
	t.Cleanup(client.CloseIdleConnections)
	c, err := New(m, Access{Key: NewKey(canary), Headers: []Header{
		{"api-key", NewKey(canary + "-more"), true}, {"OpenAI-Organization", NewKey("org-1"), false},
	}}, client)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Chat(t.Context(), &llm.Request{})
	e, ok := errors.AsType[*llm.Error](err)
	if !ok || e.Class != llm.Denied || !strings.Contains(err.Error(), "no [redacted], Bearer [redacted] in org-1") {
		t.Errorf("got %v", err)
	}
}
