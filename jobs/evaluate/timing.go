package evaluate

import (
	"context"
	"fmt"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/text"
	"github.com/gymline/gymline/internal/timing"
	"github.com/gymline/gymline/internal/trace"
)

// readNeeds reads when people wanted help; nil where the experiment names no such labels.
func readNeeds(ctx context.Context, t *job.Task, params plan.Evaluate) (*trace.Needs, error) {
	if params.Need == nil {
		return nil, nil
	}
	files, err := t.Files(params.Need.Input)
	if err != nil {
		return nil, err
	}
	needs, err := trace.ReadNeeds(ctx, files, params.Need.Path)
	if err != nil {
		return nil, fmt.Errorf("input %s: %w", *params.Need, err)
	}
	return needs, nil
}

// time counts when a trace's offers came.
func (r *result) time(tr *trace.Trace, needs *trace.Needs) error {
	events := make([]timing.Event, len(tr.Turns))
	for i, need := range needs.Along(tr) {
		turn, e := &tr.Turns[i], &events[i]
		var err error
		if e.Seconds, _, err = trace.ParseTime(turn.Event.Time); err != nil {
			return fmt.Errorf("%s: %w", trace.TurnID(tr.ID, i), err)
		}
		switch {
		case need == nil:
		case *need:
			e.Need = timing.Wanted
		default:
			e.Need = timing.Unwanted
		}
		if len(turn.Proposals) > 0 {
			e.Offered, e.Task = true, turn.Proposals[0]
		}
	}
	r.timings = append(r.timings, timing.Of(events))
	return nil
}

// timings are those of all repeats.
func (a answers) timings() (list metrics.Timings) {
	for i := range a {
		list = append(list, a[i].timings)
	}
	return list
}

// timings scores candidates by when they offer, where people said when help was wanted.
func timings(t *job.Task, params plan.Evaluate, candidates []answers, needs *trace.Needs, e *metrics.Evaluation) {
	if needs == nil {
		return
	}
	of := metrics.NewTiming(candidates[0].timings(), params.Confidence)
	if of.Events == 0 {
		e.Warnings = append(e.Warnings, fmt.Sprintf("%s says of no event of the benchmark whether help was wanted, so nothing is said of timing", *params.Need))
		return
	}
	of.Disputed = needs.Disputed
	e.Timing = of
	level := 1 - params.Confidence
	rounds := metrics.Rounds(params.Resamples, len(candidates), level)
	list := make([]*metrics.CandidateTiming, len(candidates))
	for i, a := range candidates {
		list[i] = metrics.TimingOf(t.Rand("always", a[0].name), a.timings(), rounds, params.Confidence)
		e.Candidates[i].Timing = list[i]
	}
	metrics.Judge(list, level)
	e.Warnings = append(e.Warnings, aboutTiming(e, of, level)...)
}

// aboutTiming says what the labels leave open.
func aboutTiming(e *metrics.Evaluation, of *metrics.Timing, level float64) (list []string) {
	if all := e.Events + e.Unjudged; of.Events < all {
		list = append(list, fmt.Sprintf("people said of %d of %d events whether help was wanted: timing is of those", of.Events, all))
	}
	if of.Disputed > 0 {
		list = append(list, fmt.Sprintf("of %s people's rows contradict one another on whether help was wanted: such a past says nothing", text.Plural(of.Disputed, "past")))
	}
	if least := metrics.SmallestHolm(len(e.Candidates), of.Traces); least > level {
		list = append(list, fmt.Sprintf("%s cannot tell the timing of %s from offering after every event: the smallest p that they can come to is %.3g, above %.3g; compare fewer candidates, or take more traces",
			text.Plural(of.Traces, "trace"), text.Plural(len(e.Candidates), "candidate"), least, metrics.Round(level, 6)))
	}
	return list
}
