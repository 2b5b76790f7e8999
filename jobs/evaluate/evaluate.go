package evaluate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/trace"
)

// judgedInput is what predict's shards wrote.
const judgedInput = "judged"

// Run is the job evaluate: it scores all candidates on the same judged events,
// compares every pair, and writes metrics.json (metrics.Evaluation).
func Run(ctx context.Context, t *job.Task) error {
	var params plan.Evaluate
	if err := t.Params(&params); err != nil {
		return err
	}
	needs, err := readNeeds(ctx, t, params)
	if err != nil {
		return err
	}
	answers, err := readJudged(ctx, t, params.Candidates, needs)
	if err != nil {
		return err
	}
	if err := sameEvents(answers); err != nil {
		return fault.New(fault.Permanent, err,
			"let a judge score every event (the reward model or a language model), or evaluate these candidates apart")
	}
	t.Plan(len(answers))
	e := evaluation(t, params, answers)
	timings(t, params, answers, needs, &e)
	if err := watched(ctx, t, params, &e); err != nil {
		return err
	}
	return t.WriteJSON(plan.MetricsOutput, e)
}

// readJudged returns the candidates' answers in the order of names, with when they offered
// where there are needs.
func readJudged(ctx context.Context, t *job.Task, names []string, needs *trace.Needs) ([]answers, error) {
	if len(names) == 0 {
		return nil, errors.New("evaluate: no candidates")
	}
	list := make([]answers, len(names))
	for i, name := range names {
		list[i] = answers{{name: name}}
	}
	err := job.Each(ctx, t, judgedInput, func(n int, line *trace.JudgedTrace) error {
		i := slices.Index(names, line.Candidate)
		if i < 0 {
			return fmt.Errorf("input %s:%d: candidate %q is not one of %q", judgedInput, n, line.Candidate, names)
		}
		for len(list[i]) <= line.Repeat {
			list[i] = append(list[i], result{name: fmt.Sprintf("%s, repeat %d", line.Candidate, len(list[i]))})
		}
		list[i][line.Repeat].add(line)
		if needs == nil {
			return nil
		}
		return list[i][line.Repeat].time(&line.Trace, needs)
	})
	return list, err
}
