package rewardmodel

import "fmt"

// A fitting is a model on its way: of all groups, or of those outside a fold.
type fitting struct {
	fold           int // what it holds out; none is -1
	weights        []float64
	accepts, needs balance
	groups         int
	task, need     *moments
	x              []float64 // scratch
	// What comes of it.
	taskModel, needModel *Linear
}

// learn takes in a group's rows, in their order, so that sums come out the same
// however many goroutines there are. k is the model's place in the stack.
func (f *fitting) learn(s *stack, k int) {
	if s.fold == f.fold || len(s.task.rows)+len(s.need.rows) == 0 {
		return
	}
	f.groups++
	for i, r := range s.need.rows {
		f.need.add(s.need.values(f.x, i, k), r.target, f.needs.weight(r.class))
	}
	for i, r := range s.task.rows {
		f.task.add(s.task.values(f.x, i, k), r.target, f.accepts.weight(r.class))
	}
}

// fit solves the regressions.
func (f *fitting) fit(o Options) (err error) {
	if f.taskModel, err = f.task.fit(names(taskFeatures), o.TaskLambda); err != nil {
		return fmt.Errorf("fit the task model: %w", err)
	}
	if f.needModel, err = f.need.fit(names(needFeatures), o.NeedLambda); err != nil {
		return fmt.Errorf("fit the need model: %w", err)
	}
	f.task, f.need = nil, nil
	return nil
}

// model returns what is fitted, without thresholds.
func (f *fitting) model(o Options) (*Model, error) {
	m := &Model{Format: Format, Task: *f.taskModel, Need: *f.needModel}
	m.Training = Training{
		Groups: f.groups, Proposals: f.accepts.rows(), Turns: f.needs.rows(),
		TaskLambda: o.TaskLambda, NeedLambda: o.NeedLambda, Simulated: o.Simulated,
	}
	return m, m.bind()
}

// A balance counts rows by class (false, true) and weighs them so that both
// classes pull alike and the weights sum to the number of rows.
type balance [2]int

func (b *balance) rows() int { return b[0] + b[1] }

func (b *balance) weight(class bool) float64 {
	return float64(b.rows()) / float64(2*b[index(class)])
}

func (b *balance) oneClass() bool { return b[0] == 0 || b[1] == 0 }

func (b *balance) less(held balance) balance { return balance{b[0] - held[0], b[1] - held[1]} }

func index(class bool) int {
	if class {
		return 1
	}
	return 0
}
