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
	"github.com/gymline/gymline/internal/llm/simtest"
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
	api, err := openai.NewBatches(l.model, openai.Key{}, l.client)
	if err != nil {
		l.t.Fatal(err)
	}
	clock := retry.Clock{Sleep: retry.Sleep, Jitter: func() float64 { return 0.5 }}
	p.batcher, err = New(l.t.Context(), api, Options{
		Batch: llm.Batch{Gather: time.Second, Poll: poll, Requests: l.most}, FileBytes: l.file, Model: "gpt", Bucket: l.bucket, Prefix: prefix, Key: keyOf,
		Written: func(ctx context.Context, keys []ledger.Key) (bool, error) {
			return p.ledger.Written(ctx, l.model, keys)
		},
		Retry: retry.Caller(retry.Default, clock, log), Now: time.Now, Log: log,
	})
	if err != nil {
		l.t.Fatal(err)
	}
	if p.Chatter, err = p.ledger.Wrap(l.t.Context(), l.model, p.batcher); err != nil {
		l.t.Fatal(err)
	}
	return p
}

// stop ends a process in good order.
func (p *process) stop(t *testing.T) {
	t.Helper()
	p.batcher.Close()
	if err := errors.Join(p.ledger.Close(context.Background()), p.batcher.Settle(context.Background())); err != nil {
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

// journal counts the records of a kind.
func (l *lab) journal(kind string) (n int) {
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

// Sessions that each ask their next question after the last answer make as many
// batches as turns; the ledger then answers without any; and every batch is closed.
func TestLockStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		p := l.start()
		const sessions, turns = 40, 5
		var wg sync.WaitGroup
		for i := range sessions {
			wg.Go(func() {
				for turn := range turns {
					if _, err := p.Chat(t.Context(), question(fmt.Sprint(i, turn))); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		p.stop(t)
		if n := l.api.Count(); n != turns {
			t.Errorf("%d batches for %d turns", n, turns)
		}
		l.billed(sessions*turns, sessions*turns)
		if open, done := l.journal(planned), l.journal(closed); open != turns || done != turns {
			t.Errorf("%d batches are written down and %d closed, want %d", open, done, turns)
		}
		p = l.start()
		for i := range sessions {
			if resp, err := p.Chat(t.Context(), question(fmt.Sprint(i, 0))); err != nil || resp.Usage.Replayed != 1 {
				t.Errorf("%+v, %v", resp, err)
			}
		}
		p.stop(t)
		if l.api.Count() != turns {
			t.Error("a replay asked the provider")
		}
	})
}

// A batch is full at so many requests, and goes out at once.
func TestFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.most = 10
		p := l.start()
		p.must(t, "q", 35)
		p.stop(t)
		if n := l.api.Count(); n != 4 {
			t.Errorf("%d batches", n)
		}
	})
}

// A file is full at so many bytes.
func TestFullOfBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.file = 10_000
		p := l.start()
		long := strings.Repeat("x", 900)
		var wg sync.WaitGroup
		for i := range 15 {
			wg.Go(func() {
				if _, err := p.Chat(t.Context(), question(fmt.Sprint(long, i))); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		p.stop(t)
		if n := l.api.Count(); n != 2 {
			t.Errorf("%d batches", n)
		}
	})
}

// What a batch did not answer is asked in the next one, and nothing else is.
func TestPartialFailure(t *testing.T) {
	for fate, billed := range map[string]int{"expired": 40, "429": 40, "500": 40, "missing": 60, "damaged": 60, "unknown": 60, "repeated": 40} {
		t.Run(fate, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t)
				l.api.Fate = func(batch, i int) string {
					if batch == 0 && i%2 == 0 {
						return fate
					}
					return ""
				}
				p := l.start()
				p.must(t, "q", 40)
				p.stop(t)
				l.billed(billed, 40)
				want := 2
				if fate == "repeated" {
					want = 1
				}
				if l.api.Count() != want || l.journal(closed) != want {
					t.Errorf("%d batches, %d closed, want %d", l.api.Count(), l.journal(closed), want)
				}
			})
		})
	}
}

// A request that is at fault fails by itself, with what the provider said.
func TestRefusedRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.api.Fate = func(_, i int) string { return map[int]string{3: "400"}[i] }
		p := l.start()
		failed := 0
		for _, err := range p.all(t.Context(), t, "q", 10) {
			if e, ok := errors.AsType[*llm.Error](err); ok && e.Class == llm.Refused && e.Status == 400 {
				failed++
			} else if err != nil {
				t.Error(err)
			}
		}
		p.stop(t)
		if failed != 1 || l.api.Count() != 1 {
			t.Errorf("%d rows failed, in %d batches", failed, l.api.Count())
		}
	})
}

// Tries are bounded.
func TestNeverAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.api.Fate = func(int, int) string { return "503" }
		p := l.start()
		_, err := p.Chat(t.Context(), question("q"))
		if e, ok := errors.AsType[*llm.Error](err); !ok || fault.Code(err) != fault.Temporary || e.Status != 503 || l.api.Count() != maxTries {
			t.Errorf("%d batches, %v", l.api.Count(), err)
		}
		p.stop(t)
	})
}

// A provider that refuses a file names its bad lines: they fail, and the others
// are asked.
func TestRefusedLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.api.Refuse = func(batch int) []simtest.Problem {
			if batch == 0 {
				return []simtest.Problem{{Code: "invalid_request", Message: "no", Line: 1}, {Code: "invalid_request", Message: "no", Line: 5}}
			}
			return nil
		}
		p := l.start()
		failed := 0
		for _, err := range p.all(t.Context(), t, "q", 10) {
			if e, ok := errors.AsType[*llm.Error](err); ok && e.Class == llm.Refused {
				failed++
			} else if err != nil {
				t.Error(err)
			}
		}
		p.stop(t)
		l.billed(8, 8)
		if failed != 2 {
			t.Errorf("%d rows failed", failed)
		}
	})
}

// A batch that is refused whole ends the run, unless the account's queue is only
// full for now: then smaller batches follow.
func TestRefusedWhole(t *testing.T) {
	for code, want := range map[string]int{"insufficient_quota": fault.Config, "model_not_supported": fault.Config, queueFull: fault.OK} {
		t.Run(code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t)
				l.api.Refuse = func(batch int) []simtest.Problem {
					if batch == 0 {
						return []simtest.Problem{{Code: code, Message: "no"}}
					}
					return nil
				}
				p := l.start()
				for _, err := range p.all(t.Context(), t, "q", 10) {
					if fault.Code(err) != want {
						t.Errorf("%v", err)
					}
				}
				p.stop(t)
				batches := 1
				if want == fault.OK {
					batches = 3 // the whole, and two halves
				}
				if l.api.Count() != batches {
					t.Errorf("%d batches", l.api.Count())
				}
			})
		})
	}
}

// A process is killed at some call; the next one asks the same, and no request
// is paid twice.
func TestKilled(t *testing.T) {
	for call, batches := range map[string]int{"POST /v1/files": 1, "POST /v1/batches": 1, "GET /v1/batches/{id}": 1, "GET /v1/files/{id}/content": 1} {
		t.Run(call, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t)
				killed := make(chan struct{})
				var once sync.Once
				l.api.Lose = func(c string, n int) bool {
					if c == call && n == 0 {
						once.Do(func() { close(killed) })
						return true
					}
					return false
				}
				p := l.start()
				ctx, cancel := context.WithCancel(t.Context())
				go func() {
					<-killed
					cancel()
					p.kill()
				}()
				for _, err := range p.all(ctx, t, "q", 20) {
					if err == nil {
						t.Error("answered though the process was killed")
					}
				}
				synctest.Wait()
				next := l.start()
				next.must(t, "q", 20)
				next.stop(t)
				l.billed(20, 20)
				if l.api.Count() != batches || l.journal(closed) != l.journal(planned) {
					t.Errorf("%d batches; %d are written down, %d closed", l.api.Count(), l.journal(planned), l.journal(closed))
				}
			})
		})
	}
}

// Answers that were read and not yet written to the ledger are read again.
func TestKilledAfterCollect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		p := l.start()
		p.must(t, "q", 20)
		p.kill()
		next := l.start()
		next.must(t, "q", 10) // the others come later
		next.must(t, "q", 20)
		next.stop(t)
		l.billed(20, 20)
		if n := l.api.Calls("GET /v1/files/{id}/content"); n != 3 {
			t.Errorf("the file was read %d times", n)
		}
		if l.journal(closed) != 1 {
			t.Error("the batch is not closed")
		}
	})
}

// A batch is not closed before its answers are written, whatever comes after it.
func TestKilledAfterTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		p := l.start()
		for _, turn := range []string{"a", "b", "c"} {
			p.must(t, turn, 10)
		}
		p.kill()
		next := l.start()
		for _, turn := range []string{"a", "b", "c"} {
			next.must(t, turn, 10)
		}
		next.stop(t)
		l.billed(30, 30)
		if l.journal(closed) != 3 {
			t.Errorf("%d closed", l.journal(closed))
		}
	})
}

// The answer to the creation of a batch is lost: the batch is found, and not made twice.
func TestUnclearCreate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.api.Lose = func(c string, n int) bool { return c == "POST /v1/batches" && n == 0 }
		p := l.start()
		p.must(t, "q", 20)
		p.stop(t)
		l.billed(20, 20)
		if l.api.Count() != 1 {
			t.Errorf("%d batches", l.api.Count())
		}
	})
}

// Every call of the Batch API is tried again when it fails for a while.
func TestCallsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		failed := map[string]int{}
		l.api.Down = func(call string, n int) int {
			if n >= 3 {
				return 0
			}
			failed[call]++
			return []int{429, 500, 503}[n]
		}
		p := l.start()
		p.must(t, "q", 20)
		p.stop(t)
		l.billed(20, 20)
		if len(failed) != 5 || l.api.Count() != 1 { // with the list, after a creation that failed
			t.Errorf("%d batches; these calls failed: %v", l.api.Count(), failed)
		}
	})
}

// What keeps failing is temporary, and the batch stays for the next process.
func TestCallsKeepFailing(t *testing.T) {
	for _, call := range []string{"POST /v1/files", "POST /v1/batches", "GET /v1/batches/{id}", "GET /v1/files/{id}/content"} {
		t.Run(call, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t)
				l.api.Down = func(c string, _ int) int {
					if c == call {
						return 503
					}
					return 0
				}
				p := l.start()
				for _, err := range p.all(t.Context(), t, "q", 3) {
					if fault.Code(err) != fault.Temporary {
						t.Errorf("got %v", err)
					}
				}
				p.kill()
				l.api.Down = nil
				next := l.start()
				next.must(t, "q", 3)
				next.stop(t)
				l.billed(3, 3)
				if l.api.Count() != 1 || l.journal(planned) != l.journal(closed) {
					t.Errorf("%d batches; %d are written down, %d closed", l.api.Count(), l.journal(planned), l.journal(closed))
				}
			})
		})
	}
}

// A batch that a killed process did not write down is found behind many others.
func TestFoundAmongMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		p := l.start()
		l.api.Lose = func(c string, n int) bool {
			if c == "POST /v1/batches" && n == 0 {
				p.batcher.cancel() // nothing is done after this
				return true
			}
			return false
		}
		ctx, cancel := context.WithTimeout(t.Context(), poll)
		defer cancel()
		p.all(ctx, t, "q", 20)
		p.kill()
		if l.journal(claimed) != 0 {
			t.Fatal("the process lived on")
		}
		strangers, err := openai.NewBatches(l.model, openai.Key{}, l.client)
		if err != nil {
			t.Fatal(err)
		}
		file, err := strangers.Upload(t.Context(), "other.jsonl", []byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		for range 250 {
			if _, err := strangers.Create(t.Context(), file, "another"); err != nil {
				t.Fatal(err)
			}
		}
		next := l.start()
		next.must(t, "q", 20)
		next.stop(t)
		l.billed(20, 20)
		if n := l.api.Calls("GET /v1/batches"); n != 3 || l.api.Count() != 251 {
			t.Errorf("%d pages were read, %d batches made", n, l.api.Count())
		}
	})
}

// Two processes of one identity ask the same: the later waits for the batch of
// the earlier, which is alive.
func TestSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.api.Hold(true)
		a := l.start()
		var wg sync.WaitGroup
		wg.Go(func() { a.must(t, "q", 20) })
		time.Sleep(2 * poll)
		b := l.start()
		wg.Go(func() { b.must(t, "q", 20) })
		time.Sleep(2 * poll)
		l.api.Hold(false)
		wg.Wait()
		a.stop(t)
		b.stop(t)
		l.billed(20, 20)
		if l.api.Count() != 1 {
			t.Errorf("%d batches", l.api.Count())
		}
	})
}

// A slow API takes its time for an upload.
type slow struct {
	API
	upload time.Duration
}

func (s slow) Upload(ctx context.Context, name string, data []byte) (string, error) {
	time.Sleep(s.upload)
	return s.API.Upload(ctx, name, data)
}

// A process takes another for gone only after a grace; when it was not, the
// other's batch is cancelled before it starts, and both wait for the same one.
func TestSlowUpload(t *testing.T) {
	for upload, batches := range map[time.Duration]int{poll: 1, 5 * poll: 2} {
		t.Run(upload.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t)
				l.api.Hold(true)
				release := time.AfterFunc(8*poll, func() { l.api.Hold(false) })
				defer release.Stop()
				a := l.start()
				a.batcher.api = slow{a.batcher.api, upload}
				var wg sync.WaitGroup
				wg.Go(func() { a.must(t, "q", 20) })
				time.Sleep(poll / 2)
				b := l.start()
				wg.Go(func() { b.must(t, "q", 20) })
				wg.Wait()
				a.stop(t)
				b.stop(t)
				l.billed(20, 20)
				if l.api.Count() != batches || l.journal(planned) != l.journal(closed) {
					t.Errorf("%d batches; %d are written down, %d closed", l.api.Count(), l.journal(planned), l.journal(closed))
				}
			})
		})
	}
}

// A batch is cancelled while a run waits for it: what is answered is used, the
// rest ends the run, and the next run asks it anew.
func TestCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.api.Hold(true)
		p := l.start()
		go func() {
			time.Sleep(5 * poll)
			open, err := List(t.Context(), p.batcher.api, p.batcher.opt)
			if err != nil || len(open) != 1 || open[0].Requests != 20 || open[0].Status != "in_progress" {
				t.Errorf("%+v, %v", open, err)
				return
			}
			if err := Cancel(t.Context(), p.batcher.api, p.batcher.opt, open[0].ID); err != nil {
				t.Error(err)
			}
			time.Sleep(5 * poll)
			l.api.Hold(false)
		}()
		ended := 0
		for _, err := range p.all(t.Context(), t, "q", 20) {
			if err == nil {
				continue
			}
			ended++
			if e, ok := errors.AsType[*llm.Error](err); !ok || e.Class != llm.Denied || fault.Code(err) != fault.Config || !strings.Contains(fault.Hint(err), "run again") {
				t.Errorf("%v (%s)", err, fault.Hint(err))
			}
		}
		p.stop(t)
		l.billed(10, 10)
		if ended != 10 {
			t.Errorf("%d requests were not answered", ended)
		}
		next := l.start()
		next.must(t, "q", 20)
		next.stop(t)
		l.billed(20, 20)
		if l.journal(closed) != 2 {
			t.Errorf("%d closed", l.journal(closed))
		}
	})
}

// A run that starts after somebody cancelled what the last one left is a decision
// to go on: it uses what is answered and asks the rest.
func TestCancelledBefore(t *testing.T) {
	for name, ended := range map[string]bool{"cancelling": false, "cancelled": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t)
				l.api.Hold(true)
				p := l.start()
				ctx, cancel := context.WithTimeout(t.Context(), 3*poll)
				defer cancel()
				p.all(ctx, t, "q", 20)
				p.kill()
				l.api.CancelAll()
				l.api.Hold(!ended)
				next := l.start()
				release := time.AfterFunc(5*poll, func() { l.api.Hold(false) })
				defer release.Stop()
				next.must(t, "q", 20)
				next.stop(t)
				l.billed(20, 20)
			})
		})
	}
}

// A caller who gives up leaves the batch; one who asks again finds it.
func TestGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		p := l.start()
		ctx, cancel := context.WithTimeout(t.Context(), poll)
		defer cancel()
		for _, err := range p.all(ctx, t, "q", 5) {
			if err != context.DeadlineExceeded {
				t.Error(err)
			}
		}
		early, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		for _, err := range p.all(early, t, "never sent", 5) {
			if err != context.DeadlineExceeded {
				t.Error(err)
			}
		}
		time.Sleep(10 * poll) // the batch ends with nobody waiting
		p.must(t, "q", 5)
		p.stop(t)
		l.billed(5, 5)
		if l.api.Count() != 1 || l.journal(closed) != 1 {
			t.Errorf("%d batches, %d closed", l.api.Count(), l.journal(closed))
		}
	})
}

// A batch that the provider no longer has, such as another account's, is asked anew.
func TestGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		p := l.start()
		p.must(t, "q", 5)
		p.kill()
		other := newLab(t)
		other.bucket = l.bucket
		p = other.start()
		p.must(t, "q", 5)
		p.stop(t)
		other.billed(5, 5)
	})
}

// A batch that nobody asked for while its provider kept it is closed.
func TestOldBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		p := l.start()
		ctx, cancel := context.WithTimeout(t.Context(), poll)
		defer cancel()
		p.all(ctx, t, "q", 5)
		p.kill()
		time.Sleep(keptFor - time.Hour)
		l.start().stop(t)
		if l.journal(closed) != 0 {
			t.Error("it is closed too early")
		}
		time.Sleep(time.Hour)
		l.start().stop(t)
		if l.journal(closed) != 1 {
			t.Error("it stays open")
		}
	})
}

// A provider without a Batch API says so at the first call.
func TestNoBatchAPI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.model.BaseURL = "http://provider.test/other"
		p := l.start()
		_, err := p.Chat(t.Context(), question("q"))
		if fault.Code(err) != fault.Config || !strings.Contains(fault.Hint(err), "remove batch.gpt") {
			t.Errorf("%v (%s)", err, fault.Hint(err))
		}
		p.stop(t)
		if l.journal(planned) != 1 || l.journal(closed) != 1 {
			t.Error("the plan stays open")
		}
	})
}
