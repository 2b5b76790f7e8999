package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/batch"
	"github.com/gymline/gymline/internal/llm/budget"
	"github.com/gymline/gymline/internal/llm/ledger"
	"github.com/gymline/gymline/internal/llm/openai"
	"github.com/gymline/gymline/internal/llm/retry"
)

// batched is a model that is asked in batches.
func (s *Set) batched(ctx context.Context, m llm.Model) (llm.Chatter, error) {
	api, opt, err := s.batching(m)
	if err != nil {
		return nil, err
	}
	b, err := batch.New(ctx, api, opt)
	if err != nil {
		return nil, err
	}
	s.waits.Lock()
	s.batches = append(s.batches, b)
	s.waits.Unlock()
	c, err := s.paid(b, m, (*budget.Account).WrapBatched)
	if err != nil {
		return nil, err
	}
	return s.ledger.Wrap(ctx, m, batch.Anew(c))
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
	shown, err := s.shown(m, access)
	if err != nil {
		return nil, batch.Options{}, err
	}
	api, err := openai.NewBatches(m, shown, s.client)
	if err != nil {
		return nil, batch.Options{}, err
	}
	keyOf, prefix, err := ledger.Keys(m)
	return api, batch.Options{
		Batching: *access.Batch, Model: m.Name, Bucket: s.opt.Bucket, Prefix: prefix, Key: keyOf,
		Written: func(ctx context.Context, keys []llm.Key, since time.Time) (bool, error) {
			return s.ledger.Written(ctx, m, keys, since)
		},
		Retry: retry.Caller(s.opt.Retry, s.clock(m.Name), s.opt.Log), Now: s.opt.Now, Log: s.opt.Log,
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
