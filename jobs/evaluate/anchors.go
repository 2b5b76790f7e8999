package evaluate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/trace"
)

// AnchorsFormat is the format of what Anchors writes, which depends on the texts that it sends.
const AnchorsFormat = 1*prompt.Formats + prompt.Version

// anchorsInput is what the step anchors wrote.
const anchorsInput = "anchors"

// Anchors is the job anchors: the judge rules on rows that people labelled, which it is
// not shown the labels of. It writes anchors.json (metrics.Anchors), rows.jsonl,
// failures.jsonl and calls.jsonl.
func Anchors(ctx context.Context, t *job.Task) error {
	var params plan.Anchors
	if err := t.Params(&params); err != nil {
		return err
	}
	if params.Judge.Model == nil {
		return errors.New("anchors: the judge has no model")
	}
	drawn, err := drawAnchors(ctx, t, params)
	if err != nil {
		return err
	}
	t.Plan(len(drawn))
	a := &anchoring{task: t, params: params, rows: drawn, ends: make([]anchored, len(drawn))}
	if err := a.judge(ctx); err != nil {
		return fmt.Errorf("judge: %w", err)
	}
	return a.write()
}

// drawAnchors draws rows that can be used, in the order of their files.
func drawAnchors(ctx context.Context, t *job.Task, params plan.Anchors) (drawn []trace.RewardRow, err error) {
	files, err := t.Files(params.Data.Input)
	if err != nil {
		return nil, err
	}
	var usable []trace.RewardRow
	err = trace.ReadRewardData(ctx, files, params.Data.Path, func(r trace.RewardRow) error {
		if r.Cause == "" {
			usable = append(usable, r)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("input %s: %w", params.Data.Input, err)
	}
	if len(usable) == 0 {
		return nil, fmt.Errorf("input %s: no row that people labelled can be used", params.Data)
	}
	places := t.Rand("draw").Perm(len(usable))
	places = places[:min(params.Rows, len(usable))]
	slices.Sort(places)
	for _, i := range places {
		drawn = append(drawn, usable[i])
	}
	return drawn, nil
}

// An anchoring is a judge's pass over anchors.
type anchoring struct {
	task   *job.Task
	params plan.Anchors
	rows   []trace.RewardRow
	ends   []anchored
	heard  heard
}

// An anchored is how an anchor fared.
type anchored struct {
	verdict *bool // nil: there is none
	failure *rows.Failure
	calls   []rows.Call
}

// judge rules on all rows, as many at once as may be in flight.
func (a *anchoring) judge(ctx context.Context) error {
	chat, err := a.task.Chat(ctx, "judge", *a.params.Judge.Model)
	if err != nil {
		return err
	}
	chat = a.heard.of(a.params.Judge.Model, chat)
	patience := a.task.Patience(len(a.rows))
	schema := prompt.JudgeSchema()
	group, asking := errgroup.WithContext(ctx)
	group.SetLimit(max(1, a.task.InFlight))
	for i := range a.rows {
		group.Go(func() error {
			if err := asking.Err(); err != nil {
				return err
			}
			cause, err := a.ask(asking, chat, schema, i)
			if err != nil && cause == "" {
				return fmt.Errorf("%s: %w", a.rows[i].ID, err)
			}
			a.task.Done(a.row(i).State)
			return patience.Ended(i, a.rows[i].ID, cause, err)
		})
	}
	return group.Wait()
}

// ask has the judge rule on one row. An error that ends the row alone comes with its cause.
func (a *anchoring) ask(ctx context.Context, chat llm.Chatter, schema *llm.Schema, i int) (cause string, err error) {
	row, end := &a.rows[i], &a.ends[i]
	ctx, asked := job.Asking(ctx)
	defer func() { end.calls = asked.Calls(0) }()
	v, err := llm.Ask(ctx, chat, &llm.Request{
		Messages: prompt.JudgeMessages(a.params.Judge.Prompt, row.Judged.History, row.Judged.Task), Schema: schema,
		Seed: a.task.Rand("judge", row.ID).Uint64N(1 << 53),
	}, a.params.Repairs, (*prompt.Verdict).Check)
	if err == nil {
		end.verdict = v.Accepted
		return "", nil
	}
	if cause = unusable(err, causeJudge, causeJudgeCall, causeJudgeSilent); cause != "" {
		end.failure = &rows.Failure{ID: row.ID, Role: "judge", Cause: cause, Detail: err.Error()}
		if m, ok := errors.AsType[*llm.Malformed](err); ok {
			end.failure.Raw = m.Raw
		}
	}
	return cause, err
}

func (a *anchoring) row(i int) rows.Row {
	r := rows.Row{Stage: string(a.task.Step.Name), ID: a.rows[i].ID, State: rows.Accepted, Yields: 1}
	if f := a.ends[i].failure; f != nil {
		r.State, r.Cause, r.Yields = rows.Failed, f.Cause, 0
	}
	return r
}

func (a *anchoring) write() error {
	failures, calls, ledger := a.task.Create(plan.FailuresOutput, job.JSONL), a.task.Create(plan.CallsOutput, job.JSONL), a.task.Ledger()
	sum := metrics.Anchors{JudgedBy: a.heard.list()}
	for i, end := range a.ends {
		if end.failure != nil {
			if err := failures.Row(end.failure); err != nil {
				return err
			}
		}
		if err := calls.WriteCalls(a.rows[i].ID, end.calls); err != nil {
			return err
		}
		if err := ledger.Add(a.row(i)); err != nil {
			return err
		}
		if end.verdict == nil {
			sum.Unjudged++
			continue
		}
		sum.Rows++
		if *end.verdict {
			sum.Accepted++
		}
		if *end.verdict == a.rows[i].Judged.Accepted {
			sum.Agreed++
		}
	}
	return a.task.WriteJSON(plan.AnchorsOutput, sum)
}

// watched adds what nights are watched by.
func watched(ctx context.Context, t *job.Task, params plan.Evaluate, e *metrics.Evaluation) error {
	e.Frozen = params.Frozen
	if !t.Has(anchorsInput) {
		return nil
	}
	e.Anchors = new(metrics.Anchors)
	return t.ReadJSON(ctx, anchorsInput, e.Anchors)
}
