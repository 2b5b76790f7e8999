package rewardmodel

import "sync"

// A pace tells how far training is. It counts in microseconds of one core, as
// measured in November 2026: only how the parts compare matters.
type pace struct {
	tell        func(done float64)
	mu          sync.Mutex
	total, done float64
}

const (
	stackCost = 11.0  // a row's features, for any number of models
	learnCost = 0.5   // a row, for each model
	scoreCost = 9.0   // a row
	drawCost  = 0.005 // a group, in each resample of an interval
	rankCost  = 0.003 // a row, in each resample of an AUC
)

// pace plans the work of training with so many folds. What the baselines and
// test rows take is guessed.
func (d *Dataset) pace(o Options, folds int) *pace {
	rows, groups, resamples := float64(len(d.rows)), float64(len(d.groups)), float64(o.Resamples)
	walks := float64(1 + folds/together)
	return &pace{tell: o.Progress, total: rows*(walks*stackCost+float64(folds+1)*learnCost+scoreCost) + resamples*(10*groups*drawCost+rows*rankCost)}
}

// add counts work that is done.
func (p *pace) add(work float64) {
	if p.tell == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = min(p.done+work, p.total)
	p.tell(p.done / p.total)
}
