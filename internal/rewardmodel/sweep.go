package rewardmodel

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"
)

const (
	// together is how many models learn from one walk through the rows: enough
	// for holding out singly, and few enough for the words' weights to stay small.
	together = 64
	// stacked is how many rows' features are in memory at once, twice over.
	stacked = 2048
)

// fitAll fits the model of all groups and one for each fold, and scores each
// group by the model of its fold. It returns the former and its tally.
func (d *Dataset) fitAll(ctx context.Context, o Options, folds []int, n int, held *heldOut, p *pace) (full *fitting, all *tally, err error) {
	newTally := func() *tally { return &tally{words: make([]int32, len(d.lexicon.words))} }
	all = newTally()
	d.tally(func(int) *tally { return all })
	balances := d.balances(folds, n)
	var sum classes
	for _, b := range balances {
		sum = sum.add(b)
	}
	for first := -1; first < n; first += together {
		end := min(first+together, n)
		parts := make([]*tally, end-first)
		for i := range parts {
			parts[i] = newTally()
		}
		d.tally(func(g int) *tally {
			if f := folds[g]; f >= first && f < end {
				return parts[f-first]
			}
			return nil
		})
		models := make([]*fitting, len(parts))
		for i := range models {
			f := &fitting{fold: first + i, weights: d.weights(all, parts[i]), accepts: sum.accepts, needs: sum.needs}
			if f.fold >= 0 {
				f.accepts, f.needs = sum.accepts.less(balances[f.fold].accepts), sum.needs.less(balances[f.fold].needs)
			}
			f.task, f.need = newMoments(len(taskFeatures)), newMoments(len(needFeatures))
			f.x = make([]float64, max(len(taskFeatures), len(needFeatures)))
			models[i] = f
		}
		if err := d.sweep(ctx, o, folds, models, p); err != nil {
			return nil, nil, err
		}
		for _, f := range models {
			if err := f.fit(o); err != nil {
				return nil, nil, err
			}
		}
		if first < 0 {
			full = models[0]
		}
		err := d.score(ctx, o, p, func(g int) *fitting {
			if f := folds[g]; f >= first && f < end {
				return models[f-first]
			}
			return nil
		}, held)
		if err != nil {
			return nil, nil, err
		}
	}
	return full, all, nil
}

// sweep lets models learn from every group's rows. While they take in some
// groups, the features of the next are computed.
func (d *Dataset) sweep(ctx context.Context, o Options, folds []int, models []*fitting, p *pace) error {
	views := sync.Pool{New: func() any { return &view{d: d} }}
	var ready, coming, free []*stack
	for next := 0; next < len(d.groups) || len(ready) > 0; {
		eg, ctx := errgroup.WithContext(ctx)
		eg.SetLimit(max(1, o.Workers))
		if len(ready) > 0 {
			for k, f := range models {
				eg.Go(func() error {
					for _, s := range ready {
						f.learn(s, k)
					}
					return ctx.Err()
				})
			}
		}
		rows := 0
		for ; next < len(d.groups) && rows < stacked; next++ {
			g, s := next, new(stack)
			if n := len(free); n > 0 {
				s, free = free[n-1], free[:n-1]
			}
			coming, rows = append(coming, s), rows+int(d.groups[g].rows)
			eg.Go(func() error {
				v := views.Get().(*view)
				defer views.Put(v)
				s.reset(folds[g], len(models))
				v.stack(s, g, models)
				return ctx.Err()
			})
		}
		if err := eg.Wait(); err != nil {
			return err
		}
		p.add(float64(rows) * (stackCost + float64(len(models))*learnCost))
		free, ready, coming = append(free, ready...), coming, ready[:0]
	}
	return nil
}

// score writes the scores of each group by the model that by names; nil leaves it out.
func (d *Dataset) score(ctx context.Context, o Options, p *pace, by func(group int) *fitting, to *heldOut) error {
	views := sync.Pool{New: func() any { return &view{d: d} }}
	eg, ctx := errgroup.WithContext(ctx)
	eg.SetLimit(max(1, o.Workers))
	for g := range d.groups {
		f := by(g)
		if f == nil {
			continue
		}
		eg.Go(func() error {
			v := views.Get().(*view)
			defer views.Put(v)
			v.score(g, f, to.rows, to.turns)
			p.add(float64(d.groups[g].rows) * scoreCost)
			return ctx.Err()
		})
	}
	return eg.Wait()
}

// classes are what trains: proposals by label, turns by need.
type classes struct{ accepts, needs balance }

func (c classes) add(o classes) classes {
	for i := range 2 {
		c.accepts[i] += o.accepts[i]
		c.needs[i] += o.needs[i]
	}
	return c
}

// balances counts what trains in each of n parts of the groups.
func (d *Dataset) balances(part []int, n int) []classes {
	out := make([]classes, n)
	for g := range d.groups {
		c := &out[part[g]]
		for _, t := range d.turnsOf(g) {
			if t.known {
				c.needs[index(t.need)]++
			}
			for _, r := range d.cases(t) {
				if r.task != silence && !r.test {
					c.accepts[index(r.accepted)]++
				}
			}
		}
	}
	return out
}
