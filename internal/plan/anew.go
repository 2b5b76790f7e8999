package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/llm"
)

// Whose answers can be asked for anew.
const (
	AnewCandidates = "candidates" // the models that evaluate scores
	AnewJudge      = "judge"      // the model that judges them
	AnewGym        = "gym"        // the models of generate
)

// Anew says whose answers of before do not count: they are asked for once more, as
// of an occasion such as a night. Those answers are recorded, too: whoever asks as
// of the same occasion gets the same.
type Anew struct {
	Roles []string `json:"roles"`
	// AsOf names the occasion; "" until the run of a schedule opens.
	AsOf string `json:"asOf,omitempty"`
}

// String is how people read it.
func (a *Anew) String() string { return strings.Join(a.Roles, ", ") + ", as of " + a.AsOf }

// AskAnew is the plan as of an occasion: everything that it is part of, of the models
// of those roles, is another's work. It changes no seed, so that runs of one
// experiment can be compared.
func (p *Plan) AskAnew(roles []string, asOf string) (*Plan, error) {
	q := *p
	q.Anew, q.Steps = &Anew{Roles: roles, AsOf: asOf}, slices.Clone(p.Steps)
	for i := range q.Steps {
		s := &q.Steps[i]
		s.Each = slices.Clone(s.Each)
		shares := []*Share{&s.Share}
		for j := range s.Each {
			shares = append(shares, &s.Each[j])
		}
		for _, share := range shares {
			if err := q.Anew.share(s.Job, share); err != nil {
				return nil, fmt.Errorf("step %s: %w", s.Name, err)
			}
		}
	}
	return &q, nil
}

// share changes the parameters of a job that asks models, or names the occasion.
func (a *Anew) share(job string, s *Share) error {
	if s.Params == nil {
		return nil
	}
	switch job {
	case JobGenerate:
		return change(s, func(p *Generate) {
			a.model(AnewGym, p.Models.Scenes, &p.Models.User, &p.Models.Environment, &p.Models.Agent)
		})
	case JobPredict:
		return change(s, func(p *Predict) {
			a.model(AnewCandidates, p.Candidate.Model)
			a.model(AnewJudge, p.Judge.Model)
		})
	case JobAnchors:
		return change(s, func(p *Anchors) { a.model(AnewJudge, p.Judge.Model) })
	case JobReport:
		return change(s, func(p *Report) { p.Anew = a })
	}
	return nil
}

// model notes the occasion at models of a role.
func (a *Anew) model(role string, models ...*llm.Model) {
	for _, m := range models {
		if m != nil && slices.Contains(a.Roles, role) {
			m.AsOf = a.AsOf
		}
	}
}

func change[T any](s *Share, fn func(*T)) (err error) {
	p := new(T)
	if err := json.Unmarshal(s.Params, p); err != nil {
		return fmt.Errorf("parameters: %w", err)
	}
	fn(p)
	s.Params, err = json.Marshal(p)
	return err
}
