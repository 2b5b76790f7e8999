package job

import (
	"context"
	"errors"
	"time"

	"github.com/gymline/gymline/internal/store"
)

// A Planned is one shard of a plan, as far as it is known before a run.
type Planned struct {
	Step    store.StepName `json:"step"`
	Shard   int            `json:"shard"`
	WorkKey store.WorkKey  `json:"workKey,omitempty"` // "" until the steps before it have run
	Reused  bool           `json:"reused"`            // its work is in the store
	By      store.RunID    `json:"by,omitempty"`      // the run that did it
	// Outputs are what it made, where it is reused.
	Outputs []store.Artifact `json:"-"`
}

// Ahead finds what the store already has of a plan, by step and shard, and
// remembers it for Settle. No run needs to be open yet.
func (o *Opened) Ahead(ctx context.Context) ([]Planned, error) {
	var planned []Planned
	for i := range o.Plan.Steps {
		step := &o.Plan.Steps[i]
		var keys []store.WorkKey
		rows := make([]Planned, step.Shards)
		for shard := range rows {
			rec, _, err := o.pin(ctx, step, shard, time.Time{})
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return nil, err
			}
			if rows[shard] = (Planned{Step: step.Name, Shard: shard, WorkKey: rec.WorkKey}); rec.WorkKey != "" {
				keys = append(keys, rec.WorkKey)
			}
		}
		memos, err := o.find(ctx, keys)
		if err != nil {
			return nil, err
		}
		var known []store.Step
		for shard := range rows {
			if memo := o.usable(step.Name, memos[rows[shard].WorkKey]); memo != nil {
				rows[shard].Reused, rows[shard].By, rows[shard].Outputs = true, memo.Run, memo.Outputs
				known = append(known, *memo)
			}
		}
		if len(known) == step.Shards {
			o.keep(step.Name, known)
		}
		planned = append(planned, rows...)
	}
	return planned, nil
}
