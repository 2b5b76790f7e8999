package ledger

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/store"
)

// TestWritten: a response is an answer whenever it was written, a failure only to
// what was asked before it, and what is not yet in the bucket is none.
func TestWritten(t *testing.T) {
	bucket := store.NewMem()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	l := open(t, bucket, func(o *Options) { o.Now = func() time.Time { return at } })
	c := wrap(t, l, &provider{chat: func(_ context.Context, _ int64, req *llm.Request) (*llm.Response, error) {
		if req.Messages[len(req.Messages)-1].Content == "refused" {
			return nil, &llm.Error{Status: 400, Class: llm.Refused, Err: errors.New("no")}
		}
		return &llm.Response{Content: "yes"}, nil
	}})
	d, err := IdentityOf(model).digest()
	if err != nil {
		t.Fatal(err)
	}
	key := func(text string) llm.Key {
		_, k, err := keyOf(d, ask(text))
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	_, _ = c.Chat(t.Context(), ask("refused"))
	chat(t, c, ask("answered"))
	check := func(when string, since time.Time, want bool, texts ...string) {
		t.Helper()
		var keys []llm.Key
		for _, text := range texts {
			keys = append(keys, key(text))
		}
		if got, err := l.Written(t.Context(), model, keys, since); err != nil || got != want {
			t.Errorf("%s, %q since %s: %v, %v", when, texts, since, got, err)
		}
	}
	check("before the close", at, false, "answered")
	closeLedger(t, l)
	l = open(t, bucket)
	before, after := at.Add(-time.Second), at.Add(time.Second)
	check("after it", before, true, "answered", "refused")
	check("after it", at, true, "answered", "refused")
	check("after it", after, false, "answered", "refused")
	check("after it", after, true, "answered")
	check("after it", before, false, "answered", "never asked")
}
