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

	mu      sync.Mutex
	open    map[string]llm.Chatter // by the model's canonical JSON
	batches []*batch.Batcher
	// limiters are by the model's name in the experiment.
	limiters map[string]*limit.Limiter
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
	s := &Set{opt: opt, client: openai.NewHTTPClient(), open: map[string]llm.Chatter{}, limiters: map[string]*limit.Limiter{}}
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
		return s.opt.Sim(m), nil
	case llm.OpenAI:
	case llm.Recorded:
		return nil, fault.New(fault.Config, fmt.Errorf("model %s: provider %q answers from files and takes no requests", m.Name, m.Provider),
			"use it as an evaluation candidate, or choose another provider")
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
		api, opt, err := s.batching(m)
		if err != nil {
			return nil, err
		}
		b, err := batch.New(ctx, api, opt)
		if err != nil {
			return nil, err
		}
		s.batches = append(s.batches, b)
		c, err := s.paid(b, m)
		if err != nil {
			return nil, err
		}
		return s.ledger.Wrap(ctx, m, c)
	}
	key, err := s.key(m, access.KeyEnv)
	if err != nil {
		return nil, err
	}
	client := *s.client
	client.Timeout = cmp.Or(access.Timeout, client.Timeout)
	c, err := openai.New(m, key, &client)
	if err != nil {
		return nil, err
	}
	c = s.traffic.Wrap(linger.Wrap(c, s.opt.Linger), func(next llm.Chatter) llm.Chatter {
		if next, err = s.paid(next, m); err != nil {
			return nil
		}
		limited := limit.Wrap(next, access.Limits, limit.Clock{Now: s.opt.Now, Sleep: s.opt.Sleep, Jitter: s.jitter("limit", m.Name)})
		s.limiters[m.Name] = limited
		return limited
	})
	if err != nil {
		return nil, err
	}
	c = retry.Wrap(c, s.opt.Retry, s.clock(m.Name), s.opt.Log)
	if s.ledger == nil {
		return c, nil
	}
	return s.ledger.Wrap(ctx, m, c)
}

// paid has calls made while the budget lasts.
func (s *Set) paid(c llm.Chatter, m llm.Model) (llm.Chatter, error) {
	if s.opt.Budget == nil {
		return c, nil
	}
	price := s.opt.Access[m.Name].Paid()
	if price == nil {
		return nil, fault.New(fault.Config, fmt.Errorf("model %s: there is a budget, and no price", m.Name), "set its price in the config; 0 for one that costs nothing")
	}
	return s.opt.Budget.Wrap(c, m, *price), nil
}

// batching is a model's Batch API, and how it is used.
func (s *Set) batching(m llm.Model) (batch.API, batch.Options, error) {
	access := s.opt.Access[m.Name]
	switch {
	case s.ledger == nil:
		return nil, batch.Options{}, fault.New(fault.Config, fmt.Errorf("model %s: batches are written down in a store, and there is none", m.Name), "name a store")
	case access.Batch == nil:
		return nil, batch.Options{}, fault.New(fault.Config, fmt.Errorf("model %s is not asked in batches", m.Name), "add batch."+m.Name+" to the profile")
	}
	key, err := s.key(m, access.KeyEnv)
	if err != nil {
		return nil, batch.Options{}, err
	}
	api, err := openai.NewBatches(m, key, s.client)
	if err != nil {
		return nil, batch.Options{}, err
	}
	keyOf, prefix, err := ledger.Keys(m)
	return api, batch.Options{
		Batch: *access.Batch, Model: m.Name, Bucket: s.opt.Bucket, Prefix: prefix, Key: keyOf,
		Written: func(ctx context.Context, keys []ledger.Key) (bool, error) { return s.ledger.Written(ctx, m, keys) },
		Retry:   retry.Caller(s.opt.Retry, s.clock(m.Name), s.opt.Log), Now: s.opt.Now, Log: s.opt.Log,
	}, err
}

// OpenBatches returns the open batches of a model that is asked in batches.
func (s *Set) OpenBatches(ctx context.Context, m llm.Model) ([]batch.Open, error) {
	api, opt, err := s.batching(m)
	if err != nil {
		return nil, err
	}
	return batch.List(ctx, api, opt)
}

// CancelBatch cancels a batch of a model at its provider.
func (s *Set) CancelBatch(ctx context.Context, m llm.Model, id string) error {
	api, opt, err := s.batching(m)
	if err != nil {
		return err
	}
	return batch.Cancel(ctx, api, opt, id)
}

func (s *Set) clock(model string) retry.Clock {
	return retry.Clock{Sleep: s.opt.Sleep, Jitter: s.jitter("retry", model)}
}

// key reads the model's API key. A model without one, such as a local
// server's, sends none.
func (s *Set) key(m llm.Model, env string) (openai.Key, error) {
	if env == "" {
		return openai.Key{}, nil
	}
	secret := s.opt.Getenv(env)
	if secret == "" {
		return openai.Key{}, fault.New(fault.Config, fmt.Errorf("model %s: the environment variable %s is not set", m.Name, env),
			"set "+env+" to the API key of "+openai.BaseURL(m)+", or remove apiKey if that server needs none")
	}
	return openai.NewKey(secret), nil
}

// Limits returns what was found of the limits of each open model, by its name in
// the experiment. Stand-ins and replays have none.
func (s *Set) Limits() map[string]limit.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string]limit.State, len(s.limiters))
	for name, l := range s.limiters {
		out[name] = l.State()
	}
	return out
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
func (s *Set) Traffic() llm.Traffic { return s.traffic.Now() }

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
	s.mu.Lock()
	batches := s.batches
	s.mu.Unlock()
	for _, b := range batches {
		b.Close()
	}
	var errs []error
	if s.ledger != nil {
		errs = append(errs, s.ledger.Close(ctx))
	}
	for _, b := range batches { // now that all is written
		if err := b.Settle(ctx); err != nil {
			s.opt.Log.Warn("batches could not be closed; the next run does it", "error", err)
		}
	}
	if s.opt.Budget != nil {
		errs = append(errs, s.opt.Budget.Close(ctx))
	}
	return errors.Join(errs...)
}
