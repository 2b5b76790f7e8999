package provider

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/store"
)

// TestOneRequestThatIsNeverAnswered is refused, and recorded as such: the run goes
// on without it, and only a replay takes the record for an answer.
func TestOneRequestThatIsNeverAnswered(t *testing.T) {
	srv, clock, bucket := newServer(t), &sleeper{}, store.NewMem()
	waits := func(o *Options) { o.Now, o.Sleep = clock.now, clock.sleep }
	var calls int64
	for range 2 {
		s := newSet(t, bucket, waits)
		_, err := openModel(t, s, srv.model()).Chat(t.Context(), ask("break 999"))
		if e, ok := errors.AsType[*llm.Error](err); !ok || e.Class != llm.Refused || !e.Silent() {
			t.Errorf("%#v", err)
		}
		if n := srv.calls.Load(); n != calls+9 {
			t.Errorf("%d calls after %d", n, calls)
		}
		calls = srv.calls.Load()
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAPageInPlaceOfAnAnswer: the set-up's, while nothing of the model is recorded,
// and else the provider's.
func TestAPageInPlaceOfAnAnswer(t *testing.T) {
	srv, clock, bucket := newServer(t), &sleeper{}, store.NewMem()
	for _, code := range []int{fault.Config, fault.OK, fault.Temporary} {
		s := newSet(t, bucket, func(o *Options) { o.Now, o.Sleep = clock.now, clock.sleep })
		srv.page.Store(code != fault.OK)
		_, err := openModel(t, s, srv.model()).Chat(t.Context(), ask(fmt.Sprint("request ", code)))
		if fault.Code(err) != code {
			t.Errorf("%v has the exit code %d, want %d", err, fault.Code(err), code)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSetUpThatCannotWork: a provider that refuses whatever it is asked ends the
// run with its own words, and is not asked on.
func TestSetUpThatCannotWork(t *testing.T) {
	var calls atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.WriteHeader(400)
		fmt.Fprint(w, `{"error":{"message":"the key is not one of ours","code":400}}`)
	}))
	defer srv.Close()
	s := newSet(t, store.NewMem())
	c := openModel(t, s, llm.Model{Name: "gpt", Provider: llm.OpenAI, BaseURL: srv.URL, Model: "m"})
	var err error
	for i := range 6 {
		_, err = c.Chat(t.Context(), ask(fmt.Sprint("request ", i)))
	}
	if fault.Code(err) != fault.Config || calls.Load() != 3 || !strings.Contains(err.Error(), "not one of ours") || !strings.Contains(fault.Hint(err), "key") {
		t.Errorf("%d calls, %v, %q", calls.Load(), err, fault.Hint(err))
	}
}
