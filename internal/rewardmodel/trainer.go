package rewardmodel

import (
	"context"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// A trainer trains once, on one dataset.
type trainer struct {
	*Dataset
	Options
	fold  []int  // of each group; Options.Folds says how many there are
	views []view // one for each worker

	mu          sync.Mutex
	work, ended float64 // in the unit of the costs
}

// What progress takes work for, in microseconds of one core as measured in November
// 2026. Only the proportions matter.
const (
	walkCost  = 10.0  // a row's features
	learnCost = 0.5   // a row, for each model
	drawCost  = 0.005 // a group, in each resample of an interval
	rankCost  = 0.003 // a row, in each resample of an AUC
)

// trainer parts the groups into folds and plans the work. What baselines and test
// rows take is guessed.
func (d *Dataset) trainer(o Options) *trainer {
	groups := len(d.groups)
	if o.Folds <= 0 && groups > manyGroups {
		o.Folds = manyFolds
	} else if o.Folds <= 0 {
		o.Folds = groups
	}
	o.Folds = max(2, min(o.Folds, groups))
	t := &trainer{Dataset: d, Options: o, fold: make([]int, groups)}
	for i, g := range o.Rand("folds").Perm(groups) {
		t.fold[g] = i % o.Folds
	}
	for range max(1, o.Workers) {
		t.views = append(t.views, newView(d))
	}
	rows, resamples := float64(len(d.rows)), float64(o.Resamples)
	t.work = rows*(float64(2+o.Folds/together)*walkCost+float64(o.Folds+1)*learnCost) + resamples*(10*float64(groups)*drawCost+rows*rankCost)
	return t
}

// did tells progress of work that is done.
func (t *trainer) did(work float64) {
	if t.Progress == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = min(t.ended+work, t.work)
	t.Progress(t.ended / t.work)
}

const (
	// together is how many models learn from one walk through the rows: enough to
	// hold out singly, and few enough for their words' weights to fit in memory.
	together = 64
	// stacked is about how many rows' features, times models, are in memory at once.
	// In November 2026 more was no faster: 8 times as much took 100 MB with 64 models.
	stacked = 1 << 14
)

// fitAll fits the model of all groups and one for each fold, and scores each
// group by the model of its fold. It returns the former and the tally of all.
func (t *trainer) fitAll(ctx context.Context, held *scores) (full *fitting, all *tally, err error) {
	all = t.tally(func(int) bool { return true })
	for first := none; first < t.Folds; first += together {
		models := make([]*fitting, min(together, t.Folds-first))
		for k := range models {
			models[k] = t.begin(first+k, all)
		}
		if err := t.sweep(ctx, models); err != nil {
			return nil, nil, err
		}
		for _, f := range models {
			if err := f.fit(&t.Options); err != nil {
				return nil, nil, err
			}
		}
		if first == none {
			full = models[0]
		}
		err := t.score(ctx, held, func(g int) *fitting {
			if k := t.fold[g] - first; k >= 0 && k < len(models) {
				return models[k]
			}
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return full, all, nil
}

// begin begins a model that holds out a fold.
func (t *trainer) begin(fold int, all *tally) *fitting {
	f := &fitting{fold: fold, task: newMoments(len(taskFeatures)), need: newMoments(len(needFeatures))}
	f.weights = t.weights(all, t.tally(func(g int) bool { return t.fold[g] == fold }))
	for g := range t.groups {
		if t.fold[g] != fold {
			f.accepts.add(t.groups[g].accepts)
			f.needs.add(t.groups[g].needs)
		}
	}
	f.made = t.madeWeight(f)
	return f
}

// sweep lets models learn from every group. Features are computed side by side,
// and each model takes them in by the order of the groups: sums come out the same
// however many goroutines there are.
func (t *trainer) sweep(ctx context.Context, models []*fitting) error {
	var stacks []stack
	for first, next := 0, 0; first < len(t.groups); first = next {
		rows := 0
		for ; next < len(t.groups) && rows*len(models) < stacked; next++ {
			rows += len(t.groups[next].rows)
		}
		if n := next - first; n > len(stacks) {
			stacks = append(stacks, make([]stack, n-len(stacks))...)
		}
		err := t.each(ctx, next-first, func(v *view, i int) { v.stack(&stacks[i], first+i, models) })
		if err == nil {
			err = t.each(ctx, len(models), func(_ *view, k int) {
				f := models[k]
				for i := range stacks[:next-first] {
					if t.fold[first+i] != f.fold {
						stacks[i].need.learn(f.need, &f.needs, k, len(models))
						stacks[i].task.learn(f.task, &f.accepts, k, len(models))
						stacks[i].made.reject(f.task, f.made, k, len(models), func(from int32) bool { return t.holds(f, from) })
					}
				}
			})
		}
		if err != nil {
			return err
		}
		t.did(float64(rows) * (walkCost + float64(len(models))*learnCost))
	}
	return nil
}

// scores are what models say of each row, and of silence after each turn.
type scores struct{ rows, turns []float64 }

// score scores each group by the model that by names; nil leaves it out.
func (t *trainer) score(ctx context.Context, to *scores, by func(g int) *fitting) error {
	return t.each(ctx, len(t.groups), func(v *view, g int) {
		if f := by(g); f != nil {
			v.score(g, f, to)
			t.did(float64(len(t.groups[g].rows)) * walkCost)
		}
	})
}

// each calls do for 0 to n-1, several at once, each with an empty view to itself.
func (t *trainer) each(ctx context.Context, n int, do func(v *view, i int)) error {
	var next atomic.Int64
	eg, ctx := errgroup.WithContext(ctx)
	for w := range min(n, len(t.views)) {
		eg.Go(func() error {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				v := &t.views[w]
				clear(v.texts)
				v.events = v.events[:0]
				do(v, i)
			}
			return ctx.Err()
		})
	}
	return eg.Wait()
}
