package openai

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/llm"
)

// An answer that stalls within its body, or after it, is one that did not come in
// time: the call may be made again.
func TestAnAnswerThatStalls(t *testing.T) {
	for name, said := range map[string]string{"within": `{"choices": [{"index"`, "at once": " ", "before its end": `{"choices": []}`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(w, said)
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			}))
			t.Cleanup(srv.Close)
			client := NewHTTPClient()
			t.Cleanup(client.CloseIdleConnections)
			client.Transport = patient{client.Transport.(patient).Transport, 100 * time.Millisecond}
			c, err := New(llm.Model{Name: "m", BaseURL: srv.URL, Model: "m"}, Access{}, client)
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Chat(t.Context(), &llm.Request{Messages: []llm.Message{{Role: "user", Content: "hello"}}})
			e, ok := err.(*llm.Error)
			if !ok || e.Code != "timeout" || e.Class != llm.Retryable {
				t.Errorf("%+v", err)
			}
		})
	}
}
