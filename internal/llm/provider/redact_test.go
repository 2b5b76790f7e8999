package provider

import (
	"context"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/store"
)

func echo(_ context.Context, req *llm.Request) (*llm.Response, error) {
	return &llm.Response{Content: req.Messages[len(req.Messages)-1].Content}, nil
}

// What goes to the server and into the ledger is redacted, and a replay asks for
// just that; a stand-in, and a model that is set so, get the text as it is.
func TestRedactionIsAboveTheLedger(t *testing.T) {
	const text = "jane@example.com edits /home/jane/notes"
	srv, bucket := newServer(t), store.NewMem()
	answer := func(s *Set, m llm.Model) string {
		t.Helper()
		resp, err := openModel(t, s, m).Chat(t.Context(), ask(text))
		if err != nil {
			t.Fatal(err)
		}
		return resp.Content
	}
	s := newSet(t, bucket, func(o *Options) { o.Sim = func(llm.Model) llm.Chatter { return llm.ChatFunc(echo) } })
	const want = "call 1: [email 1] edits /home/[user 1]/notes"
	if got := answer(s, srv.model()); got != want {
		t.Errorf("the server was sent %q", got)
	}
	if got := answer(s, llm.Model{Name: "sim", Provider: llm.Sim}); got != text {
		t.Errorf("the stand-in was sent %q", got)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	replay := newSet(t, bucket, func(o *Options) { o.ReplayOnly = true })
	if got := answer(replay, srv.model()); got != want {
		t.Errorf("the replay gave %q", got)
	}
	plain := srv.model()
	plain.Unredacted = true
	if got := answer(newSet(t, bucket), plain); !strings.Contains(got, text) {
		t.Errorf("with redaction turned off the server was sent %q", got)
	}
}
