package rewardmodel

import "slices"

// A stack is the features of a group's training rows, as several models see them.
type stack struct{ task, need, made table }

// A table is the rows of one regression.
type table struct {
	rows []example
	x    []float64 // of each row, for each model: all columns
}

// An example is a row's target, and its class: the label, or the need.
type example struct {
	target float64
	class  bool
	from   int32 // of a made-up row: the group whose words it has
}

func (t *table) reset() { t.rows, t.x = t.rows[:0], t.x[:0] }

// push adds a row. Only features that weigh words differ between models; weigh
// turns the row to a model's weights.
func push[T any](t *table, features []feature[T], row T, e example, models []*fitting, weigh func(weights []float64)) {
	t.rows = append(t.rows, e)
	n, columns := len(t.x), len(features)
	t.x = slices.Grow(t.x, len(models)*columns)[:n+len(models)*columns]
	first := t.x[n : n+columns]
	for k, model := range models {
		weigh(model.weights)
		if k == 0 {
			fill(first, features, row)
			continue
		}
		x := t.x[n+k*columns:][:columns]
		copy(x, first)
		for i := range features {
			if features[i].kind == weighted {
				x[i] = features[i].value(row)
			}
		}
	}
}

// learn takes in all rows, as the k-th of so many models sees them.
func (t *table) learn(m *moments, b *balance, k, models int) {
	columns := len(m.x)
	for i, r := range t.rows {
		m.add(t.x[(i*models+k)*columns:][:columns], r.target, b.weight(r.class))
	}
}

// reject takes in made-up rows, but those with words of a group that the model holds out.
func (t *table) reject(m *moments, weight float64, k, models int, holds func(from int32) bool) {
	columns := len(m.x)
	for i, r := range t.rows {
		if !holds(r.from) {
			m.add(t.x[(i*models+k)*columns:][:columns], 0, weight)
		}
	}
}
