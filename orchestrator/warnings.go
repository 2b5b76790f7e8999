package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/trace"
)

// servedWarnings say which servers of trained models said what their checkpoints do not.
func servedWarnings(ctx context.Context, st *store.Store, p *plan.Plan, id store.RunID) (list []string, err error) {
	step := p.Step(plan.JobPredict)
	if step == nil {
		return nil, nil
	}
	for shard := range step.Each {
		if step.Each[shard].Also == nil { // no checkpoint's
			continue
		}
		rec, err := run.Record(ctx, st, id, step.Name, shard)
		if err != nil {
			return nil, err
		}
		var used llm.UsageByRole
		if rec == nil || json.Unmarshal(rec.Usage, &used) != nil || used.Served == nil || used.Served.Differs == nil {
			continue
		}
		list = append(list, fmt.Sprintf("the server of %s may not serve the checkpoint: %s", used.Served.Model, strings.Join(used.Served.Differs, ", ")))
	}
	return list, nil
}

// gymWarnings say which models of a run's gym were not the same all the time.
func gymWarnings(ctx context.Context, st *store.Store, p *plan.Plan, id store.RunID) ([]string, error) {
	if p.Step(plan.JobGenerate) == nil || p.Step(plan.JobReport) == nil {
		return nil, nil
	}
	var all trace.Stats
	err := run.ReadOutput(ctx, st, id, plan.JobReport, plan.GymOutput, &all)
	return all.Warnings(), err
}
