package origin

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/trace"
)

// mostShards is of how many shards of the gym it is read who answered.
const mostShards = 500

// answered is what providers named beside the gym's answers, by role, of shards that are done.
func answered(ctx context.Context, st *store.Store, id store.RunID, p *plan.Plan) (map[string][]string, error) {
	step := p.Step(plan.JobGenerate)
	if step == nil {
		return nil, nil
	}
	parts := make([]trace.Stats, min(step.Shards, mostShards))
	err := store.SideBySide(ctx, len(parts), func(i int) error {
		rec, err := run.Record(ctx, st, id, step.Name, i)
		if err != nil || rec == nil {
			return err
		}
		a, err := rec.Output(plan.StatsOutput)
		if err != nil {
			return err
		}
		data, err := st.ReadBlob(ctx, a.Digest)
		if err != nil {
			return err
		}
		return json.Unmarshal(data, &parts[i])
	})
	if err != nil {
		return nil, fmt.Errorf("step %s: %w", step.Name, err)
	}
	var all trace.Stats
	for i := range parts {
		all.Merge(&parts[i])
	}
	return all.AnsweredBy, nil
}
