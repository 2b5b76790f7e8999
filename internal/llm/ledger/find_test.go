package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/store"
)

// What was recorded is found by the beginnings of its keys, in a segment and in the
// journal of a process at work, with the request that gives the key.
func TestFind(t *testing.T) {
	bucket := store.NewMem()
	m := llm.Model{Name: "m", Provider: llm.OpenAI, Model: "m"}
	var keys []llm.Key
	record := func(l *Ledger, texts ...string) {
		c, err := l.Wrap(t.Context(), m, llm.ChatFunc(func(_ context.Context, req *llm.Request) (*llm.Response, error) {
			if req.Messages[0].Content == "no" {
				return nil, &llm.Error{Class: llm.Refused, Status: 400, Code: "c", Err: fmt.Errorf("never")}
			}
			return &llm.Response{Content: "to " + req.Messages[0].Content, Model: "m-1", Tries: 2}, nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			_, _ = c.Chat(llm.Noting(t.Context(), func(k llm.Key) { keys = append(keys, k) }), ask(text))
		}
	}
	one := open(t, bucket)
	record(one, "a", "b", "no", "a")
	closeLedger(t, one)
	two := open(t, bucket)
	defer closeLedger(t, two)
	record(two, "c")
	if err := two.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(keys) != 5 || keys[0] != keys[3] {
		t.Fatalf("noted %v", keys)
	}
	wanted := map[string]bool{"0123456789abcdef": true}
	for _, k := range []llm.Key{keys[0], keys[2], keys[4]} {
		wanted[k.String()[:16]] = true
	}
	got := map[string]*Exchange{}
	if err := Find(t.Context(), bucket, m, wanted, func(k string, x *Exchange) { got[k] = x }); err != nil {
		t.Fatal(err)
	}
	identity, err := IdentityOf(m).digest()
	if err != nil || len(got) != 3 {
		t.Fatalf("%d found, %v", len(got), err)
	}
	for i, text := range map[int]string{0: "a", 2: "no", 4: "c"} {
		x := got[keys[i].String()[:16]]
		if x == nil || x.Key != keys[i] || x.Request.Messages[0].Content != text || x.At.IsZero() {
			t.Fatalf("%s: %+v", text, x)
		}
		if sum := sha256.Sum256(append(identity[:], x.Raw...)); hex.EncodeToString(sum[:]) != x.Key.String() {
			t.Errorf("%s: its request gives another key", text)
		}
		if text == "no" {
			if x.Response != nil || x.Refused == nil || x.Refused.Status != 400 || x.Refused.Err.Error() != "never" {
				t.Errorf("%+v", x.Refused)
			}
		} else if x.Response.Content != "to "+text || x.Response.Model != "m-1" || x.Response.Tries != 2 {
			t.Errorf("%+v", x.Response)
		}
	}
}
