package rewardmodel

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/gymline/gymline/internal/fault"
)

// Options are how to train.
type Options struct {
	TaskLambda, NeedLambda float64 // ridge penalties, at least 0
	// Folds is the number of cross-validation folds of whole groups. 0 holds out
	// one group at a time, or above 50 groups uses 10 folds, because the cost of
	// holding out singly grows with the square of the groups.
	Folds      int
	Resamples  int     // of the bootstrap over groups
	Confidence float64 // of intervals, in (0,1)
	// Rand gives the generator of a path; the result depends on it alone.
	Rand func(path ...string) *rand.Rand
	// Workers bounds the goroutines at work at once; the result does not depend on it.
	Workers int
	// Progress is told the share of the work that is done, from 0 to 1, ever more
	// of it; nil where nobody asks.
	Progress func(done float64)
	// Simulated says that a stand-in made or judged rows; the model repeats it.
	Simulated bool
}

const (
	manyGroups = 50 // from here on, Folds 0 means manyFolds
	manyFolds  = 10
)

// Train fits a model to the rows whose split is not "test" and measures it; see
// Metrics. Rows of one group are never parted between training and scoring.
// Afterwards no more rows can be added.
func (d *Dataset) Train(ctx context.Context, o Options) (*Model, *Metrics, error) {
	groups, err := d.check()
	if err != nil {
		return nil, nil, err
	}
	d.makeUp(o.Rand("madeup"))
	d.sort()
	t := d.trainer(o)
	held := t.noScores()
	full, all, err := t.fitAll(ctx, &held)
	if err != nil {
		return nil, nil, err
	}
	model := &Model{Format: Format, Task: *full.taskModel, Need: *full.needModel, Vocabulary: d.vocabulary(all)}
	model.Training = Training{
		Groups: groups, Proposals: full.accepts.rows(), Turns: full.needs.rows(),
		TaskLambda: o.TaskLambda, NeedLambda: o.NeedLambda, Folds: t.Folds, Simulated: o.Simulated, Events: d.seen(),
	}
	if err := model.bind(); err != nil {
		return nil, nil, err
	}
	var official scores
	if tested := func(g group) bool { return g.tests > 0 }; slices.ContainsFunc(d.groups, tested) {
		official = t.noScores()
		err := t.score(ctx, &official, func(g int) *fitting {
			if tested(d.groups[g]) {
				return full
			}
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
	}
	metrics := t.measure(model, &held, &official)
	t.did(t.work)
	return model, metrics, nil
}

func (d *Dataset) noScores() scores {
	return scores{make([]float64, len(d.rows)), make([]float64, len(d.turns))}
}

// check refuses rows that no model can come from, and says which rows would help.
// It returns how many groups train.
func (d *Dataset) check() (groups int, err error) {
	var all classes
	for i := range d.groups {
		g := &d.groups[i]
		all.accepts.add(g.accepts)
		all.needs.add(g.needs)
		groups += index(len(g.learnt) > 0)
	}
	switch {
	case groups < 2:
		return 0, fault.New(fault.Permanent, fmt.Errorf("reward: the training rows are of %d independent groups (a scene, or a recorded trace); holding out whole groups takes at least 2", groups),
			"generate more scenes, or add the ProactiveBench reward data")
	case all.accepts.oneClass():
		return 0, fault.New(fault.Permanent, fmt.Errorf("reward: %d accepted and %d rejected proposals to train on; both kinds are needed", all.accepts[1], all.accepts[0]),
			"generate more sessions, or add the ProactiveBench reward data")
	case all.needs.oneClass():
		return 0, fault.New(fault.Permanent, fmt.Errorf("reward: help was needed after %d training turns and not needed after %d; both kinds are needed", all.needs[1], all.needs[0]),
			"generate sessions whose agent stays silent at times (an accepted silence is a turn without need), or add the ProactiveBench reward data")
	}
	return groups, nil
}
