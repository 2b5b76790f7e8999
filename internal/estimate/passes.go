package estimate

import (
	"encoding/json"

	"github.com/gymline/gymline/internal/canonical"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
)

// A pass is a shard of predict that calls models.
type pass struct {
	share  plan.Share
	params plan.Predict
	// weight is how many passes it stands for; 0 of one that is done, and whose answers
	// those that are left may share.
	weight float64
}

// mostPasses is how many repeats of a candidate are rehearsed. Each has less to ask a
// judge than the one before, so the last one stands for the others rather too high.
const mostPasses = 3

// passes are those of predict that are to be rehearsed. Of candidates whose models are
// asked alike one has the answers for all; none is rehearsed where all are done.
func (r *rehearsal) passes(step *plan.Step) (list []*pass, err error) {
	left := map[string][]*pass{} // by all that requests depend on but the repeat
	there, done := map[string]bool{}, map[string]int{}
	for shard := range step.Shards {
		p := &pass{share: step.Of(shard)}
		if len(p.share.Models) == 0 {
			continue
		}
		if err := json.Unmarshal(p.share.Params, &p.params); err != nil {
			return nil, err
		}
		once, whichever, err := p.identity()
		if err != nil {
			return nil, err
		}
		if there[once] && !p.simulated() {
			continue
		}
		there[once] = true
		switch {
		case !r.reused(step, shard):
			left[whichever] = append(left[whichever], p)
			if len(left[whichever]) > mostPasses {
				continue
			}
			p.weight = 1
		case done[whichever] == mostPasses-1:
			continue
		default:
			done[whichever]++
		}
		list = append(list, p)
	}
	for _, of := range left {
		if more := len(of) - mostPasses; more > 0 {
			of[mostPasses-1].weight += float64(more)
		}
	}
	if len(left) == 0 {
		return nil, nil
	}
	return list, nil
}

// simulated says whether a stand-in is asked, whose answers are recorded nowhere.
func (p *pass) simulated() bool {
	c, j := p.params.Candidate.Model, p.params.Judge.Model
	return c != nil && c.Simulated() || j != nil && j.Simulated()
}

// identity is all that a pass's requests depend on, and the same but for the repeat.
func (p *pass) identity() (once, whichever string, err error) {
	q := p.params
	q.Candidate.Name, q.Candidate.Model, q.Judge.Model = "", nameless(q.Candidate.Model), nameless(q.Judge.Model)
	data, err := canonical.JSON(q)
	if err != nil {
		return "", "", err
	}
	q.Repeat = 0
	any, err := canonical.JSON(q)
	return string(data), string(any), err
}

// nameless is a model as the ledger knows it.
func nameless(m *llm.Model) *llm.Model {
	if m == nil {
		return nil
	}
	out := *m
	if !m.Simulated() { // whose answers depend on its name
		out.Name, out.BaseURL, out.Schema = "", m.Endpoint(), m.Mode()
	}
	return &out
}
