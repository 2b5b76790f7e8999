package simtest_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/job/jobtest"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/budget"
	"github.com/gymline/gymline/internal/llm/provider"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/seed"
	"github.com/gymline/gymline/internal/sim"
	"github.com/gymline/gymline/internal/sim/simtest"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/jobs/evaluate"
)

// inFlight is how many rows are worked on at once.
const inFlight = 3

// A clock stands in for time, which only waiting moves on.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return ctx.Err()
}

// A bench is an evaluation whose candidate and judge are behind a provider, and
// what outlives its runs.
type bench struct {
	model  llm.Model
	access llm.Access
	store  *store.Store
	runs   int
}

func newBench(t testing.TB, d simtest.Dialect, url string) *bench {
	m := configured(t, url, d.Needs)
	b := &bench{model: m.Identity("m"), access: m.Access(), store: store.New(store.NewMem())}
	b.access.Price = &llm.Price{Prompt: 1e6, Cached: 1e6, Completion: 1e6} // a dollar a token
	return b
}

func benchmark() fs.FS {
	fsys := fstest.MapFS{}
	for i := range 4 {
		var events []string
		for j := range 3 {
			events = append(events, fmt.Sprintf(`{"observation":{"time":"%d","event":"The user opens file %d of %d."}}`, j+1, j, i))
		}
		fsys[fmt.Sprintf("b/coding_%d.json", i)] = &fstest.MapFile{Data: []byte("[" + strings.Join(events, ",") + "]")}
	}
	return fsys
}

// run evaluates once, within a budget in tokens; 0 is none.
func (b *bench) run(t testing.TB, tokens float64) (*jobtest.Result, error) {
	t.Helper()
	b.runs++
	c := &clock{now: time.Unix(1717378000, 0)}
	opt := provider.Options{
		Bucket: b.store.Bucket(), Getenv: func(string) string { return key }, Access: map[string]llm.Access{"m": b.access}, Sim: sim.New,
		Now: c.Now, Sleep: c.Sleep, Log: slog.New(slog.DiscardHandler), JitterSeed: uint64(b.runs), Linger: time.Millisecond,
	}
	if tokens > 0 {
		opt.Budget = budget.New(budget.Options{Store: b.store, Account: "x-1", USD: tokens, Run: store.RunID(fmt.Sprint("x-", b.runs)), Step: "predict", Now: c.Now})
	}
	models := provider.New(opt)
	defer func() {
		if err := models.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	return jobtest.Run(t, jobtest.Case{
		Job: plan.JobPredict, Func: evaluate.Predict, Seed: 3, InFlight: inFlight, Models: models,
		Files: map[string]fs.FS{"samples": benchmark()},
		Params: plan.Predict{
			Benchmark: plan.File{Input: "samples", Path: "b"}, Candidate: plan.Candidate{Name: "c", Model: &b.model},
			Judge: plan.Judge{Kind: plan.JudgeLLM, Model: &b.model}, Tasks: 1, Repairs: 2,
		},
	})
}

// outputs are the bytes of a run that succeeded, and its rows by ID.
func outputs(t testing.TB, res *jobtest.Result) (string, map[string]int) {
	t.Helper()
	data := res.Output(t, plan.RowsOutput)
	ended := map[string]int{}
	err := job.Decode(bytes.NewReader(data), "rows", func(_ int, r *rows.Row) error {
		ended[r.ID]++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(res.Output(t, plan.JudgedOutput)) + string(data), ended
}

func firstDifference(got, want string) string {
	lines := strings.Split(want, "\n")
	for i, line := range strings.Split(got, "\n") {
		if i >= len(lines) || line != lines[i] {
			return fmt.Sprintf("line %d is\n%s\nwant\n%s", i+1, line, strings.Join(lines[min(i, len(lines)):min(i+1, len(lines))], ""))
		}
	}
	return "there are fewer lines"
}

// FuzzProviders: whatever a provider does in turn, each planned row ends once,
// nothing is billed beyond the budget and the calls in flight, and nothing wrong
// is recorded: once the faults stop, a run gives what a calm day gives.
func FuzzProviders(f *testing.F) {
	for i := range simtest.Dialects {
		r := seed.New(uint64(i), "faults")
		sequence := make([]byte, 24)
		for j := range sequence {
			sequence[j] = byte(r.IntN(256))
		}
		f.Add(uint8(i), sequence, uint16(i*400))
	}
	for i := range simtest.Faults {
		f.Add(uint8(i), []byte{byte(i)}, uint16(0)) // nothing but this one
	}
	f.Fuzz(func(t *testing.T, dialect uint8, sequence []byte, tokens uint16) {
		d := simtest.Dialects[int(dialect)%len(simtest.Dialects)]
		p := &simtest.Provider{Dialect: d, Key: key, Pause: 5000}
		var faulty atomic.Bool
		p.Fault = func(n int64) *simtest.Fault { // half of them answer, or else one for ever
			if len(sequence) == 0 || !faulty.Load() {
				return nil
			}
			k := int(sequence[n%int64(len(sequence))])
			if len(sequence) > 1 && k >= 128 {
				return nil
			}
			return &simtest.Faults[k%len(simtest.Faults)]
		}
		s := httptest.NewServer(p)
		defer s.Close()

		calm, err := newBench(t, d, s.URL).run(t, 0)
		if err != nil {
			t.Fatalf("%s, calm: %v", d.Name, err)
		}
		want, planned := outputs(t, calm)
		p.Calls.Store(0)
		p.Billed.Store(0)
		faulty.Store(true)
		b := newBench(t, d, s.URL)
		res, err := b.run(t, float64(tokens))
		switch code := fault.Code(err); {
		case err == nil:
			_, ended := outputs(t, res)
			for id := range planned {
				if ended[id] != 1 {
					t.Errorf("%s: the row %s ended %d times", d.Name, id, ended[id])
				}
			}
			if len(ended) != len(planned) {
				t.Errorf("%s: %d rows of %d", d.Name, len(ended), len(planned))
			}
		case code != fault.Temporary && code != fault.Budget && code != fault.Config && code != fault.Permanent:
			t.Errorf("%s: exit code %d: %v", d.Name, code, err)
		}
		const most = 2000 // tokens of one call
		if billed := float64(p.Billed.Load()); tokens > 0 && billed > float64(tokens)+inFlight*most {
			t.Errorf("%s: %v tokens are billed, and the budget is %d", d.Name, billed, tokens)
		}
		faulty.Store(false)
		res, err = b.run(t, 0)
		if err != nil {
			t.Fatalf("%s, after the faults: %v", d.Name, err)
		}
		if got, _ := outputs(t, res); got != want {
			t.Errorf("%s: after the faults %s", d.Name, firstDifference(got, want))
		}
	})
}
