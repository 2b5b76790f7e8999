package batch

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/openai"
)

// shown is a provider of which nothing is asked but a file.
type shown struct {
	*openai.Batches
	file string
}

func (s *shown) Content(context.Context, string) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(s.file)), nil
}

// reads returns what a file answers to the keys, by key, as callers would get it.
func reads(t *testing.T, api *shown, keys ...llm.Key) map[llm.Key]*ask {
	b := &Batcher{
		api: api, ctx: t.Context(), asks: map[llm.Key]*ask{}, vain: map[llm.Key]tries{}, entries: map[string]*entry{}, byKey: map[llm.Key][]*entry{},
		opt: Options{Model: "gpt", Log: slog.New(slog.DiscardHandler), Retry: func(_ context.Context, call func() error) error { return call() }},
	}
	e, left, all := newEntry("mark", keys, time.Time{}), map[llm.Key]*ask{}, map[llm.Key]*ask{}
	e.watched = true
	for _, k := range keys {
		a := &ask{key: k, callers: 1, done: make(chan struct{})}
		b.asks[k], left[k], all[k] = a, a, a
	}
	found := tally{lines: map[llm.Key]bool{}, refused: map[llm.Key]*llm.Error{}}
	if err := b.read(e, "f", left, &found); err != nil {
		t.Errorf("%q is not read: %v", api.file, err)
	}
	for k, a := range left {
		if a.resp != nil {
			t.Errorf("%v is answered, and still asked", k)
		}
	}
	return all
}

// erroneous reports whether a line says of itself that it is no answer, in any
// member where a provider may.
func erroneous(line []byte) bool {
	var l struct {
		Response *struct {
			Status int `json:"status_code"`
			Body   struct {
				Error   any   `json:"error"`
				Choices []any `json:"choices"`
			} `json:"body"`
		} `json:"response"`
		Error any `json:"error"`
	}
	if json.Unmarshal(line, &l) != nil || l.Response == nil || l.Response.Status < 200 || l.Response.Status > 299 || len(l.Response.Body.Choices) == 0 {
		return true
	}
	for _, failure := range []any{l.Error, l.Response.Body.Error} {
		switch failure := failure.(type) {
		case string:
			if failure != "" {
				return true
			}
		case map[string]any:
			if m, _ := failure["message"].(string); m != "" && failure["code"] == nil {
				return true
			}
		}
	}
	return false
}

// FuzzFile: whatever stands in a batch's file, those beside it are answered by their
// own lines, and what says that it is an error answers nobody.
func FuzzFile(f *testing.F) {
	line := func(key llm.Key, said string) string {
		return fmt.Sprintf(`{"id":"r","custom_id":"%s","response":{"status_code":200,"body":{"choices":[{"message":{"content":%q},"finish_reason":"stop"}]}},"error":null}`+"\n", key, said)
	}
	first, asked, last := llm.Key{1}, llm.Key{2}, llm.Key{3}
	id := `{"custom_id":"` + asked.String() + `",`
	for _, text := range []string{
		line(asked, "yes"), line(asked, "half")[:150], line(asked, "a") + line(asked, "b"), line(llm.Key{4}, "whose?"), strings.ReplaceAll(line(asked, "CRLF"), "\n", "\r\n"),
		id + `"response":{"status_code":200,"body":{"choices":[{"message":{"content":"x"}}]}},"error":{"message":"failed"}}`,
		id + `"response":{"status_code":200,"body":{"choices":[{"message":{"content":"x"}}],"error":"failed"}},"error":null}`,
		id + `"response":{"status_code":500,"body":{"choices":[{"message":{"content":"x"}}]}}}`, id + `"response":null,"error":{"code":"batch_expired","message":"late"}}`,
		id + `"response":{"status_code":200,"body":"<html>"},"error":null}`, id + `"response":{"status_code":"200"}}`, "<html>\n<title>Sign in</title>\n", "\ufeff", "[]\n{}\nnull", `{"custom_id":7}`, "\x00",
	} {
		f.Add(text)
	}
	real, err := openai.NewBatches(llm.Model{Name: "gpt", BaseURL: "http://localhost/v1", Model: "m"}, openai.Access{}, http.DefaultClient)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var own []string
		for one := range strings.Lines(text) {
			r, err := parseLine([]byte(strings.TrimSpace(one)))
			if r.key == first || r.key == last {
				return // forged by the provider itself
			}
			if err == nil && r.key == asked {
				own = append(own, one)
			}
		}
		all := reads(t, &shown{real, line(first, "one") + text + "\n" + line(last, "two")}, first, asked, last)
		for k, want := range map[llm.Key]string{first: "one", last: "two"} {
			if a := all[k]; a.resp == nil || a.resp.Content != want {
				t.Errorf("beside %q a line is read as %+v, %v", text, a.resp, a.err)
			}
		}
		if a := all[asked]; a.resp != nil && (len(own) == 0 || erroneous([]byte(own[0]))) {
			t.Errorf("%q answers %+v", text, a.resp)
		}
	})
}
