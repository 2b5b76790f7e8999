package provider

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/budget"
	"github.com/gymline/gymline/internal/llm/ledger"
	"github.com/gymline/gymline/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ job.Models = (*Set)(nil)

const canary = "sk-proj-CANARY0123456789abcdef"

// A server speaks the chat completions API: it echoes the last message, and
// fails a request's first calls as its text says: "fail 2" for want of capacity,
// "break 2" for a reason of its own, "deny 2" for want of credit.
type server struct {
	*httptest.Server
	calls, inFlight, most atomic.Int64
	down                  string        // when set, how every call fails
	page                  atomic.Bool   // it answers with a web page
	gate                  chan struct{} // when set, a call waits for it
	waiting               chan struct{} // and this tells of each that does

	mu    sync.Mutex
	tries map[string]int
}

func newServer(t *testing.T) *server {
	s := &server{tries: map[string]int{}, waiting: make(chan struct{}, 64)}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	s.calls.Add(1)
	n := s.inFlight.Add(1)
	defer s.inFlight.Add(-1)
	for m := s.most.Load(); n > m && !s.most.CompareAndSwap(m, n); m = s.most.Load() {
	}
	var req struct {
		Messages []llm.Message `json:"messages"`
	}
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		http.Error(w, err.Error(), 400)
		return
	}
	if s.gate != nil {
		s.waiting <- struct{}{}
		select {
		case <-s.gate:
		case <-r.Context().Done():
			return
		}
	}
	if s.page.Load() {
		fmt.Fprint(w, "<html><title>welcome</title></html>")
		return
	}
	text := req.Messages[len(req.Messages)-1].Content
	s.mu.Lock()
	s.tries[text]++
	try := s.tries[text]
	s.mu.Unlock()
	var how string
	var fails int
	if _, err := fmt.Sscanf(text, "%s %d", &how, &fails); err == nil && try <= fails || s.down != "" {
		how = cmp.Or(s.down, how)
		failure, ok := map[string]struct {
			status int
			code   string
		}{"fail": {429, "rate_limit_exceeded"}, "break": {500, "server_error"}, "deny": {429, "insufficient_quota"}}[how]
		if ok {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(failure.status)
			fmt.Fprintf(w, `{"error":{"message":"no, %s","code":%q}}`, r.Header.Get("Authorization"), failure.code)
			return
		}
	}
	fmt.Fprintf(w, `{"model":"m","choices":[{"message":{"content":%q},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":2}}`,
		fmt.Sprintf("call %d: %s", s.calls.Load(), text))
}

func (s *server) model() llm.Model {
	return llm.Model{Name: "gpt", Provider: llm.OpenAI, BaseURL: s.URL + "/v1", Model: "m"}
}

// A sleeper stands in for time, which only sleep moves on.
type sleeper struct {
	mu    sync.Mutex
	slept time.Duration
}

func (s *sleeper) sleep(ctx context.Context, d time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slept += d
	return ctx.Err()
}

func (s *sleeper) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Date(2024, 6, 3, 12, 0, 0, 0, time.UTC).Add(s.slept)
}

func newSet(t *testing.T, b store.Bucket, edit ...func(*Options)) *Set {
	t.Helper()
	clock := new(sleeper)
	opt := Options{
		Bucket: b, Log: slog.New(slog.DiscardHandler), Now: clock.now, Sleep: clock.sleep, Linger: time.Millisecond,
		Getenv: func(name string) string { return map[string]string{"TEST_KEY": canary + "\n"}[name] },
		Access: map[string]llm.Access{"gpt": {KeyEnv: "TEST_KEY"}},
		Sim:    func(m llm.Model) llm.Chatter { return simulated{m} },
	}
	for _, e := range edit {
		e(&opt)
	}
	s := New(opt)
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

type simulated struct{ model llm.Model }

func (s simulated) Chat(_ context.Context, req *llm.Request) (*llm.Response, error) {
	return &llm.Response{Content: "simulated"}, nil
}

func openModel(t *testing.T, s *Set, m llm.Model) llm.Chatter {
	t.Helper()
	c, err := s.Open(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func ask(text string) *llm.Request {
	return &llm.Request{Messages: []llm.Message{{Role: llm.System, Content: "Be kind."}, {Role: llm.User, Content: text}}}
}

// TestLine runs 200 calls at once through everything, then replays them with
// the server gone.
func TestLine(t *testing.T) {
	srv, bucket := newServer(t), store.NewMem()
	s := newSet(t, bucket, func(o *Options) {
		o.Access = map[string]llm.Access{"gpt": {KeyEnv: "TEST_KEY", Limits: llm.Limits{Concurrency: 16}}}
	})
	c := openModel(t, s, srv.model())
	const n = 200
	text := func(i int) string { return fmt.Sprintf("fail %d, request %d", i%4, i) }
	all := func(c llm.Chatter) []llm.Response {
		out := make([]llm.Response, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				resp, err := c.Chat(t.Context(), ask(text(i)))
				if err != nil {
					t.Error(err)
					return
				}
				out[i] = *resp
			})
		}
		wg.Wait()
		return out
	}
	want := all(c)
	if t.Failed() {
		return
	}
	if most := srv.most.Load(); most > 16 {
		t.Errorf("%d calls in flight, and 16 are allowed", most)
	}
	if calls := srv.calls.Load(); calls != n*10/4 {
		t.Errorf("%d calls, want %d", calls, n*10/4)
	}
	if got, want := s.Traffic(), (llm.Traffic{Errors: llm.Errors{RateLimited: n * 6 / 4}}); got != want {
		t.Errorf("traffic %+v, want %+v: what retries hide", got, want)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	srv.Close()
	replay := newSet(t, bucket, func(o *Options) {
		o.ReplayOnly, o.Getenv = true, func(string) string { t.Error("a replay read the environment"); return "" }
	})
	got := all(openModel(t, replay, srv.model()))
	for i := range got {
		want[i].Usage.Replayed = 1
		if got[i] != want[i] || !strings.HasSuffix(got[i].Content, text(i)) {
			t.Errorf("request %d: replayed %+v, want %+v", i, got[i], want[i])
		}
	}
	if _, err := openModel(t, replay, srv.model()).Chat(t.Context(), ask("another")); !errors.Is(err, ledger.ErrMiss) {
		t.Errorf("a miss: %v", err)
	}
}

// TestBudget: answers from the ledger need no money, and a call without it is
// neither made nor tried again.
func TestBudget(t *testing.T) {
	srv, bucket := newServer(t), store.NewMem()
	paying := func(usd float64, p *llm.Price) llm.Chatter {
		return openModel(t, newSet(t, bucket, func(o *Options) {
			o.Access = map[string]llm.Access{"gpt": {KeyEnv: "TEST_KEY", Price: p}}
			o.Budget = budget.New(budget.Options{Store: store.New(bucket), Account: "x-1", USD: usd, Run: "x-1", Step: "s", Now: time.Now})
		}), srv.model())
	}
	price := &llm.Price{Completion: 0.5e6} // the server's answers have 2 tokens
	c := paying(300, price)
	first, err := c.Chat(t.Context(), ask("fail 1"))
	if err != nil || first.Usage.USD != 1 {
		t.Fatalf("%+v, %v", first, err)
	}
	for i := 0; err == nil; i++ {
		_, err = c.Chat(t.Context(), ask(fmt.Sprint(i)))
	}
	if calls := srv.calls.Load(); fault.Code(err) != fault.Budget || calls != 301 {
		t.Errorf("%d calls, one of which failed, and %v", calls, err)
	}
	if again, err := c.Chat(t.Context(), ask("fail 1")); err != nil || again.Content != first.Content {
		t.Errorf("what was paid for is not to be had: %v", err)
	}
	free := newSet(t, bucket, func(o *Options) {
		o.Access = map[string]llm.Access{"gpt": {KeyEnv: "TEST_KEY"}}
		o.Budget = budget.New(budget.Options{})
	})
	if _, err := free.Open(t.Context(), srv.model()); fault.Code(err) != fault.Config || !strings.Contains(err.Error(), "no price") {
		t.Errorf("got %v", err)
	}
}

// TestRetryAfterIsHonoured: the waits are what the server asked for, and jitter,
// whoever waits.
func TestRetryAfterIsHonoured(t *testing.T) {
	for text, most := range map[string]time.Duration{"fail 3": 24 * time.Second, "break 3": 28 * time.Second} {
		srv, clock := newServer(t), &sleeper{}
		s := newSet(t, nil, func(o *Options) { o.Now, o.Sleep = clock.now, clock.sleep })
		if _, err := openModel(t, s, srv.model()).Chat(t.Context(), ask(text)); err != nil {
			t.Fatal(err)
		}
		if clock.slept < 21*time.Second || clock.slept > most {
			t.Errorf("%s: slept %v", text, clock.slept)
		}
	}
}

// TestStillFailing: what the job gets of a provider that is down is temporary, comes
// after the waits of one and not of both, and shows no key.
func TestStillFailing(t *testing.T) {
	for text, tt := range map[string]struct {
		least, most int64 // calls
		log         string
	}{
		"fail":  {15, 45, ""},        // a pause of 7 s, for 5 minutes
		"break": {9, 9, "attempt=1"}, // and another request, to see whether it is down
	} {
		srv, clock := newServer(t), &sleeper{}
		srv.down = text
		var logs strings.Builder
		s := newSet(t, store.NewMem(), func(o *Options) {
			o.Now, o.Sleep = clock.now, clock.sleep
			o.Log = slog.New(slog.NewTextHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		_, err := openModel(t, s, srv.model()).Chat(t.Context(), ask(text))
		if e, ok := errors.AsType[*llm.Error](err); !ok || e.Class != llm.Retryable || fault.Code(err) != fault.Temporary {
			t.Errorf("%s: %v", text, err)
		}
		if n := srv.calls.Load(); n < tt.least || n > tt.most || clock.slept > 6*time.Minute {
			t.Errorf("%s: %d calls, slept %v", text, n, clock.slept)
		}
		if shown := logs.String() + fmt.Sprintf("%v %+v %#v", err, err, s); strings.Contains(shown, "CANARY") || !strings.Contains(shown, tt.log) {
			t.Errorf("shows the key or does not log: %s", shown)
		}
	}
}

// TestDenied: once the credit is used up no further call is made, and the error
// says what to do.
func TestDenied(t *testing.T) {
	srv := newServer(t)
	s := newSet(t, store.NewMem())
	c := openModel(t, s, srv.model())
	for i := range 3 {
		_, err := c.Chat(t.Context(), ask(fmt.Sprintf("deny 1, request %d", i)))
		if fault.Code(err) != fault.Config || !strings.Contains(fault.Hint(err), "add credit") {
			t.Errorf("%v (hint: %s)", err, fault.Hint(err))
		}
	}
	if n := srv.calls.Load(); n != 1 {
		t.Errorf("%d calls", n)
	}
}

// TestLateAnswerIsKept: an answer that comes after the stop is recorded, so it
// is paid for once.
func TestLateAnswerIsKept(t *testing.T) {
	srv, bucket := newServer(t), store.NewMem()
	srv.gate = make(chan struct{})
	s := newSet(t, bucket, func(o *Options) { o.Linger = time.Minute })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	c := openModel(t, s, srv.model())
	go func() { defer close(done); _, _ = c.Chat(ctx, ask("x")) }()
	<-srv.waiting
	cancel()
	close(srv.gate)
	<-done
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := newSet(t, bucket)
	if resp, err := openModel(t, again, srv.model()).Chat(t.Context(), ask("x")); err != nil || resp.Usage.Replayed != 1 || srv.calls.Load() != 1 {
		t.Errorf("%+v, %v after %d calls", resp, err, srv.calls.Load())
	}
}

func TestOpen(t *testing.T) {
	srv := newServer(t)
	s := newSet(t, store.NewMem())
	m := srv.model()
	if openModel(t, s, m) != openModel(t, s, m) {
		t.Error("a model is opened twice, and has its limits twice")
	}
	other := m
	other.Model = "m2"
	if openModel(t, s, m) == openModel(t, s, other) {
		t.Error("two models are one")
	}
	var key llm.Key
	sim, bucket := llm.Model{Name: "sim", Provider: llm.Sim}, store.NewMem()
	resp, err := openModel(t, newSet(t, bucket), sim).Chat(llm.Noting(t.Context(), func(k llm.Key) { key = k }), ask("x"))
	of, _, _ := ledger.Keys(sim)
	if want, _ := of(ask("x")); err != nil || resp.Content != "simulated" || key != want {
		t.Errorf("a sim says %+v, %v, under the key %s", resp, err, key)
	}
	for name := range bucket.List(t.Context(), "") {
		t.Errorf("of a sim, %s is recorded", name)
	}
	noEnv := newSet(t, nil, func(o *Options) {
		o.Access = nil
		o.Getenv = func(string) string { t.Error("the environment was read"); return "" }
	})
	if _, err := openModel(t, noEnv, m).Chat(t.Context(), ask("x")); err != nil {
		t.Error(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	good := llm.Model{Name: "gpt", Provider: llm.OpenAI, BaseURL: "http://127.0.0.1:1", Model: "m"}
	tests := map[string]struct {
		edit   func(*llm.Model)
		opt    func(*Options)
		text   string
		inHint string
	}{
		"no key": {func(*llm.Model) {}, func(o *Options) { o.Access = map[string]llm.Access{"gpt": {KeyEnv: "MISSING_KEY"}} }, "MISSING_KEY is not set", "set MISSING_KEY"},
		"no header": {func(*llm.Model) {}, func(o *Options) {
			o.Access = map[string]llm.Access{"gpt": {Headers: map[string]llm.Header{"api-key": {Env: "MISSING_KEY"}}}}
		}, "MISSING_KEY of the header api-key is not set", "set MISSING_KEY"},
		"key of two lines":  {func(*llm.Model) {}, func(o *Options) { o.Getenv = func(string) string { return canary + "\nx" } }, "no HTTP header", "key alone"},
		"bad URL":           {func(m *llm.Model) { m.BaseURL = "localhost:8080" }, nil, "baseURL", "https://"},
		"unknown provider":  {func(m *llm.Model) { m.Provider = "recorded" }, nil, `unknown provider "recorded"`, "openai"},
		"batches to where":  {func(*llm.Model) {}, func(o *Options) { o.Access = map[string]llm.Access{"gpt": {Batch: &llm.Batching{}}} }, "written down in a store", "store"},
		"replay from where": {func(*llm.Model) {}, func(o *Options) { o.ReplayOnly = true }, "needs a store", "store"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m := good
			tt.edit(&m)
			s := newSet(t, nil, func(o *Options) {
				if tt.opt != nil {
					tt.opt(o)
				}
			})
			_, err := s.Open(t.Context(), m)
			if fault.Code(err) != fault.Config || !strings.Contains(err.Error(), tt.text) || !strings.Contains(fault.Hint(err), tt.inHint) ||
				strings.Contains(err.Error()+fault.Hint(err), "CANARY") {
				t.Errorf("got %v (hint: %s)", err, fault.Hint(err))
			}
		})
	}
}

// TestDamagedLedgerStopsOpen: a run does not pay again for what it cannot read.
func TestDamagedLedgerStopsOpen(t *testing.T) {
	srv, bucket := newServer(t), store.NewMem()
	s := newSet(t, bucket)
	if _, err := openModel(t, s, srv.model()).Chat(t.Context(), ask("x")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for key, err := range bucket.List(t.Context(), "ledger/") {
		if err != nil {
			t.Fatal(err)
		}
		if err := bucket.Put(t.Context(), key, strings.NewReader("damaged"), 7); err != nil {
			t.Fatal(err)
		}
		if _, err := newSet(t, bucket).Open(t.Context(), srv.model()); !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), key) {
			t.Errorf("got %v", err)
		}
	}
}

// TestCancel: calls in flight end when their context does.
func TestCancel(t *testing.T) {
	srv := newServer(t)
	srv.gate = make(chan struct{})
	s := newSet(t, store.NewMem(), func(o *Options) {
		o.Access = map[string]llm.Access{"gpt": {KeyEnv: "TEST_KEY", Limits: llm.Limits{Concurrency: 4}}}
	})
	c := openModel(t, s, srv.model())
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range 32 { // 4 in flight, the others waiting for a place or for the same answer
		wg.Go(func() {
			if _, err := c.Chat(ctx, ask(fmt.Sprint(i/2))); err != context.Canceled {
				t.Errorf("got %v", err)
			}
		})
	}
	for range 4 {
		<-srv.waiting
	}
	cancel()
	wg.Wait()
	if n := srv.calls.Load(); n != 4 {
		t.Errorf("%d calls", n)
	}
}

// BenchmarkLine is the CPU of one call through limits, retries and ledger.
func BenchmarkLine(b *testing.B) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"model":"m","choices":[{"message":{"content":"ok"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":2}}`)
	}))
	defer srv.Close()
	s := New(Options{Bucket: store.NewMem(), Log: slog.New(slog.DiscardHandler), Now: time.Now, Getenv: func(string) string { return canary },
		Access: map[string]llm.Access{"gpt": {KeyEnv: "K", Limits: llm.Limits{Concurrency: 64, RequestsPerMinute: 1e9, TokensPerMinute: 1e9}}}})
	c, err := s.Open(b.Context(), llm.Model{Name: "gpt", Provider: llm.OpenAI, BaseURL: srv.URL, Model: "m"})
	if err != nil {
		b.Fatal(err)
	}
	text := strings.Repeat("some words of a prompt, ", 170)
	var n atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.Chat(b.Context(), ask(fmt.Sprint(n.Add(1), text))); err != nil {
				b.Error(err)
			}
		}
	})
	if err := s.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
}
