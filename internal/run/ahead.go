package run

import (
	"context"
	"errors"
	"maps"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// A Planned is one shard of a plan, as far as it is known before a run.
type Planned struct {
	Step    store.StepName `json:"step"`
	Shard   int            `json:"shard"`
	WorkKey store.WorkKey  `json:"workKey,omitempty"` // "" until the steps before it have run
	Reused  bool           `json:"reused"`            // its work is in the store
}

// LookAhead finds what the store already has of a plan, by step and shard, and the
// records that say so.
func LookAhead(ctx context.Context, st *store.Store, p *plan.Plan, inputs *job.Inputs) ([]Planned, job.Memos, error) {
	known, memos := map[store.StepName][]store.Step{}, job.Memos{}
	done := func(_ context.Context, name store.StepName) ([]store.Step, error) {
		if len(known[name]) < p.Step(name).Shards {
			return nil, store.ErrNotFound
		}
		return known[name], nil
	}
	var shards []Planned
	for i := range p.Steps {
		step := &p.Steps[i]
		rows := make([]Planned, step.Shards)
		var keys []store.WorkKey
		for shard := range rows {
			rows[shard] = Planned{Step: step.Name, Shard: shard}
			reads, err := job.Resolve(ctx, step, shard, done, inputs)
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err == nil {
				rows[shard].WorkKey, err = step.WorkKey(p.Seed, shard, reads.Resolved)
			}
			if err != nil {
				return nil, nil, err
			}
			keys = append(keys, rows[shard].WorkKey)
		}
		found, err := job.FindMemos(ctx, st, keys...)
		if err != nil {
			return nil, nil, err
		}
		maps.Copy(memos, found)
		for shard := range rows {
			if memo := memos[rows[shard].WorkKey]; memo != nil {
				rows[shard].Reused = true
				known[step.Name] = append(known[step.Name], *memo)
			}
		}
		shards = append(shards, rows...)
	}
	return shards, memos, nil
}
