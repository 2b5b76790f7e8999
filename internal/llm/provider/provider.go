// Package provider opens the models of an experiment: each once, with its
// limits, retries and ledger around it.
package provider

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gymline/gymline/internal/canonical"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/batch"
	"github.com/gymline/gymline/internal/llm/budget"
	"github.com/gymline/gymline/internal/llm/ledger"
	"github.com/gymline/gymline/internal/llm/limit"
	"github.com/gymline/gymline/internal/llm/linger"
	"github.com/gymline/gymline/internal/llm/openai"
	"github.com/gymline/gymline/internal/llm/redact"
	"github.com/gymline/gymline/internal/llm/retry"
	"github.com/gymline/gymline/internal/llm/setup"
	"github.com/gymline/gymline/internal/llm/traffic"
	"github.com/gymline/gymline/internal/seed"
	"github.com/gymline/gymline/internal/store"
)

// Options are what the process edge gives to its models.
type Options struct {
	// Bucket keeps the ledger; nil records nothing.
	Bucket store.Bucket
	// Getenv reads the variables that API keys are in.
	Getenv func(string) string
	// Access is by the model's name in the experiment.
	Access map[string]llm.Access
	// Sim makes the stand-in of a model whose provider is sim.
	Sim func(llm.Model) llm.Chatter
	// Budget is what calls are paid from; nil bounds nothing. Close closes it.
	Budget *budget.Account
	// ReplayOnly answers from the ledger alone: no key is read, no call is made.
	ReplayOnly bool
	Now        func() time.Time
	// Sleep waits between tries and for limits; nil means retry.Sleep.
	Sleep func(context.Context, time.Duration) error
	// Retry is the policy for failures that may pass; the zero Policy means retry.Default.
	Retry retry.Policy
	// JitterSeed tells processes apart whose waits should differ. Nothing that
	// is digested depends on it.
	JitterSeed uint64
	// FlushEvery is how often the ledger is written; 0 means DefaultFlush.
	FlushEvery time.Duration
	// Linger is how long a call in flight may go on after its context has ended,
	// so that its answer is recorded; 0 means DefaultLinger.
	Linger time.Duration
	Log    *slog.Logger
}

// DefaultFlush is how much recorded time a crash may lose.
const DefaultFlush = 2 * time.Second

// DefaultLinger leaves time to write the ledger within the 10 seconds after SIGTERM.
const DefaultLinger = 5 * time.Second

// A Set is the models that a process has open. It is safe for concurrent use.
type Set struct {
	opt    Options
	client *http.Client
	ledger *ledger.Ledger // nil without a bucket
	// traffic counts below retries and ledger.
	traffic traffic.Counter

	mu   sync.Mutex
	open map[string]llm.Chatter // by the model's canonical JSON

	waits   sync.Mutex // of batches alone: opening a model may take long
	batches []*batch.Batcher
}

// New returns an empty set. Close it, whatever happens.
func New(opt Options) *Set {
	if opt.Sleep == nil {
		opt.Sleep = retry.Sleep
	}
	if opt.Retry == (retry.Policy{}) {
		opt.Retry = retry.Default
	}
	if opt.FlushEvery == 0 {
		opt.FlushEvery = DefaultFlush
	}
	if opt.Linger == 0 {
		opt.Linger = DefaultLinger
	}
	s := &Set{opt: opt, client: openai.NewHTTPClient(), open: map[string]llm.Chatter{}}
	if opt.Bucket != nil {
		s.ledger = ledger.New(ledger.Options{
			Bucket: opt.Bucket, Now: opt.Now, Log: opt.Log, Every: opt.FlushEvery, ReplayOnly: opt.ReplayOnly,
		})
	}
	return s
}

// Open returns the chatter of a model; the same model gets the same chatter,
// so that its limits hold for the whole process.
func (s *Set) Open(ctx context.Context, m llm.Model) (llm.Chatter, error) {
	id, err := canonical.JSON(m)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", m.Name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.open[string(id)]; ok {
		return c, nil
	}
	c, err := s.build(ctx, m)
	if err != nil {
		return nil, err
	}
	if !m.Simulated() && !m.Unredacted {
		c = redact.Wrap(c) // above the ledger: what is recorded is what was sent
	}
	c = priced(c, s.opt.Access[m.Name].Paid())
	s.open[string(id)] = c
	return c, nil
}

func (s *Set) build(ctx context.Context, m llm.Model) (llm.Chatter, error) {
	switch m.Provider {
	case llm.Sim:
		// A sim is a pure function of the request: recording it would keep what
		// can always be had again.
		return keyed(s.opt.Sim(m), m)
	case llm.OpenAI:
	default:
		return nil, fault.New(fault.Config, fmt.Errorf("model %s: unknown provider %q", m.Name, m.Provider),
			fmt.Sprintf("use %q or %q", llm.OpenAI, llm.Sim))
	}
	if s.opt.ReplayOnly {
		if s.ledger == nil {
			return nil, fault.New(fault.Config, errors.New("a replay needs a store"), "name the store that the run was recorded in")
		}
		return s.ledger.Wrap(ctx, m, nil)
	}
	access := s.opt.Access[m.Name]
	if access.Batch != nil {
		return s.batched(ctx, m)
	}
	shown, err := s.shown(m, access)
	if err != nil {
		return nil, err
	}
	client := *s.client
	client.Timeout = cmp.Or(access.Timeout, client.Timeout)
	c, err := openai.New(m, shown, &client)
	if err != nil {
		return nil, err
	}
	// From the provider outward; docs/llm.md has the line.
	c = linger.Wrap(c, s.opt.Linger)
	c = s.traffic.Sent(c)
	if c, err = s.paid(c, m, (*budget.Account).Wrap); err != nil {
		return nil, err
	}
	before := false
	if s.ledger != nil {
		if before, err = s.ledger.Answered(ctx, m); err != nil {
			return nil, err
		}
	}
	c = setup.Wrap(c, before)
	c = limit.Wrap(c, access.Limits, limit.Clock{Now: s.opt.Now, Sleep: s.opt.Sleep, Jitter: s.jitter("limit", m.Name)})
	c = s.traffic.Asked(c)
	c = retry.Wrap(c, s.opt.Retry, s.clock(m.Name), s.opt.Log)
	if s.ledger == nil {
		return c, nil
	}
	return s.ledger.Wrap(ctx, m, c)
}

// paid has calls counted, and made while the budget lasts, as wrap does.
func (s *Set) paid(c llm.Chatter, m llm.Model, wrap func(*budget.Account, llm.Chatter, llm.Model, llm.Price) llm.Chatter) (llm.Chatter, error) {
	c = counted(c, m.Name, s.opt.Log)
	if s.opt.Budget == nil {
		return c, nil
	}
	price := s.opt.Access[m.Name].Paid()
	if price == nil {
		return nil, fault.New(fault.Config, fmt.Errorf("model %s: there is a budget, and no price", m.Name), "set its price in the config; 0 for one that costs nothing")
	}
	return wrap(s.opt.Budget, c, m, *price), nil
}

func (s *Set) clock(model string) retry.Clock {
	return retry.Clock{Sleep: s.opt.Sleep, Jitter: s.jitter("retry", model)}
}

func (s *Set) jitter(path ...string) func() float64 {
	var mu sync.Mutex
	r := seed.New(s.opt.JitterSeed, path...)
	return func() float64 {
		mu.Lock()
		defer mu.Unlock()
		return r.Float64()
	}
}

// Traffic is what the set's models have under way, and the failures so far; a
// sim, which answers at once and never fails, has none.
func (s *Set) Traffic() llm.Traffic {
	now := s.traffic.Now()
	s.waits.Lock()
	defer s.waits.Unlock()
	for _, b := range s.batches {
		now.Batches = now.Batches.Add(b.Waiting())
	}
	return now
}

// Flush writes what the ledger holds so far.
func (s *Set) Flush(ctx context.Context) error {
	if s.ledger == nil {
		return nil
	}
	return s.ledger.Flush(ctx)
}

// Close writes what the ledger still holds, and gives back what the budget does.
// ctx bounds how long that may take.
func (s *Set) Close(ctx context.Context) error {
	defer s.client.CloseIdleConnections()
	s.waits.Lock()
	batches := s.batches
	s.waits.Unlock()
	for _, b := range batches {
		b.Close()
	}
	var errs []error
	if s.ledger != nil {
		errs = append(errs, s.ledger.Close(ctx))
	}
	for _, b := range batches { // now that all is written
		if err := b.CloseWritten(ctx); err != nil {
			s.opt.Log.Warn("batches could not be closed; the next run does it", "error", err)
		}
	}
	if s.opt.Budget != nil {
		// The work is done and kept; what is not given back counts as spent.
		if err := s.opt.Budget.Close(ctx); err != nil {
			s.opt.Log.Warn("what the budget had set aside and was not spent could not be given back", "error", err)
		}
	}
	return errors.Join(errs...)
}
