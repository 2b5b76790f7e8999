package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/ledger"
	"github.com/gymline/gymline/internal/llm/openai"
	"github.com/gymline/gymline/internal/llm/retry"
	"github.com/gymline/gymline/internal/sim/simtest"
	"github.com/gymline/gymline/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const poll = time.Minute

// A lab is a provider, a bucket, and the processes that use them one after another.
type lab struct {
	t      *testing.T
	api    *simtest.Batches
	model  llm.Model
	client *http.Client
	bucket *store.Mem
	most   int
	file   int
}

// newLab may be called in a synctest bubble: the server is reached through pipes.
func newLab(t *testing.T) *lab {
	l := &lab{t: t, bucket: store.NewMem(), most: 50_000, model: llm.Model{Name: "gpt", Provider: llm.OpenAI, BaseURL: "http://provider.test/v1", Model: "m"}}
	l.api = &simtest.Batches{Now: time.Now, Answer: func(_ context.Context, body []byte) ([]byte, error) {
		var req struct{ Messages []llm.Message }
		if err := json.Unmarshal(body, &req); err != nil {
			return nil, err
		}
		return fmt.Appendf(nil, `{"model":"m","choices":[{"message":{"content":"to %s"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}`, req.Messages[0].Content), nil
	}}
	pipes := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
	server := &http.Server{Handler: l.api, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	go func() { _ = server.Serve(pipes) }()
	l.client = &http.Client{Transport: &http.Transport{DialContext: pipes.dial}}
	t.Cleanup(func() { l.client.CloseIdleConnections(); _ = server.Close() })
	return l
}

// inLab runs a test in a bubble, with a lab of its own.
func inLab(t *testing.T, name string, test func(t *testing.T, l *lab)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, newLab(t)) })
	})
}

type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipeListener) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }
func (p *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-p.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// A process is a ledger over a batcher.
type process struct {
	llm.Chatter
	batcher *Batcher
	ledger  *ledger.Ledger
}

func (l *lab) start() *process {
	l.t.Helper()
	log := slog.New(slog.DiscardHandler)
	p := &process{ledger: ledger.New(ledger.Options{Bucket: l.bucket, Now: time.Now, Log: log})}
	keyOf, prefix, err := ledger.Keys(l.model)
	if err != nil {
		l.t.Fatal(err)
	}
	api, err := openai.NewBatches(l.model, openai.Access{}, l.client)
	if err != nil {
		l.t.Fatal(err)
	}
	clock := retry.Clock{Sleep: retry.Sleep, Jitter: func() float64 { return 0.5 }}
	p.batcher, err = New(l.t.Context(), api, Options{
		Batching: llm.Batching{Gather: time.Second, Poll: poll, Requests: l.most}, FileBytes: l.file, Model: "gpt", Bucket: l.bucket, Prefix: prefix, Key: keyOf,
		Written: func(ctx context.Context, keys []llm.Key, since time.Time) (bool, error) {
			return p.ledger.Written(ctx, l.model, keys, since)
		},
		Retry: retry.Caller(retry.Default, clock, log), Now: time.Now, Log: log,
	})
	if err != nil {
		l.t.Fatal(err)
	}
	if p.Chatter, err = p.ledger.Wrap(l.t.Context(), l.model, Anew(p.batcher)); err != nil {
		l.t.Fatal(err)
	}
	return p
}

// stop ends a process in good order.
func (p *process) stop(t *testing.T) {
	t.Helper()
	p.batcher.Close()
	if err := errors.Join(p.ledger.Close(context.Background()), p.batcher.CloseWritten(context.Background())); err != nil {
		t.Error(err)
	}
}

// kill ends a process with nothing written any more.
func (p *process) kill() {
	p.batcher.Close()
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	_ = p.ledger.Close(gone)
}

func question(text string) *llm.Request {
	return &llm.Request{Messages: []llm.Message{{Role: llm.User, Content: text}}}
}

// all asks n questions at once and returns their errors, by question.
func (p *process) all(ctx context.Context, t *testing.T, turn string, n int) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			text := fmt.Sprint(turn, " ", i)
			resp, err := p.Chat(ctx, question(text))
			if errs[i] = err; err == nil && resp.Content != "to "+text {
				t.Errorf("%q was answered %q", text, resp.Content)
			}
		})
	}
	wg.Wait()
	return errs
}

func (p *process) must(t *testing.T, turn string, n int) {
	t.Helper()
	if err := errors.Join(p.all(t.Context(), t, turn, n)...); err != nil {
		t.Fatal(err)
	}
}

// records counts those of a kind.
func (l *lab) records(kind string) (n int) {
	for key, err := range l.bucket.List(l.t.Context(), "ledger/") {
		if err != nil {
			l.t.Fatal(err)
		}
		if _, name, _ := strings.Cut(key, "/batches/"); name != "" && name[64:] == kind {
			n++
		}
	}
	return n
}

func (l *lab) billed(all, different int) {
	l.t.Helper()
	if a, d := l.api.Billed(); a != all || d != different {
		l.t.Errorf("%d requests were billed, %d different ones; want %d and %d", a, d, all, different)
	}
}

// batches checks how many the provider has, and how many notes stay open.
func (l *lab) batches(made, open int) {
	l.t.Helper()
	if n, left := l.api.Count(), l.records(noteSuffix)-l.records(closedSuffix); n != made || left != open {
		l.t.Errorf("%d batches, %d of them open; want %d and %d", n, left, made, open)
	}
}

// answers is a process that asks n questions. All are answered, none was billed twice,
// and so many batches were made, of which none stays open.
func (l *lab) answers(n, made int) {
	l.t.Helper()
	p := l.start()
	p.must(l.t, "q", n)
	p.stop(l.t)
	l.billed(n, n)
	l.batches(made, 0)
}

// ends asks n questions that all end with an exit code.
func (p *process) ends(ctx context.Context, t *testing.T, n, code int) {
	t.Helper()
	for _, err := range p.all(ctx, t, "q", n) {
		if fault.Code(err) != code {
			t.Errorf("exit code %d, want %d: %v", fault.Code(err), code, err)
		}
	}
}

// leaves is a process that is killed while a batch of n questions is under way.
func (l *lab) leaves(n int) {
	l.t.Helper()
	p := l.start()
	ctx, cancel := context.WithTimeout(l.t.Context(), poll/2)
	defer cancel()
	for _, err := range p.all(ctx, l.t, "q", n) {
		if !errors.Is(err, context.DeadlineExceeded) {
			l.t.Errorf("%v", err)
		}
	}
	p.kill()
}
