package budget

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/openai"
	"github.com/gymline/gymline/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// price makes a call of n completion tokens cost n dollars.
var price = llm.Price{Completion: 1e6}

// A till takes what the calls of all processes cost: random sums.
type till struct {
	mu     sync.Mutex
	rng    *rand.Rand
	tokens func(r *rand.Rand) int64
	paid   float64
	calls  int
	desks  []*desk
	// seconds is how long a call takes, on average.
	seconds float64
}

// A desk is the model as one process calls it.
type desk struct {
	*till
	inFlight map[int]float64 // what its calls under way will cost, by number
	last     float64         // their sum when it made its last call, that one included
}

// Chat takes its time and costs something. What it costs is known only at its end.
func (d *desk) Chat(context.Context, *llm.Request) (*llm.Response, error) {
	t := d.till
	t.mu.Lock()
	n, used := t.calls, t.tokens(t.rng)
	t.calls++
	d.inFlight[n], d.last = float64(used), 0
	for _, usd := range d.inFlight {
		d.last += usd
	}
	wait := time.Duration(t.rng.ExpFloat64() * t.seconds * float64(time.Second))
	t.mu.Unlock()
	time.Sleep(wait)
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(d.inFlight, n)
	t.paid += float64(used)
	return &llm.Response{Content: "x", Usage: llm.Usage{Calls: 1, Prompt: 1, Completion: used}}, nil
}

func newTill(seed uint64, tokens func(*rand.Rand) int64) *till {
	return &till{rng: rand.New(rand.NewPCG(seed, 1)), tokens: tokens, seconds: 1}
}

func (t *till) desk() *desk {
	t.mu.Lock()
	defer t.mu.Unlock()
	d := &desk{till: t, inFlight: map[int]float64{}}
	t.desks = append(t.desks, d)
	return d
}

// inFlight is what the calls cost that were in flight when each process made its last one.
func (t *till) inFlight() float64 {
	sum := 0.
	for _, d := range t.desks {
		sum += d.last
	}
	return sum
}

// slow is a bucket whose every access takes time, so that processes interleave.
type slow struct{ store.Bucket }

func (s slow) Create(ctx context.Context, key string, body []byte) error {
	time.Sleep(5 * time.Millisecond)
	return s.Bucket.Create(ctx, key, body)
}

func newStore() *store.Store { return store.New(slow{store.NewMem()}) }

func process(st *store.Store, usd float64, shard int) *Account {
	return New(Options{Store: st, Account: "x-1", USD: usd, Run: "x-1", Step: "generate", Shard: shard, Now: time.Now})
}

func ask() *llm.Request { return &llm.Request{Messages: []llm.Message{{Role: llm.User, Content: "?"}}} }

// spend has so many workers call until the budget is used up, and closes the
// process as an engine would.
func spend(t *testing.T, a *Account, next llm.Chatter, workers int) {
	c := a.Wrap(next, llm.Model{Name: "m"}, price)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for {
				if _, err := c.Chat(t.Context(), ask()); err != nil {
					if fault.Code(err) != fault.Budget {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	wg.Wait()
	if err := a.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func total(t *testing.T, st *store.Store) store.Spend {
	t.Helper()
	last, err := st.LastSpend(t.Context(), "x-1", store.Spend{})
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.
	for n := 1; n <= last.Number; n++ {
		e, err := st.ReadSpend(t.Context(), "x-1", n)
		if err != nil {
			t.Fatal(err)
		}
		if sum += e.USD; math.Abs(sum-e.Total) > 1e-6 {
			t.Fatalf("entry %d says %v, and the sum is %v", n, e.Total, sum)
		}
	}
	return last
}

// Whatever the number of processes and workers, however unequal the calls: the
// budget is exceeded by less than the calls in flight cost when each process made
// its last, at least nine tenths of it can be used, and the account says in the
// end what was paid.
func TestBudgetHolds(t *testing.T) {
	kinds := map[string]func(r *rand.Rand) int64{
		"even":    func(*rand.Rand) int64 { return 100 },
		"uniform": func(r *rand.Rand) int64 { return 1 + r.Int64N(200) },
		"long tail": func(r *rand.Rand) int64 {
			if r.IntN(20) == 0 {
				return 1000
			}
			return 1 + r.Int64N(100)
		},
	}
	for name, tokens := range kinds {
		for _, processes := range []int{1, 2, 5, 16} {
			for _, workers := range []int{1, 8} {
				t.Run(fmt.Sprintf("%s/%dx%d", name, processes, workers), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						const usd = 100_000 // a thousand calls
						st, till := newStore(), newTill(uint64(processes*100+workers), tokens)
						var wg sync.WaitGroup
						for i := range processes {
							wg.Go(func() {
								// Some are slower than others, and some come later.
								time.Sleep(time.Duration(i%3) * 10 * time.Second)
								spend(t, process(st, usd, i), till.desk(), 1+workers*(i%4)/2)
							})
						}
						wg.Wait()
						if till.paid > usd+till.inFlight() || till.paid < 0.9*usd {
							t.Errorf("%v dollars of %v were paid, and %v were in flight at the end", till.paid, usd, till.inFlight())
						}
						if name == "even" && till.paid > usd {
							t.Errorf("%v dollars of %v were paid, and all calls cost what was expected", till.paid, usd)
						}
						last := total(t, st)
						if math.Abs(last.Total-till.paid) > 1 { // a prompt token is free, and sums are rounded
							t.Errorf("the account says %v, and %v was paid", last.Total, till.paid)
						}
						if last.UsedUp != usd {
							t.Errorf("the account says that a budget of %v is used up", last.UsedUp)
						}
						if 2*last.Number > till.calls {
							t.Errorf("%d entries for %d calls", last.Number, till.calls)
						}
						t.Logf("%.1f%% of the budget in %d calls and %d entries", 100*till.paid/usd, till.calls, last.Number)
					})
				})
			}
		}
	}
}

// Processes that are killed lose what they had set aside, which is little, and
// their calls in flight; the rest holds.
func TestKilledProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const usd = 100_000
		st, till := newStore(), newTill(7, func(r *rand.Rand) int64 { return 50 + r.Int64N(100) })
		killed, kill := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range 4 { // of eight
			wg.Go(func() {
				c := process(st, usd, 10+i).Wrap(till.desk(), llm.Model{Name: "m"}, price)
				var workers sync.WaitGroup
				for range 4 {
					workers.Go(func() {
						for killed.Err() == nil {
							if _, err := c.Chat(killed, ask()); err != nil {
								return
							}
						}
					})
				}
				workers.Wait() // and is never closed
			})
			wg.Go(func() { spend(t, process(st, usd, i), till.desk(), 4) })
		}
		time.Sleep(10 * time.Second)
		kill()
		wg.Wait()
		if till.paid > usd+till.inFlight() || till.paid < 0.9*usd {
			t.Errorf("%v dollars of %v were paid", till.paid, usd)
		}
		if last := total(t, st); last.Total < till.paid-1 {
			t.Errorf("the account says %v, and %v was paid", last.Total, till.paid)
		}
	})
}

// A budget that is used up stays so, for whoever comes later, until it is raised:
// also for a call that would fit into what is left of it.
func TestRaise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, till := newStore(), newTill(1, func(*rand.Rand) int64 { return 10 })
		spend(t, process(st, 1005, 0), till.desk(), 3)
		before := till.calls
		for _, usd := range []float64{1005, 900} {
			_, err := process(st, usd, 0).Wrap(till.desk(), llm.Model{Name: "m", MaxTokens: 1}, price).Chat(t.Context(), ask())
			if fault.Code(err) != fault.Budget || !strings.Contains(err.Error(), "is used up: $1,000.00 spent or set aside") || !strings.Contains(fault.Hint(err), "raise budget.usd") {
				t.Errorf("%v (%s)", err, fault.Hint(err))
			}
		}
		if till.calls != before {
			t.Errorf("%d calls were made of a budget that is used up", till.calls-before)
		}
		spend(t, process(st, 2005, 0), till.desk(), 3)
		if till.paid != 2000 {
			t.Errorf("%v dollars were paid", till.paid)
		}
	})
}

// Before a model's first answer nobody knows what its calls cost: a process does
// not set all that is left aside on a guess, which would end the run for others.
func TestFirstCallsLeaveRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, till := newStore(), newTill(1, func(*rand.Rand) int64 { return 1 })
		var wg sync.WaitGroup
		for i := range 2 {
			a := process(st, 3000, i) // six first calls, as they are guessed
			c := a.Wrap(till.desk(), llm.Model{Name: "m"}, price)
			for range 8 {
				wg.Go(func() {
					for range 10 {
						if _, err := c.Chat(t.Context(), ask()); err != nil {
							t.Error(err)
						}
					}
				})
			}
		}
		wg.Wait()
	})
}

// However fast a process spends, little is lost when it is killed.
func TestAFastProcessSetsLittleAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, till := newStore(), newTill(1, func(*rand.Rand) int64 { return 10 })
		till.seconds = 0.001
		c := process(st, 100_000, 0).Wrap(till.desk(), llm.Model{Name: "m"}, price)
		for range 8000 {
			if _, err := c.Chat(t.Context(), ask()); err != nil {
				t.Fatal(err)
			}
			last, err := st.LastSpend(t.Context(), "x-1", store.Spend{})
			if err != nil {
				t.Fatal(err)
			}
			if aside := last.Total - till.paid; aside > part*100_000+answerTokens {
				t.Fatalf("%v dollars are set aside after %v were paid", aside, till.paid)
			}
		}
	})
}

// What is not needed is given back, and another process has it.
func TestGiveBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, till := newStore(), newTill(1, func(*rand.Rand) int64 { return 10 })
		a := process(st, 1000, 0)
		c := a.Wrap(till.desk(), llm.Model{Name: "m"}, price)
		for range 20 {
			if _, err := c.Chat(t.Context(), ask()); err != nil {
				t.Fatal(err)
			}
		}
		if got := total(t, st).Total; got <= 200 {
			t.Fatalf("%v dollars are set aside after %v were paid", got, till.paid)
		}
		if err := errors.Join(a.Close(t.Context()), a.Close(t.Context())); err != nil {
			t.Fatal(err)
		}
		if got := total(t, st).Total; math.Abs(got-200) > 1e-6 {
			t.Errorf("%v dollars are set aside at the end, and 200 were paid", got)
		}
	})
}

func TestWhatACallCosts(t *testing.T) {
	answer := func(u llm.Usage) llm.ChatFunc {
		return func(context.Context, *llm.Request) (*llm.Response, error) {
			return &llm.Response{Content: "four words of it", Usage: u}, nil
		}
	}
	failure := func(err error) llm.ChatFunc {
		return func(context.Context, *llm.Request) (*llm.Response, error) { return nil, err }
	}
	const cut = answerTokens // what is expected
	for name, c := range map[string]struct {
		next          llm.ChatFunc
		want, batched float64
	}{
		"an answer":                  {answer(llm.Usage{Prompt: 10, Completion: 3}), 3, 3},
		"a refusal":                  {failure(&llm.Error{Status: 429, Err: errors.New("no")}), 0, 0},
		"a server's failure":         {failure(&llm.Error{Status: 500, Err: errors.New("no")}), 0, 0},
		"no connection":              {failure(&llm.Error{Code: "no_answer", Err: errors.New("no")}), 0, 0},
		"a call that is cut off":     {failure(context.Canceled), cut, 0},
		"a time-out":                 {failure(&llm.Error{Code: "timeout", Err: errors.New("slow")}), cut, 0},
		"half an answer":             {failure(&llm.Error{Status: 200, Code: "damaged_body", Err: errors.New("half")}), cut, 0},
		"too long an answer":         {failure(&llm.Error{Status: 200, Code: "too_large", Class: llm.Refused, Err: errors.New("long")}), cut, 0},
		"a batch that shows nothing": {failure(&llm.Error{Code: "answer_lost", Billed: true, Err: errors.New("lost")}), 0, cut},
		"an answer without a choice": {failure(&llm.Error{Status: 200, Err: errors.New("nothing")}), cut, 0},
	} {
		for batched, want := range map[bool]float64{false: c.want, true: c.batched} {
			st := store.New(store.NewMem())
			a := process(st, 10_000, 0)
			wrap := a.Wrap
			if batched {
				wrap = a.WrapBatched
			}
			_, _ = wrap(c.next, llm.Model{Name: "m"}, price).Chat(t.Context(), ask())
			if err := a.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := total(t, st).Total; math.Abs(got-want) > 1e-6 {
				t.Errorf("%s (in a batch: %v) costs %v, want %v", name, batched, got, want)
			}
		}
	}
	if free := (llm.Chatter)(answer(llm.Usage{})); fmt.Sprintf("%T", process(nil, 1, 0).Wrap(free, llm.Model{}, llm.Price{})) != fmt.Sprintf("%T", free) {
		t.Error("a model that costs nothing is accounted for")
	}
}

// A time-out of the real client is one that counts.
func TestATimeOutCounts(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or the server does not see that the client leaves
		<-r.Context().Done()
	}))
	defer srv.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	model := llm.Model{Name: "m", Model: "m", BaseURL: srv.URL + "/v1"}
	next, err := openai.New(model, openai.Access{}, &http.Client{Timeout: 20 * time.Millisecond, Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	st := store.New(store.NewMem())
	a := process(st, 10_000, 0)
	_, chatErr := a.Wrap(next, model, price).Chat(t.Context(), ask())
	if err := a.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := total(t, st).Total; math.Abs(got-answerTokens) > 1e-6 {
		t.Errorf("%v dollars are counted for: %v", got, chatErr)
	}
}

// A process that stops while it waits for a batch pays nothing, however often;
// the one that gets the answers pays for them.
func TestABatchIsPaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := store.New(store.NewMem())
		ends := time.Now().Add(time.Hour)
		batch := llm.ChatFunc(func(ctx context.Context, _ *llm.Request) (*llm.Response, error) {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(time.Until(ends)):
				return &llm.Response{Usage: llm.Usage{Prompt: 1, Completion: 40}}, nil
			}
		})
		for _, want := range []float64{0, 0, 400} {
			a := process(st, 10_000, 0)
			ctx, stop := context.WithTimeout(t.Context(), 25*time.Minute)
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() { _, _ = a.WrapBatched(batch, llm.Model{Name: "m"}, price).Chat(ctx, ask()) })
			}
			wg.Wait()
			stop()
			if err := a.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := total(t, st).Total; math.Abs(got-want) > 1e-6 {
				t.Errorf("%v dollars are spent %v before the batch ends", got, time.Until(ends))
			}
		}
	})
}

// A store that is away fails the call, for a retry of the shard, and nothing is called.
func TestStoreAway(t *testing.T) {
	till := newTill(1, nil)
	st := store.New(away{store.NewMem()})
	_, err := process(st, 10, 0).Wrap(till.desk(), llm.Model{Name: "m"}, price).Chat(t.Context(), ask())
	if fault.Code(err) != fault.Temporary || till.calls != 0 {
		t.Errorf("%d calls, %v", till.calls, err)
	}
}

type away struct{ store.Bucket }

func (away) Create(context.Context, string, []byte) error {
	return &store.Error{Op: "create", Kind: store.Transient, Err: errors.New("away")}
}

// A call that waits for its turn leaves when its context ends.
func TestCancelWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		next := llm.ChatFunc(func(context.Context, *llm.Request) (*llm.Response, error) {
			<-gate
			return &llm.Response{Usage: llm.Usage{Completion: 512}}, nil
		})
		a := process(newStore(), 600, 0) // one call of 512 fits
		c := a.Wrap(next, llm.Model{Name: "m"}, price)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := c.Chat(t.Context(), ask()); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		for range 3 {
			wg.Go(func() {
				if _, err := c.Chat(ctx, ask()); !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(gate)
		wg.Wait()
		if err := a.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
