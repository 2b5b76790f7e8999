package finetuneexport

import (
	"context"
	"errors"
	"slices"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/leak"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/trace"
)

// openGate reads what the step predict evaluates on: none of its events may be in what a
// candidate is trained on. The gate is nil when nothing is evaluated.
func openGate(ctx context.Context, t *job.Task, p *plan.Export) (*leak.Gate, error) {
	if p.Benchmark == nil {
		return nil, nil
	}
	if p.Leakage <= 0 || p.Leakage > 1 {
		return nil, fault.New(fault.Config, errors.New("finetune-export: the plan does not say from which similarity an event is the benchmark's"), "an older gymline laid it; run the experiment again")
	}
	traces, err := t.Benchmark(ctx, *p.Benchmark)
	if err != nil {
		return nil, err
	}
	return leak.New(traces, p.Leakage), nil
}

// leakFrom returns the first turn whose event is the benchmark's, which the histories of
// all later turns have too; the number of turns if there is none.
func leakFrom(gate *leak.Gate, turns []trace.Turn) int {
	i := slices.IndexFunc(turns, func(t trace.Turn) bool {
		_, found := gate.Find(t.Event.Text)
		return found
	})
	if i < 0 {
		return len(turns)
	}
	return i
}
