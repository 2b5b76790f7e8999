package rewardmodel

import "fmt"

// A fitting is a model while it learns: from all groups, or those outside a fold.
type fitting struct {
	fold    int       // what it holds out, or none
	weights []float64 // of words
	classes
	made                 float64 // weight of a made-up row
	task, need           *moments
	taskModel, needModel *Linear
}

// classes count what trains: proposals by label, turns by need.
type classes struct{ accepts, needs balance }

// A balance counts rows by class (false, true) and weighs them so that both
// classes pull alike and the weights sum to the number of rows.
type balance [2]int

func (b *balance) rows() int { return b[0] + b[1] }

func (b *balance) add(o balance) { b[0], b[1] = b[0]+o[0], b[1]+o[1] }

func (b *balance) weight(class bool) float64 {
	return float64(b.rows()) / float64(2*b[index(class)])
}

func (b *balance) oneClass() bool { return b[0] == 0 || b[1] == 0 }

// index is 1 for true.
func index(class bool) int {
	if class {
		return 1
	}
	return 0
}

// fit solves the regressions.
func (f *fitting) fit(o *Options) (err error) {
	if f.taskModel, err = f.task.fit(names(taskFeatures), o.TaskLambda); err != nil {
		return fmt.Errorf("fit the task model: %w", err)
	}
	if f.needModel, err = f.need.fit(names(needFeatures), o.NeedLambda); err != nil {
		return fmt.Errorf("fit the need model: %w", err)
	}
	f.task, f.need = nil, nil
	return nil
}
