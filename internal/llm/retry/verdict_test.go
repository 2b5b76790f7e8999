package retry

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
)

// A provider fails the requests whose text it has a failure for, and answers the others.
type provider struct {
	fails map[string]error
	down  error // what every request gets, when set
	asked []string
}

func (p *provider) Chat(_ context.Context, req *llm.Request) (*llm.Response, error) {
	text := req.Messages[0].Content
	p.asked = append(p.asked, text)
	if p.down != nil {
		return nil, p.down
	}
	if err := p.fails[text]; err != nil {
		return nil, err
	}
	return &llm.Response{Content: "yes"}, nil
}

func tried(p *provider) func(t *testing.T, text string) error {
	c := &clock{}
	r := Wrap(p, Policy{Attempts: 3, Base: time.Second, Max: time.Second, Elapsed: time.Minute},
		Clock{Sleep: c.sleep, Jitter: func() float64 { return 0 }}, slog.New(slog.DiscardHandler))
	return func(t *testing.T, text string) error {
		_, err := r.Chat(t.Context(), &llm.Request{Messages: []llm.Message{{Role: llm.User, Content: text}}})
		return err
	}
}

// TestOneRequestAloneIsRefused: what can never be answered costs its row, whoever
// else was answered before, and however it fails.
func TestOneRequestAloneIsRefused(t *testing.T) {
	for name, failure := range map[string]error{
		"no choice": &llm.Error{Status: 200, Class: llm.Retryable, Setup: true, Remedy: "check baseURL", Err: errors.New("no choice")},
		"server":    failure(llm.Retryable, 0),
		"time-out":  &llm.Error{Code: "timeout", Class: llm.Retryable, Err: errors.New("slow")},
	} {
		for _, before := range [][]string{nil, {"good"}, {"good", "fine"}} {
			p := &provider{fails: map[string]error{"bad": failure, "worse": failure}}
			ask := tried(p)
			for _, text := range before {
				if err := ask(t, text); err != nil {
					t.Fatal(err)
				}
			}
			for _, text := range []string{"bad", "worse"} {
				err := ask(t, text)
				e, ok := errors.AsType[*llm.Error](err)
				if !ok || e.Class != llm.Refused || !e.Silent() || fault.Code(err) != fault.Permanent || fault.Hint(err) != "" {
					t.Errorf("%s after %v: %#v", name, before, err)
				}
				probe := greeting.Messages[0].Content
				if before != nil {
					probe = before[0]
				}
				if last := p.asked[len(p.asked)-1]; last != probe {
					t.Errorf("%s after %v: %q was sent to see whether the provider answers", name, before, last)
				}
			}
			if err := ask(t, "good"); err != nil {
				t.Errorf("%s: the next request: %v", name, err)
			}
		}
	}
}

// TestAnOutageIsTheProviders: nothing is answered, so no row is to blame.
func TestAnOutageIsTheProviders(t *testing.T) {
	p := &provider{}
	ask := tried(p)
	if err := ask(t, "good"); err != nil {
		t.Fatal(err)
	}
	p.down = failure(llm.Retryable, 0)
	for range 2 {
		if err := ask(t, "fine"); fault.Code(err) != fault.Temporary {
			t.Errorf("%#v", err)
		}
	}
	p.down = failure(llm.Retryable, time.Hour) // and says how long it lasts
	sent := len(p.asked)
	if err := ask(t, "fine"); fault.Code(err) != fault.Temporary || len(p.asked) != sent+1 {
		t.Errorf("%#v after %d calls", err, len(p.asked)-sent)
	}
	p.down, sent = overload, len(p.asked) // which the limiter has waited for
	if err := ask(t, "fine"); fault.Code(err) != fault.Temporary || len(p.asked) != sent+1 {
		t.Errorf("%#v after %d calls", err, len(p.asked)-sent)
	}
	p.down = &llm.Error{Status: 401, Class: llm.Denied, Err: errors.New("no")}
	p.fails = map[string]error{"bad": failure(llm.Retryable, 0)}
	if err := ask(t, "fine"); fault.Code(err) != fault.Config {
		t.Errorf("%#v", err)
	}
}
