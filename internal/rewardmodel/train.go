package rewardmodel

import (
	"context"
	"fmt"
	"math/rand/v2"

	"golang.org/x/sync/errgroup"

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
	// Workers bounds the folds under way at once; the result does not depend on it.
	Workers int
	// Simulated says that a stand-in made or judged rows; the model repeats it.
	Simulated bool
}

const (
	manyGroups = 50 // from here on, Folds 0 means manyFolds
	manyFolds  = 10
)

// Train fits a model to the rows whose split is not "test" and measures it; see
// Metrics. Rows of one group are never parted between training and scoring.
func Train(ctx context.Context, rows []trace.Judged, o Options) (*Model, *Metrics, error) {
	d := newDataset(rows)
	if err := d.check(); err != nil {
		return nil, nil, err
	}
	folds := d.folds(o)
	held := heldOut{make([]float64, len(rows)), make([][]float64, len(d.groups))}
	var model *Model
	eg, ctx := errgroup.WithContext(ctx)
	eg.SetLimit(max(1, o.Workers))
	eg.Go(func() (err error) {
		model, err = d.fit(ctx, nil, o)
		return err
	})
	for _, fold := range folds {
		eg.Go(func() error {
			fitted, err := d.fit(ctx, fold, o)
			if err != nil {
				return err
			}
			for g := range d.groups {
				if fold[g] {
					held.silences[g] = fitted.scores(&d.groups[g], held.rows)
				}
			}
			return nil
		})
	}
	if err := eg.Wait(); err != nil {
		return nil, nil, err
	}
	model.Training.Folds, model.Training.Events = len(folds), d.events()
	metrics := d.measure(rows, model, &held, o)
	return model, metrics, nil
}

// A heldOut has scores by the models that never saw the group.
type heldOut struct {
	rows     []float64   // of each row
	silences [][]float64 // of silence after each turn, by group
}

// check refuses rows that no model can come from, and says which rows would help.
func (d *dataset) check() error {
	groups := 0
	for i := range d.groups {
		if d.groups[i].vocabulary.Texts > 0 {
			groups++
		}
	}
	accepts, needs := d.balance(nil)
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

// folds parts the groups. Each fold is the set of groups that it holds out.
func (d *dataset) folds(o Options) []map[int]bool {
	n := len(d.groups)
	k := min(o.Folds, n)
	switch {
	case o.Folds <= 0 && n <= manyGroups:
		k = n
	case o.Folds <= 0:
		k = manyFolds
	}
	k = max(k, 2)
	out := make([]map[int]bool, k)
	for i, g := range o.Rand("folds").Perm(n) {
		if out[i%k] == nil {
			out[i%k] = map[int]bool{}
		}
		out[i%k][g] = true
	}
	return out
}
