package rewardmodel

import (
	"context"
	"fmt"
)

// fit trains on the groups that held does not name. The model has no thresholds
// yet. Rows are visited one at a time, so memory is that of their texts.
func (d *dataset) fit(ctx context.Context, held map[int]bool, o Options) (*Model, error) {
	m := &Model{Format: Format, Vocabulary: Vocabulary{Words: map[string]int{}}}
	m.Training = Training{TaskLambda: o.TaskLambda, NeedLambda: o.NeedLambda, Simulated: o.Simulated}
	accepts, needs := d.balance(held)
	for i := range d.groups {
		if !held[i] {
			m.Vocabulary.add(&d.groups[i].vocabulary)
		}
	}
	task, need := newMoments(len(taskFeatures)), newMoments(len(needFeatures))
	for i := range d.groups {
		if held[i] {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		read, before := reader{}, task.n+need.n
		for _, t := range d.groups[i].turns {
			if !t.trains() {
				continue
			}
			at := newMoment(read.events(t.history), &m.Vocabulary)
			if t.need != nil {
				need.add(values(needFeatures, at), flag(*t.need), needs.weight(*t.need))
			}
			for _, c := range t.cases {
				if c.task != nil && !c.test {
					task.add(values(taskFeatures, newOffer(at, read.text(*c.task))), c.target, accepts.weight(c.accepted))
				}
			}
		}
		if task.n+need.n > before {
			m.Training.Groups++
		}
	}
	m.Training.Proposals, m.Training.Turns = task.n, need.n
	taskModel, err := task.fit(names(taskFeatures), o.TaskLambda)
	if err != nil {
		return nil, fmt.Errorf("fit the task model: %w", err)
	}
	needModel, err := need.fit(names(needFeatures), o.NeedLambda)
	if err != nil {
		return nil, fmt.Errorf("fit the need model: %w", err)
	}
	m.Task, m.Need = *taskModel, *needModel
	m.Vocabulary.trim()
	return m, m.bind()
}

// scores writes the score of every row of a group into out, by row index, and
// returns what silence scores at each of its turns.
func (m *Model) scores(g *group, out []float64) (silence []float64) {
	read := reader{}
	silence = make([]float64, len(g.turns))
	for i, t := range g.turns {
		at := newMoment(read.events(t.history), &m.Vocabulary)
		silence[i] = clip(1 - m.Need.predict(values(m.needFeatures, at)))
		for _, c := range t.cases {
			out[c.row] = silence[i]
			if c.task != nil {
				out[c.row] = clip(m.Task.predict(values(m.taskFeatures, newOffer(at, read.text(*c.task)))))
			}
		}
	}
	return silence
}

// A balance counts rows by class (false, true) and weighs them so that both
// classes pull alike and the weights sum to the number of rows.
type balance [2]int

func (b *balance) weight(class bool) float64 {
	return float64(b[0]+b[1]) / float64(2*b[index(class)])
}

func (b *balance) oneClass() bool { return b[0] == 0 || b[1] == 0 }

func index(class bool) int {
	if class {
		return 1
	}
	return 0
}

// balance counts what trains outside held: proposals by label, turns by need.
func (d *dataset) balance(held map[int]bool) (accepts, needs balance) {
	for i := range d.groups {
		if held[i] {
			continue
		}
		for _, t := range d.groups[i].turns {
			if t.need != nil {
				needs[index(*t.need)]++
			}
			for _, c := range t.cases {
				if c.task != nil && !c.test {
					accepts[index(c.accepted)]++
				}
			}
		}
	}
	return accepts, needs
}
