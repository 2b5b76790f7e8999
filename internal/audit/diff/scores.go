package diff

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/gymline/gymline/internal/gate"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/trace"
)

// A Score is a candidate's F1 in both runs, and where its answers or verdicts are others
// the test of them on the events that both runs have judged.
type Score struct {
	Candidate string   `json:"candidate"`
	Was       *float64 `json:"was"` // F1 on all events of the run; nil: it has no such candidate
	Is        *float64 `json:"is"`
	Same      bool     `json:"equal,omitempty"` // all answers and verdicts are
	// Common is the comparison on the common events, P the trace randomisation test of it,
	// and PHolm that p-value adjusted for all candidates that are compared here.
	Common *gate.Comparison `json:"common,omitempty"`
	P      *float64         `json:"p,omitempty"`
	PHolm  *float64         `json:"pHolm,omitempty"`
}

// scores compares the candidates of both runs.
func (p *pair) scores(ctx context.Context) error {
	if p.Step != "" && p.Step != plan.JobEvaluate {
		return nil
	}
	was, err := scoresOf(ctx, p.a)
	if err != nil {
		return err
	}
	is, err := scoresOf(ctx, p.b)
	if err != nil || was == nil || is == nil {
		return err
	}
	test := gate.Test{Seed: p.b.Plan.Seed, Resamples: is.Resamples, Confidence: is.Confidence}
	var tested []int
	var chances []float64
	for _, name := range candidates(was, is) {
		s := Score{Candidate: name, Was: f1Of(was, name), Is: f1Of(is, name)}
		a, b := p.judged(p.a, name), p.judged(p.b, name)
		if s.Was != nil && s.Is != nil {
			s.Same = slices.Equal(blobs(a), blobs(b))
		}
		if s.Was != nil && s.Is != nil && !s.Same {
			if s.Common, err = p.common(ctx, name, a, b, test); err != nil {
				return err
			}
		}
		if s.Common != nil && s.Common.Events > 0 {
			chance := s.Common.Chance(test)
			s.P = &chance
			tested, chances = append(tested, len(p.result.Scores)), append(chances, chance)
		}
		if s.Same {
			p.result.Same["scores"]++
		}
		p.result.Scores = append(p.result.Scores, s)
	}
	for i, adjusted := range metrics.Holm(chances) {
		p.result.Scores[tested[i]].PHolm = &adjusted
	}
	if !p.All {
		p.result.Scores = slices.DeleteFunc(p.result.Scores, func(s Score) bool { return s.Same })
	}
	return nil
}

// scoresOf is what evaluate found, nil where it has not.
func scoresOf(ctx context.Context, s *side) (*metrics.Evaluation, error) {
	step := s.step(plan.JobEvaluate)
	if step == nil || step.Shards[0].Record == nil {
		return nil, nil
	}
	e := new(metrics.Evaluation)
	return e, run.ReadOutput(ctx, s.Store, s.ID, plan.JobEvaluate, plan.MetricsOutput, e)
}

// candidates are those of both, as the later one lists them.
func candidates(was, is *metrics.Evaluation) (names []string) {
	for _, e := range []*metrics.Evaluation{is, was} {
		for _, c := range e.Candidates {
			if !slices.Contains(names, c.Name) {
				names = append(names, c.Name)
			}
		}
	}
	return names
}

func f1Of(e *metrics.Evaluation, name string) *float64 {
	for i := range e.Candidates {
		if e.Candidates[i].Name == name {
			return &e.Candidates[i].F1
		}
	}
	return nil
}

// judged are a candidate's judged answers, by repeat.
func (p *pair) judged(s *side, name string) (list []store.Artifact) {
	step := s.step(plan.JobPredict)
	if step == nil {
		return nil
	}
	for shard := range step.Step.Shards {
		var params plan.Predict
		if json.Unmarshal(step.Of(shard).Params, &params) != nil || params.Candidate.Name != name || step.Shards[shard].Record == nil {
			continue
		}
		if a, err := step.Shards[shard].Record.Output(plan.JudgedOutput); err == nil {
			list = append(list, a)
		}
	}
	return list
}

// common compares a candidate's answers on the events that both runs have.
func (p *pair) common(ctx context.Context, name string, a, b []store.Artifact, t gate.Test) (*gate.Comparison, error) {
	var answers [2]gate.Answers
	for i, of := range []struct {
		*side
		list []store.Artifact
	}{{p.a, a}, {p.b, b}} {
		r := of.Concat(ctx, of.list)
		err := job.Decode(r, plan.JudgedOutput, func(_ int, line *trace.JudgedTrace) error { answers[i].Add(line); return nil })
		r.Close()
		if err != nil {
			return nil, run.Damaged(of.ID, plan.JobPredict, err)
		}
	}
	c := gate.Compare(name, &answers[0], &answers[1], t)
	if c != nil {
		c.Against = p.a.ID
	}
	return c, nil
}
