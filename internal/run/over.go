package run

import (
	"context"
	"errors"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// TakeOver records what one run finished in another of the same plan, so that a
// run that was to do all its work anew is also not done twice.
func (r Registry) TakeOver(ctx context.Context, p *plan.Plan, from, to store.RunID) error {
	for i := range p.Steps {
		err := store.SideBySide(ctx, p.Steps[i].Shards, func(shard int) error {
			rec, err := r.ReadStep(ctx, from, p.Steps[i].Name, shard)
			if errors.Is(err, store.ErrNotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			rec.Run, rec.Reused, rec.Started, rec.Finished = to, true, r.stamp(), r.stamp()
			return r.CommitStep(ctx, rec)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
