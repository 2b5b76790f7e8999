package openai

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/llm"
)

func dialBatches(t *testing.T, m llm.Model) *Batches {
	t.Helper()
	client := NewHTTPClient()
	t.Cleanup(client.CloseIdleConnections)
	b, err := NewBatches(m, Access{Key: NewKey(canary)}, client)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestBatchedAnswer: an answer in a batch's file reads as the same answer to a
// direct call does, whatever it is.
func TestBatchedAnswer(t *testing.T) {
	for _, status := range []int{200, 400, 401, 429, 500, 503} {
		for name, body := range map[string]string{
			"answer": reply("hello"), "echoed key": reply("Bearer " + canary), "no choice": `{"choices":[]}`, "not JSON": "<html>", "empty": "", "null": "null",
			"error": `{"error":{"message":"no ` + canary + `","code":"context_length_exceeded"}}`, "quota": `{"error":{"message":"no","code":"insufficient_quota"}}`,
		} {
			t.Run(fmt.Sprint(status, name), func(t *testing.T) {
				m := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); fmt.Fprint(w, body) })
				b := dialBatches(t, m)
				want, wantErr := b.Chat(t.Context(), &llm.Request{Messages: []llm.Message{{Role: llm.User, Content: "hi"}}})
				got, err := b.Answer(t.Context(), status, []byte(body))
				if fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", want) && (got == nil || want == nil || *got != *want) {
					t.Errorf("got %+v, want %+v", got, want)
				}
				if fmt.Sprint(err) != fmt.Sprint(wantErr) || strings.Contains(fmt.Sprint(err), canary) {
					t.Errorf("got %v, want %v", err, wantErr)
				}
				e, _ := errors.AsType[*llm.Error](err)
				w, _ := errors.AsType[*llm.Error](wantErr)
				if e != nil && w != nil && (e.Class != w.Class || e.Code != w.Code) {
					t.Errorf("got %+v, want %+v", e, w)
				}
			})
		}
	}
}

// TestBatchCalls: the calls bear the key, and their failures are classified.
func TestBatchCalls(t *testing.T) {
	status, body := 200, ""
	var path, auth string
	m := serve(t, func(w http.ResponseWriter, r *http.Request) {
		path, auth = r.Method+" "+r.URL.String(), r.Header.Get("Authorization")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	})
	b := dialBatches(t, m)
	body = `{"id":"b1","status":"failed","created_at":7,"metadata":{"gymline":"mark"},"output_file_id":"o","error_file_id":null,
		"errors":{"data":[{"code":"insufficient_quota","message":"no ` + canary + `","line":null},{"code":"x","message":"bad","line":3}]}}`
	got, err := b.Create(t.Context(), "f", "mark")
	if err != nil || path != "POST /v1/batches" || auth != "Bearer "+canary {
		t.Fatal(path, auth, err)
	}
	if got.ID != "b1" || got.Mark != "mark" || got.Output != "o" || got.Errors != "" || !got.Ended() || len(got.Problems) != 2 ||
		got.Problems[0].Err.Class != llm.Denied || got.Problems[0].Line != 0 || got.Problems[1].Err.Class != llm.Refused || got.Problems[1].Line != 3 ||
		strings.Contains(got.Problems[0].Err.Error(), canary) {
		t.Errorf("%+v", got)
	}
	body = `{"data":[{"id":"b1"}],"has_more":true}`
	if page, more, err := b.List(t.Context(), "b0"); err != nil || !more || len(page) != 1 || path != "GET /v1/batches?after=b0&limit=100" {
		t.Errorf("%s: %v %v %v", path, page, more, err)
	}
	body = "a line\n"
	r, err := b.Content(t.Context(), "f")
	if err != nil || path != "GET /v1/files/f/content" {
		t.Fatal(path, err)
	}
	if text, err := io.ReadAll(r); string(text) != body || err != nil || r.Close() != nil {
		t.Errorf("%q, %v", text, err)
	}
	for code, want := range map[int]llm.Class{401: llm.Denied, 404: llm.Denied, 400: llm.Refused, 429: llm.Retryable, 503: llm.Retryable} {
		status, body = code, `{"error":{"message":"no `+canary+`"}}`
		for name, call := range map[string]func() error{
			"upload":  func() error { _, err := b.Upload(t.Context(), "f.jsonl", []byte("{}")); return err },
			"create":  func() error { _, err := b.Create(t.Context(), "f", "m"); return err },
			"get":     func() error { _, err := b.Get(t.Context(), "b1"); return err },
			"cancel":  func() error { return b.Cancel(t.Context(), "b1") },
			"list":    func() error { _, _, err := b.List(t.Context(), ""); return err },
			"content": func() error { _, err := b.Content(t.Context(), "f"); return err },
		} {
			e, ok := errors.AsType[*llm.Error](call())
			if !ok || e.Class != want || e.Status != code || strings.Contains(e.Error(), canary) {
				t.Errorf("%s, %d: %v", name, code, e)
			}
		}
	}
}

// TestBatchDownloadCut: a file that ends too early is a failure that may pass.
func TestBatchDownloadCut(t *testing.T) {
	m := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "a line\n")
	})
	r, err := dialBatches(t, m).Content(t.Context(), "f")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	_, err = io.ReadAll(r)
	if e, ok := errors.AsType[*llm.Error](err); !ok || e.Class != llm.Retryable || e.Code != "damaged_body" {
		t.Errorf("got %v", err)
	}
}
