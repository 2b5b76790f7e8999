package evaluate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/trace"
)

// A judge gives the verdict on proposal k of a turn, or on silence when task is
// nil. It is safe for concurrent use and depends on its arguments alone. The
// error may be errNoVerdict.
type judge func(ctx context.Context, i, j, k int, history []trace.Event, task *string) (*trace.Judgement, error)

var errNoVerdict = errors.New("no recorded verdict")

// judgeAll judges every turn, as many at once as may be in flight.
func (p *prediction) judgeAll(ctx context.Context) error {
	by, err := p.newJudge(ctx)
	if err != nil {
		return err
	}
	patience := p.task.Patience(p.events)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, p.task.InFlight))
	for i := range p.traces {
		history := make([]trace.Event, len(p.traces[i].Turns))
		for j := range history {
			history[j] = p.traces[i].Turns[j].Event
		}
		for j := range history {
			group.Go(func() error {
				if err := ctx.Err(); err != nil {
					return err
				}
				cause, err := p.judgeTurn(ctx, by, i, j, history[:j+1:j+1])
				if err != nil && cause == "" {
					return fmt.Errorf("%s: judge: %w", trace.TurnID(p.traces[i].ID, j), err)
				}
				p.task.Done(p.row(i, j).State)
				return patience.Ended(p.first[i]+j, p.id(i, j), cause, err)
			})
		}
	}
	return group.Wait()
}

// judgeTurn accepts a turn when the judge accepts any of its proposals, and
// names the first such. Otherwise the verdict is that of the proposal which
// scored highest, the first of equals. An error that ends the row alone comes
// with its cause.
func (p *prediction) judgeTurn(ctx context.Context, by judge, i, j int, history []trace.Event) (cause string, err error) {
	ctx, asked := job.Asking(ctx)
	defer func() { p.ends[i][j].calls = append(p.ends[i][j].calls, asked.Calls(0)...) }()
	turn := &p.traces[i].Turns[j]
	tasks := []*string{nil}
	if len(turn.Proposals) > 0 {
		tasks = nil
		for k := range turn.Proposals {
			tasks = append(tasks, &turn.Proposals[k])
		}
	}
	var result *trace.Judgement
	for k, task := range tasks {
		now, err := by(ctx, i, j, k, history, task)
		if errors.Is(err, errNoVerdict) {
			p.ends[i][j].failed = causeNoVerdict // left out on purpose, so it did not fail
			return "", nil
		}
		if err != nil {
			if cause = unusable(err, causeJudge, causeJudgeCall, causeJudgeSilent); cause != "" {
				p.fail(i, j, "judge", cause, err)
			}
			return cause, err
		}
		if now.Accepted && task != nil {
			now.Task = &k
		}
		if result == nil || now.Accepted || score(now) > score(result) {
			result = now
		}
		if now.Accepted {
			break
		}
	}
	turn.Judgement = result
	return "", nil
}

func score(j *trace.Judgement) float64 {
	if j.Score == nil {
		return 0
	}
	return *j.Score
}

func (p *prediction) newJudge(ctx context.Context) (judge, error) {
	switch p.params.Judge.Kind {
	case plan.JudgeLLM:
		return p.languageModel(ctx)
	case plan.JudgeRecorded:
		return p.published()
	case plan.JudgeRewardModel:
		return p.rewardModel(ctx)
	}
	return nil, fmt.Errorf("unknown judge %q", p.params.Judge.Kind)
}

// languageModel judges by the paper's rule.
func (p *prediction) languageModel(ctx context.Context) (judge, error) {
	if p.params.Judge.Model == nil {
		return nil, errors.New("the judge has no model")
	}
	chat, err := p.task.Chat(ctx, "judge", *p.params.Judge.Model)
	if err != nil {
		return nil, fmt.Errorf("judge: %w", err)
	}
	p.simulated = p.simulated || p.params.Judge.Model.Simulated()
	schema := prompt.JudgeSchema()
	return func(ctx context.Context, i, j, k int, history []trace.Event, task *string) (*trace.Judgement, error) {
		v, err := llm.Ask(ctx, p.judged[i].of(p.params.Judge.Model, chat), &llm.Request{
			Messages: prompt.JudgeMessages(p.params.Judge.Prompt, history, task), Schema: schema, Seed: p.seed("judge", i, j, strconv.Itoa(k)),
		}, p.params.Repairs, (*prompt.Verdict).Check)
		if err != nil {
			return nil, err
		}
		return &trace.Judgement{Accepted: *v.Accepted, Reason: v.Reason}, nil
	}, nil
}

// published takes the verdicts beside the recorded answers.
func (p *prediction) published() (judge, error) {
	judged := func(a trace.Answer) bool { return a.Verdicts != nil }
	if !slices.ContainsFunc(p.recorded, func(answers []trace.Answer) bool { return slices.ContainsFunc(answers, judged) }) {
		return nil, fault.New(fault.Permanent, errors.New("the judge is recorded, and no recorded answer has a judgement beside it"),
			"put a judgement list beside each agent_response, or let the reward model or a language model judge")
	}
	return func(_ context.Context, i, j, k int, _ []trace.Event, _ *string) (*trace.Judgement, error) {
		a := p.recorded[i][j]
		if a.Verdicts == nil {
			return nil, errNoVerdict
		}
		return &trace.Judgement{Accepted: a.Verdicts[k].Accepted, Reason: a.Verdicts[k].Reason}, nil
	}, nil
}
