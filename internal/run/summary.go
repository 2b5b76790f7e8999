package run

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"time"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
)

// A Summary is what a run came to, so small that its seal has it: a list of a year of
// runs reads two records of each. All of it follows from the run's other records.
type Summary struct {
	AsOf  string  `json:"asOf,omitempty"` // the occasion that models were asked anew as of
	Calls int64   `json:"calls"`          // of this run, and not of work that it reused
	USD   float64 `json:"usd"`            // of the same, where models have prices
	// Uncounted tells that calls and dollars are not known: the shards are too many.
	Uncounted bool `json:"uncounted,omitempty"`
	// Scores are of evaluate's metrics.json; nil where it was not done.
	Scores *Scores `json:"scores,omitempty"`
}

// Scores are the heads of a metrics.Evaluation.
type Scores struct {
	Metrics    store.Digest `json:"metrics"` // of metrics.json
	Simulated  bool         `json:"simulated,omitempty"`
	Judge      string       `json:"judge"`
	JudgeModel string       `json:"judgeModel,omitempty"`
	JudgedBy   []string     `json:"judgedBy,omitempty"`
	// JudgePrompt is the text that it judged by, where it is the experiment's own.
	JudgePrompt *plan.PromptName `json:"judgePrompt,omitempty"`
	Traces      int              `json:"traces"`
	Events      int              `json:"events"`
	Confidence  float64          `json:"confidence"`
	Candidates  []Scored         `json:"candidates"` // as the experiment lists them
	// Watched is what drift is found by; nil where the experiment watches for none.
	Watched *Watched `json:"watched,omitempty"`
}

// Scored is a candidate's head.
type Scored struct {
	Name       string      `json:"name"`
	F1         float64     `json:"f1"`
	F1CI       *[2]float64 `json:"f1CI,omitempty"`
	F1SD       *float64    `json:"f1SD,omitempty"` // between repeats; nil of one that answered once
	Recall     float64     `json:"recall"`
	Precision  float64     `json:"precision"`
	AnsweredBy []string    `json:"answeredBy,omitempty"`
	// Prompt is the text that it was asked with, where it is the experiment's own.
	Prompt    *plan.PromptName `json:"prompt,omitempty"`
	Simulated bool             `json:"simulated,omitempty"`
}

// ScoresOf are the heads of an evaluation, whose metrics.json has that digest.
func ScoresOf(e *metrics.Evaluation, digest store.Digest) *Scores {
	s := &Scores{Metrics: digest, Simulated: e.Simulated, Judge: e.Judge, JudgeModel: e.JudgeModel, JudgedBy: e.JudgedBy, JudgePrompt: e.JudgePrompt,
		Traces: e.Traces, Events: e.Events, Confidence: e.Confidence}
	for _, c := range e.Candidates {
		scored := Scored{Name: c.Name, F1: c.F1, F1CI: c.F1CI, Recall: c.Recall, Precision: c.Precision, AnsweredBy: c.AnsweredBy, Prompt: c.Prompt, Simulated: c.Simulated}
		if c.Repetition != nil {
			scored.F1SD = &c.F1SD
		}
		s.Candidates = append(s.Candidates, scored)
	}
	return s
}

const (
	// countWithin bounds what a seal waits for the sum of its shards' calls.
	countWithin = 4 * time.Second
	// mostCounted is of how many shards calls are summed up where the seal did not.
	mostCounted = 500
)

// summary is what the seal of a run says of it, nil where it is not known: it is a help to
// lists, and a run without one is read in full.
func (r Registry) summary(ctx context.Context, st *store.Store, id store.RunID) json.RawMessage {
	ctx, cancel := context.WithTimeout(ctx, 2*countWithin)
	defer cancel()
	s, err := summaryOf(ctx, st, id, math.MaxInt, countWithin)
	if err != nil {
		return nil
	}
	data, err := json.Marshal(s)
	if err != nil {
		return nil
	}
	return data
}

// summaryIn is a seal's; one that cannot be decoded is none.
func summaryIn(seal store.Seal) *Summary {
	var s Summary
	if len(seal.Summary) == 0 || json.Unmarshal(seal.Summary, &s) != nil {
		return nil
	}
	return &s
}

// Summarized is a head's summary, found out where the seal has none; nil where the
// records that it follows from cannot be read.
func Summarized(ctx context.Context, st *store.Store, h Head) (*Summary, error) {
	if h.Summary != nil || h.State == Unreadable {
		return h.Summary, nil
	}
	s, err := SummaryOf(ctx, st, h.ID)
	if e, ok := errors.AsType[*store.Error](err); err != nil && (ctx.Err() != nil || ok && e.Kind == store.Transient) {
		return nil, err
	}
	if err != nil {
		return nil, nil
	}
	return s, nil
}

// SummaryOf sums a run up from its records, of those shards that call models, and of
// evaluate. A run that has no plan came to nothing.
func SummaryOf(ctx context.Context, st *store.Store, id store.RunID) (*Summary, error) {
	return summaryOf(ctx, st, id, mostCounted, 0)
}

// summaryOf counts the calls of so many shards at most, within a time; 0 is any.
func summaryOf(ctx context.Context, st *store.Store, id store.RunID, most int, within time.Duration) (*Summary, error) {
	p, err := ReadPlan(ctx, st, id)
	if errors.Is(err, store.ErrNotFound) {
		return &Summary{}, nil
	}
	if err != nil {
		return nil, err
	}
	s := &Summary{}
	if p.Anew != nil {
		s.AsOf = p.Anew.AsOf
	}
	if p.Step(plan.JobEvaluate) != nil {
		if s.Scores, err = scores(ctx, st, id, p); err != nil {
			return nil, err
		}
	}
	type shard struct {
		step  store.StepName
		shard int
	}
	var asking []shard
	for i := range p.Steps {
		for n := range p.Steps[i].Shards {
			if len(p.Steps[i].Of(n).Models) > 0 {
				asking = append(asking, shard{p.Steps[i].Name, n})
			}
		}
	}
	if len(asking) > most {
		s.Uncounted = true
		return s, nil
	}
	counting := ctx
	if within > 0 {
		var cancel context.CancelFunc
		counting, cancel = context.WithTimeout(ctx, within)
		defer cancel()
	}
	used := make([]llm.Usage, len(asking)+1)
	err = store.SideBySide(counting, len(used), func(i int) (err error) {
		if i == len(asking) {
			used[i], err = usedInVain(counting, st, id)
		} else {
			used[i], err = usedBy(counting, st, id, asking[i].step, asking[i].shard)
		}
		return err
	})
	if err != nil && counting.Err() != nil && ctx.Err() == nil { // it took too long
		s.Uncounted = true
		return s, nil
	}
	for _, u := range used {
		s.Calls, s.USD = s.Calls+u.Calls, s.USD+u.USD
	}
	return s, err
}

// usedBy is what a shard used of this run, which is nothing where it was reused.
func usedBy(ctx context.Context, st *store.Store, id store.RunID, step store.StepName, shard int) (used llm.Usage, err error) {
	rec, err := Record(ctx, st, id, step, shard)
	if err != nil || rec == nil || rec.Reused || len(rec.Usage) == 0 {
		return used, err
	}
	return used, json.Unmarshal(rec.Usage, &used)
}

// usedInVain is what the last attempts of shards that failed used.
func usedInVain(ctx context.Context, st *store.Store, id store.RunID) (sum llm.Usage, err error) {
	list, err := st.Failures(ctx, id)
	for _, f := range list {
		var e progress.Event
		if len(f.Progress) > 0 && json.Unmarshal(f.Progress, &e) == nil && e.Usage != nil {
			sum = sum.Add(*e.Usage)
		}
	}
	return sum, err
}

// scores are those of a run, nil where evaluate was not done.
func scores(ctx context.Context, st *store.Store, id store.RunID, p *plan.Plan) (*Scores, error) {
	rec, err := Record(ctx, st, id, plan.JobEvaluate, 0)
	if err != nil || rec == nil {
		return nil, err
	}
	a, err := rec.Output(plan.MetricsOutput)
	if err != nil {
		return nil, err
	}
	data, err := st.ReadBlob(ctx, a.Digest)
	if err != nil {
		return nil, err
	}
	var e metrics.Evaluation
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, err
	}
	s := ScoresOf(&e, a.Digest)
	s.Watched, err = watched(ctx, st, id, p, &e)
	return s, err
}
