package rewardmodel

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/trace"
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

// Train is Dataset.Train of these rows.
func Train(ctx context.Context, rows []trace.Judged, o Options) (*Model, *Metrics, error) {
	d := new(Dataset)
	for i := range rows {
		d.Add(&rows[i])
	}
	return d.Train(ctx, o)
}

// Train fits a model to the rows whose split is not "test" and measures it; see
// Metrics. Rows of one group are never parted between training and scoring.
// Afterwards no more rows can be added.
func (d *Dataset) Train(ctx context.Context, o Options) (*Model, *Metrics, error) {
	if err := d.check(); err != nil {
		return nil, nil, err
	}
	d.ids.texts, d.ids.groups, d.ids.traces, d.ids.turns, d.ids.data, d.ids.traced = nil, nil, nil, nil, nil, nil
	d.lexicon.sort()
	d.lexicon.met, d.lexicon.number = nil, nil
	folds, n := d.folds(o)
	held := heldOut{make([]float64, len(d.rows)), make([]float64, len(d.turns))}
	p := d.pace(o, n)
	full, all, err := d.fitAll(ctx, o, folds, n, &held, p)
	if err != nil {
		return nil, nil, err
	}
	model, err := full.model(o)
	if err != nil {
		return nil, nil, err
	}
	model.Vocabulary = d.vocabulary(all)
	model.Training.Folds, model.Training.Events = n, d.seen()
	var official []float64
	if slices.ContainsFunc(d.groups, func(g group) bool { return g.tests > 0 }) {
		official = make([]float64, len(d.rows))
		err := d.score(ctx, o, p, func(g int) *fitting {
			if d.groups[g].tests == 0 {
				return nil
			}
			return full
		}, &heldOut{official, make([]float64, len(d.turns))})
		if err != nil {
			return nil, nil, err
		}
	}
	metrics := d.measure(model, &held, official, o, p)
	p.add(p.total)
	return model, metrics, nil
}

// A heldOut has scores by the models that never saw the group.
type heldOut struct {
	rows  []float64 // of each row
	turns []float64 // of silence after each turn
}

// check refuses rows that no model can come from, and says which rows would help.
func (d *Dataset) check() error {
	groups := 0
	for i := range d.groups {
		if d.groups[i].trains {
			groups++
		}
	}
	balances := d.balances(make([]int, len(d.groups)), 1)
	accepts, needs := balances[0].accepts, balances[0].needs
	switch {
	case groups < 2:
		return fault.New(fault.Permanent, fmt.Errorf("reward: the training rows are of %d independent groups (a scene, or a recorded trace); holding out whole groups takes at least 2", groups),
			"generate more scenes, or add the ProactiveBench reward data")
	case accepts.oneClass():
		return fault.New(fault.Permanent, fmt.Errorf("reward: %d accepted and %d rejected proposals to train on; both kinds are needed", accepts[1], accepts[0]),
			"generate more sessions, or add the ProactiveBench reward data")
	case needs.oneClass():
		return fault.New(fault.Permanent, fmt.Errorf("reward: help was needed after %d training turns and not needed after %d; both kinds are needed", needs[1], needs[0]),
			"generate sessions whose agent stays silent at times (an accepted silence is a turn without need), or add the ProactiveBench reward data")
	}
	return nil
}

// folds parts the groups: it returns the fold that each is in, and how many folds
// there are.
func (d *Dataset) folds(o Options) (of []int, n int) {
	groups := len(d.groups)
	n = min(o.Folds, groups)
	switch {
	case o.Folds <= 0 && groups <= manyGroups:
		n = groups
	case o.Folds <= 0:
		n = manyFolds
	}
	n = max(n, 2)
	of = make([]int, groups)
	for i, g := range o.Rand("folds").Perm(groups) {
		of[g] = i % n
	}
	return of, n
}
