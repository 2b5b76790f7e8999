// Package origin says where a run's figures come from: which run it was, of what and by
// which binary, which models played which parts, and what they cost. All of it is in the
// run's records, and none of it in its artifacts, which would differ from run to run.
package origin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// A Run is where its figures come from. What its records do not say is zero.
type Run struct {
	ID         store.RunID
	Experiment string
	Digest     store.Digest // over the config's fields and the inputs' content
	State      string
	Opened     string // RFC 3339, as is Finished
	Finished   string
	Version    string // of the binary that opened it
	Binary     *store.Binary
	By, Reason string // who opened it, and why
	Seed       uint64
	AskedAnew  string   // whose models, and as of when
	Set        []string // fields that the command line overrode, as PATH=VALUE
	Inputs     []Input
	Models     []Model
	Trainings  []Training
	// Withdrawn are the sources that it read and that may be used no more.
	Withdrawn []store.Withdrawal
	// Summary has the calls and dollars of this run; nil where they cannot be read.
	Summary *run.Summary
	// Gate is what the run's own rules say of it; who asks them sets it.
	Gate *progress.Gate
}

// An Input is a folder that entered the run.
type Input struct {
	Name string
	store.Tree
}

// A Model is a model with all that it was asked with, and the parts that it played.
type Model struct {
	llm.Model
	Parts []string   // "gym: user", "candidate tuned", "judge"
	Price *llm.Price // as calls are billed; nil where it is not known
	// Reported is what providers named beside answers.
	Reported []string
}

// Of reads where a run's figures come from. A run that is not there is a store.ErrNotFound.
func Of(ctx context.Context, st *store.Store, id store.RunID) (*Run, error) {
	head, err := run.ReadHead(ctx, st, id)
	if err != nil {
		return nil, err
	}
	r := &Run{ID: id, Experiment: head.Experiment, Digest: head.Digest, State: head.State, Opened: head.Created, Finished: head.Finished, Version: head.Version, Binary: head.Binary, By: head.By, Reason: head.Reason}
	for name, tree := range head.Inputs {
		r.Inputs = append(r.Inputs, Input{name, tree})
	}
	slices.SortFunc(r.Inputs, func(a, b Input) int { return cmp.Compare(a.Name, b.Name) })
	how, err := run.ExecutionOf(head.Run)
	if err != nil {
		return nil, err
	}
	gone, err := st.Withdrawals(ctx)
	if err != nil {
		return nil, err
	}
	for _, w := range gone {
		if slices.Contains(w.Runs, id) {
			r.Withdrawn = append(r.Withdrawn, w)
		}
	}
	r.Set = how.Set
	p, err := run.ReadPlan(ctx, st, id)
	if errors.Is(err, store.ErrNotFound) {
		return r, nil // it was cut off as it opened
	}
	if err != nil {
		return nil, err
	}
	r.Seed = p.Seed
	if p.Anew != nil {
		r.AskedAnew = p.Anew.String()
	}
	if r.Summary, err = run.Summarized(ctx, st, head); err != nil {
		return nil, err
	}
	if r.Trainings, err = trainings(ctx, st, id, p); err != nil {
		return nil, fmt.Errorf("run %s: %w", id, err)
	}
	played, err := answered(ctx, st, id, p)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", id, err)
	}
	err = r.cast(p, how, played)
	first := map[string]int{} // where a model stands, whose settings may be several
	for i, m := range slices.Backward(r.Models) {
		first[m.Name] = i
	}
	slices.SortStableFunc(r.Models, func(a, b Model) int { return cmp.Compare(first[a.Name], first[b.Name]) })
	return r, err
}

// cast finds which models play which parts of a plan, in the order of the line.
func (r *Run) cast(p *plan.Plan, how run.Execution, played map[string][]string) error {
	index := map[string]int{} // of r.Models, by all of a model's settings
	play := func(asks map[string]llm.Model, role, part string, reported []string) {
		m, ok := asks[role]
		if !ok {
			return
		}
		m.AsOf = "" // occasions apart, it is one
		key, err := json.Marshal(m)
		if err != nil {
			key = []byte(m.Name)
		}
		i, known := index[string(key)]
		if !known {
			i = len(r.Models)
			index[string(key)] = i
			r.Models = append(r.Models, Model{Model: m, Price: how.Models[m.Name].Paid()})
		}
		of := &r.Models[i]
		of.Parts, of.Reported = union(of.Parts, part), union(of.Reported, reported...)
	}
	for i := range p.Steps {
		step := &p.Steps[i]
		for shard := range step.Shards {
			asks, err := step.Asks(shard)
			if err != nil {
				return err
			}
			if step.Job == plan.JobPredict {
				var q plan.Predict
				if err := json.Unmarshal(step.Of(shard).Params, &q); err != nil {
					return fmt.Errorf("step %s: %w", step.Name, err)
				}
				answered, judged := r.reported(q.Candidate.Name)
				play(asks, "candidate", "candidate "+q.Candidate.Name, answered)
				play(asks, "judge", "judge", judged)
				continue
			}
			if step.Job == plan.JobAnchors {
				_, judged := r.reported("")
				play(asks, "judge", "judge", judged)
				continue
			}
			for _, role := range slices.Sorted(maps.Keys(asks)) {
				play(asks, role, "gym: "+role, played[role])
			}
		}
	}
	return nil
}

// reported is what providers named beside a candidate's answers, and beside verdicts.
func (r *Run) reported(candidate string) (answered, judged []string) {
	if r.Summary == nil || r.Summary.Scores == nil {
		return nil, nil
	}
	scores := r.Summary.Scores
	for _, c := range scores.Candidates {
		if c.Name == candidate {
			answered = c.AnsweredBy
		}
	}
	return answered, scores.JudgedBy
}

func union(list []string, names ...string) []string {
	for _, name := range names {
		if !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}
