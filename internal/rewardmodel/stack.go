package rewardmodel

import "slices"

// A stack is the features of a group's training rows for several models at
// once. What depends on how rare words are stands there for each model, the rest
// once.
type stack struct {
	fold       int // that the group is in
	task, need table
}

// A table is the rows of one regression.
type table struct {
	rows []example
	x    []float64 // of each row; the weighted columns are the first model's
	more []float64 // of each row, for each further model, the weighted columns
	// Columns of x, and which of them are weighted.
	columns  int
	weighted []int
	further  int // models
}

// An example is a row's target, and its class: the label, or the need.
type example struct {
	target float64
	class  bool
}

// weightedColumns are those that differ between models.
func weightedColumns[T any](features []feature[T]) (columns []int) {
	for i, f := range features {
		if f.kind == weighted {
			columns = append(columns, i)
		}
	}
	return columns
}

var weightedTask, weightedNeed = weightedColumns(taskFeatures), weightedColumns(needFeatures)

// reset empties the stack for so many models.
func (s *stack) reset(fold, models int) {
	s.fold = fold
	for _, t := range []*table{&s.task, &s.need} {
		t.rows, t.x, t.more, t.further = t.rows[:0], t.x[:0], t.more[:0], models-1
	}
	s.task.columns, s.task.weighted = len(taskFeatures), weightedTask
	s.need.columns, s.need.weighted = len(needFeatures), weightedNeed
}

// push adds a row of features; weigh turns to the k-th model's weights.
func push[T any](t *table, features []feature[T], row T, e example, weigh func(k int)) {
	n := len(t.x)
	t.rows, t.x = append(t.rows, e), slices.Grow(t.x, t.columns)[:n+t.columns]
	weigh(0)
	fill(t.x[n:], features, row)
	for k := range t.further {
		weigh(k + 1)
		for _, c := range t.weighted {
			t.more = append(t.more, features[c].value(row))
		}
	}
}

// values writes row i as model k sees it into x, and returns it.
func (t *table) values(x []float64, i, k int) []float64 {
	x = x[:t.columns]
	copy(x, t.x[i*t.columns:])
	if k > 0 {
		at := (i*t.further + k - 1) * len(t.weighted)
		for j, c := range t.weighted {
			x[c] = t.more[at+j]
		}
	}
	return x
}
