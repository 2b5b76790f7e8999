// Package evaluate is the jobs predict and evaluate: a candidate answers every
// benchmark event and each answer is judged; then all candidates are scored on
// the same events and compared.
package evaluate

import (
	"context"
	"errors"
	"fmt"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/rewardmodel"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/trace"
)

// The formats of the two jobs' outputs; raising one invalidates its memo. What
// predict writes depends on the texts that it sends.
const (
	PredictFormat = 24*prompt.Formats + prompt.Version
	Format        = 4
)

// Causes in predict's row ledger.
const (
	causeUnanswered  = "no recorded answer: counted as silence"
	causeOddEntry    = "recorded entry of an unexpected shape: counted as silence"
	causeMalformed   = "malformed answer: counted as silence"
	causeRefused     = "the model's provider refused the request: counted as silence"
	causeSilent      = "the model's provider gave no answer: counted as silence"
	causeNoVerdict   = "no recorded verdict: not scored"
	causeJudge       = "malformed verdict: not scored"
	causeJudgeCall   = "the judge's provider refused the request: not scored"
	causeJudgeSilent = "the judge's provider gave no answer: not scored"
)

// Predict is the job predict. A shard is one pass of one candidate; its outputs are
// judged.jsonl (trace.JudgedTrace, in the benchmark's order), rows.jsonl (one
// row an event), failures.jsonl (what could not be used) and calls.jsonl (what
// models were asked for each event).
//
// All answers are made before any is judged: a candidate sees its own earlier
// answers and no verdict on them.
func Predict(ctx context.Context, t *job.Task) error {
	var params plan.Predict
	if err := t.Params(&params); err != nil {
		return err
	}
	benchmark, err := t.Benchmark(ctx, params.Benchmark)
	if err != nil {
		return err
	}
	p := newPrediction(t, params, benchmark)
	t.Plan(p.events)
	switch {
	case p.candidate.Recorded != nil:
		err = p.readAnswers(ctx)
	case p.candidate.Model != nil:
		err = p.ask(ctx)
	default:
		err = errors.New("neither a model nor recorded answers")
	}
	if err != nil {
		return fmt.Errorf("candidate %s: %w", p.candidate.Name, err)
	}
	if err := p.judgeAll(ctx); err != nil {
		return fmt.Errorf("candidate %s: %w", p.candidate.Name, err)
	}
	return p.write()
}

// A prediction is one candidate's pass over the benchmark.
type prediction struct {
	task      *job.Task
	params    plan.Predict
	candidate plan.Candidate
	traces    []trace.Trace    // proposals and judgements are filled in
	recorded  [][]trace.Answer // of a recorded candidate
	ends      [][]end          // by trace and turn
	first     []int            // by trace: the row of its first turn
	answered  []heard          // by trace
	judged    []heard          // by trace
	events    int
	simulated bool
	trained   *rewardmodel.Model // the judge, when it is one
}

// An end is how a turn fared, besides its verdict.
type end struct {
	unanswered bool   // a recorded model has no answer
	failed     string // why a model's answer, or the verdict, could not be used
	unusable   bool   // failed tells of the answer
	failures   []rows.Failure
	calls      []rows.Call
}

// fail keeps what could not be used of a turn.
func (p *prediction) fail(i, j int, role, cause string, err error) {
	f := rows.Failure{ID: p.id(i, j), Role: role, Cause: cause, Detail: err.Error()}
	if m, ok := errors.AsType[*llm.Malformed](err); ok {
		f.Raw = m.Raw
	}
	p.ends[i][j].failed = cause
	p.ends[i][j].failures = append(p.ends[i][j].failures, f)
}

func newPrediction(t *job.Task, params plan.Predict, benchmark []trace.Trace) *prediction {
	p := &prediction{task: t, params: params, candidate: params.Candidate, traces: benchmark}
	for _, b := range benchmark {
		p.ends = append(p.ends, make([]end, len(b.Turns)))
		p.first = append(p.first, p.events)
		p.events += len(b.Turns)
	}
	p.answered, p.judged = make([]heard, len(benchmark)), make([]heard, len(benchmark))
	p.simulated = p.candidate.Model != nil && p.candidate.Model.Simulated()
	return p
}

func (p *prediction) write() error {
	judged, failures, calls := p.task.Create(plan.JudgedOutput, job.JSONL), p.task.Create(plan.FailuresOutput, job.JSONL), p.task.Create(plan.CallsOutput, job.JSONL)
	ledger := p.task.Ledger()
	for i, tr := range p.traces {
		line := trace.JudgedTrace{
			Candidate: p.candidate.Name, Repeat: p.params.Repeat, Simulated: p.simulated, Judge: p.params.Judge.Kind, Trace: tr,
			AnsweredBy: p.answered[i].list(), JudgedBy: p.judged[i].list(),
			Asked: p.candidate.Model.Asked(), JudgeAsked: p.params.Judge.Model.Asked(),
			Prompt: plan.TextDigest(p.candidate.Prompt), JudgePrompt: plan.TextDigest(p.params.Judge.Prompt),
		}
		if m := p.params.Judge.Model; m != nil {
			line.JudgeModel = m.Name
		}
		if p.trained != nil {
			line.Training = training(p.trained, &tr)
		}
		for j, e := range p.ends[i] {
			if e.unanswered {
				line.Unanswered = append(line.Unanswered, j)
			}
			if e.unusable {
				line.Failed = append(line.Failed, j)
			}
			for _, f := range e.failures {
				if err := failures.Row(f); err != nil {
					return err
				}
			}
			if err := calls.WriteCalls(p.id(i, j), e.calls); err != nil {
				return err
			}
			if err := ledger.Add(p.row(i, j)); err != nil {
				return err
			}
		}
		if err := judged.Row(line); err != nil {
			return err
		}
	}
	return nil
}

// training tells what a judge learned from, as far as it concerns a trace.
func training(judge *rewardmodel.Model, tr *trace.Trace) *trace.JudgeTraining {
	of := judge.Training.AcceptedProposals
	t := &trace.JudgeTraining{Proposals: of.Rows, Accepted: of.Label}
	for _, turn := range tr.Turns {
		if judge.Seen(turn.Event) {
			t.Seen++
		}
	}
	return t
}

func (p *prediction) id(i, j int) string {
	return trace.AnswerID(p.candidate.Name, trace.TurnID(p.traces[i].ID, j), p.params.Repeat)
}

// row is an event's row: it yields one event to score if it was judged.
func (p *prediction) row(i, j int) rows.Row {
	e := p.ends[i][j]
	r := rows.Row{Stage: string(p.task.Step.Name), ID: p.id(i, j), State: rows.Accepted, Cause: e.failed}
	if p.traces[i].Turns[j].Judgement != nil {
		r.Yields = 1
	}
	switch {
	case e.failed == causeNoVerdict:
		r.State = rows.Rejected
	case e.failed != "":
		r.State = rows.Failed
	case e.unanswered:
		r.Cause = causeUnanswered
	}
	return r
}
