package finetuneexport

import (
	"context"
	"slices"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/trace"
)

// A benchmark is the events that the experiment evaluates candidates on. None
// of them may be in what a candidate is trained on.
type benchmark struct {
	traces int
	events map[trace.Event]bool
}

// readBenchmark reads what the step predict evaluates on; from is nil when nothing is.
func readBenchmark(ctx context.Context, t *job.Task, from *plan.File) (*benchmark, error) {
	b := &benchmark{events: map[trace.Event]bool{}}
	if from == nil {
		return b, nil
	}
	traces, err := t.Benchmark(ctx, *from)
	if err != nil {
		return nil, err
	}
	b.traces = len(traces)
	for _, t := range traces {
		for _, turn := range t.Turns {
			b.events[turn.Event] = true
		}
	}
	return b, nil
}

// from returns the first turn with an event of the benchmark, which the
// histories of all later turns have too; the number of turns if there is none.
func (b *benchmark) from(turns []trace.Turn) int {
	if i := slices.IndexFunc(turns, func(t trace.Turn) bool { return b.events[t.Event] }); i >= 0 {
		return i
	}
	return len(turns)
}
