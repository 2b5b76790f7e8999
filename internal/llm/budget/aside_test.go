package budget

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/store"
)

// distant is a bucket whose every access takes a round trip.
type distant struct {
	store.Bucket
	trip time.Duration
}

func (d distant) Create(ctx context.Context, key string, body []byte) error {
	time.Sleep(d.trip)
	return d.Bucket.Create(ctx, key, body)
}

func (d distant) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	time.Sleep(d.trip)
	return d.Bucket.Get(ctx, key)
}

// steady is a model whose calls all take two seconds and cost 500 dollars, a
// little less than is guessed.
func steady() llm.ChatFunc {
	return func(context.Context, *llm.Request) (*llm.Response, error) {
		time.Sleep(2 * time.Second)
		return &llm.Response{Content: "x", Usage: llm.Usage{Calls: 1, Prompt: 1, Completion: 500}}, nil
	}
}

// Many processes that start at the same moment wait little for one another,
// though each entry of the account takes several round trips; and none fails.
func TestManyProcesses(t *testing.T) {
	const workers, long, each = 16, time.Minute, 2 * time.Second
	for _, c := range []struct {
		processes int
		trip      time.Duration
		least     float64 // of the calls that could be made without an account
	}{{1, 30 * time.Millisecond, 0.95}, {16, 30 * time.Millisecond, 0.9}, {50, 30 * time.Millisecond, 0.8}, {100, 30 * time.Millisecond, 0.8}, {100, 60 * time.Millisecond, 0.7}} {
		t.Run(fmt.Sprintf("%d at %v", c.processes, c.trip), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := store.New(distant{store.NewMem(), c.trip})
				ctx, stop := context.WithTimeout(t.Context(), long)
				defer stop()
				var mu sync.Mutex
				var wg sync.WaitGroup
				calls := 0
				for i := range c.processes {
					chat := process(st, 1e12, i).Wrap(steady(), llm.Model{Name: "m"}, price)
					for range workers {
						wg.Go(func() {
							for ctx.Err() == nil {
								_, err := chat.Chat(ctx, ask())
								if err != nil && ctx.Err() == nil {
									t.Error(err)
									return
								}
								if err == nil {
									mu.Lock()
									calls++
									mu.Unlock()
								}
							}
						})
					}
				}
				wg.Wait()
				possible := c.processes * workers * int(long/each)
				if float64(calls) < c.least*float64(possible) {
					t.Errorf("%d calls of %d were made", calls, possible)
				}
				t.Logf("%d calls of %d, %d entries", calls, possible, total(t, st).Number)
			})
		})
	}
}

// A small budget is used far from the store, too, and at no time is more set
// aside than there is.
func TestSmallBudgetFarAway(t *testing.T) {
	for _, processes := range []int{1, 4, 16} {
		for _, calls := range []int{20, 100, 1000} {
			t.Run(fmt.Sprintf("%d processes, %d calls", processes, calls), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					usd := float64(500 * calls)
					st := store.New(distant{store.NewMem(), 30 * time.Millisecond})
					var wg sync.WaitGroup
					for i := range processes {
						wg.Go(func() { spend(t, process(st, usd, i), steady(), 16) })
					}
					wg.Wait()
					last := total(t, st)
					if last.Total < 0.9*usd {
						t.Errorf("%v dollars of %v were used", last.Total, usd)
					}
					for n := 1; n <= last.Number; n++ {
						if e, err := st.ReadSpend(t.Context(), "x-1", n); err != nil || e.Total > usd+rounding {
							t.Errorf("entry %d sets %v dollars of %v aside (%v)", n, e.Total, usd, err)
						}
					}
				})
			})
		}
	}
}

// What is set aside serves all calls that wait at that moment.
func TestOneEntryForAllThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := store.New(distant{store.NewMem(), 30 * time.Millisecond})
		c := process(st, 1e9, 0).Wrap(steady(), llm.Model{Name: "m"}, price)
		var wg sync.WaitGroup
		for range 500 {
			wg.Go(func() {
				if _, err := c.Chat(t.Context(), ask()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := total(t, st).Number; n != 1 {
			t.Errorf("%d entries for 500 calls that waited together", n)
		}
	})
}

// tardy is a bucket whose Create takes so long, or ends with its context; late
// says that it is done even so.
type tardy struct {
	store.Bucket
	takes time.Duration
	late  bool
}

func (b tardy) Create(ctx context.Context, key string, body []byte) error {
	select {
	case <-time.After(b.takes):
		return b.Bucket.Create(ctx, key, body)
	case <-ctx.Done():
		if b.late {
			_ = b.Bucket.Create(context.WithoutCancel(ctx), key, body)
		}
		return ctx.Err()
	}
}

// A stop is obeyed within a second while money is set aside, and no call is made
// or paid for after it. Only what was written though it was given up is lost.
func TestStopWhileSettingAside(t *testing.T) {
	for name, c := range map[string]struct {
		bucket tardy
		left   bool // an entry that nobody gives back
	}{
		"written in time":         {tardy{takes: 1500 * time.Millisecond}, false},
		"given up":                {tardy{takes: time.Hour}, false},
		"written though given up": {tardy{takes: time.Hour, late: true}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				mem := store.NewMem()
				c.bucket.Bucket = mem
				a := process(store.New(c.bucket), 1e6, 0)
				chat := a.Wrap(llm.ChatFunc(func(context.Context, *llm.Request) (*llm.Response, error) {
					t.Error("a call was made after the stop")
					return nil, errors.New("no")
				}), llm.Model{Name: "m"}, price)
				ctx, stop := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, stop)
				var wg sync.WaitGroup
				began := time.Now()
				for range 3 {
					wg.Go(func() {
						if _, err := chat.Chat(ctx, ask()); fault.Code(err) != fault.Interrupted {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				if d := time.Since(began); d > time.Second+writeGrace {
					t.Errorf("a stop after a second was obeyed after %v", d)
				}
				last, cancel := context.WithTimeout(t.Context(), 4*time.Second)
				defer cancel()
				if err := a.Close(last); err != nil {
					t.Error(err)
				}
				if got := total(t, store.New(mem)).Total; got > rounding != c.left {
					t.Errorf("%v dollars are set aside at the end, and nothing was paid", got)
				}
			})
		})
	}
}

// A stop ends the wait between lost races and the note that a budget is used up.
func TestStopWhileOthersWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := process(store.New(lost{store.NewMem()}), 1e6, 0)
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, stop)
		_, err := a.Wrap(steady(), llm.Model{Name: "m"}, price).Chat(ctx, ask())
		if !errors.Is(err, context.Canceled) {
			t.Errorf("after many lost races: %v", err)
		}
		a = process(store.New(tardy{Bucket: store.NewMem(), takes: time.Hour}), 1, 0)
		ctx, stop = context.WithCancel(t.Context())
		time.AfterFunc(time.Second, stop)
		began := time.Now()
		if _, err := a.Wrap(steady(), llm.Model{Name: "m"}, price).Chat(ctx, ask()); !errors.Is(err, context.Canceled) || time.Since(began) > time.Second+writeGrace {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

// lost is a bucket where somebody else is always faster.
type lost struct{ store.Bucket }

func (lost) Create(context.Context, string, []byte) error { return store.ErrExists }
