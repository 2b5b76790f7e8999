// Package run is the life of a run: how it opens, works, fails and ends, and how
// it stands. What it keeps is in the store, so that every process sees the same.
package run

import (
	"context"
	"errors"

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

// LookAhead finds what the store already has of a plan, by step and shard. tree
// returns the files of a named input.
func LookAhead(ctx context.Context, st *store.Store, p *plan.Plan, tree func(string) (*store.TreeFS, error)) ([]Planned, error) {
	known := map[store.StepName][]store.Step{}
	var shards []Planned
	for i := range p.Steps {
		step := &p.Steps[i]
		for shard := range step.Shards {
			row := Planned{Step: step.Name, Shard: shard}
			reads, err := job.Resolve(step, shard, func(name store.StepName) ([]store.Step, error) {
				if len(known[name]) < p.Step(name).Shards {
					return nil, store.ErrNotFound
				}
				return known[name], nil
			}, tree)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return nil, err
			}
			if err == nil {
				if row.WorkKey, err = step.WorkKey(p.Seed, shard, reads.Resolved); err != nil {
					return nil, err
				}
				memo, err := job.Memo(ctx, st, row.WorkKey)
				if err != nil {
					return nil, err
				}
				if memo != nil {
					row.Reused = true
					known[step.Name] = append(known[step.Name], *memo)
				}
			}
			shards = append(shards, row)
		}
	}
	return shards, nil
}
