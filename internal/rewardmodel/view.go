package rewardmodel

import "slices"

// A view walks through turns, one after another, and has their features ready.
// Its memory is used again from group to group. It is not for concurrent use.
type view struct {
	d      *Dataset
	texts  map[int32]*text // of the group
	events []event         // up to the turn
	path   []int32         // the turns of events
	moment moment
	offer  offer
}

// enter leaves the group before.
func (v *view) enter() {
	if v.texts == nil {
		v.texts = map[int32]*text{}
	}
	clear(v.texts)
	v.path, v.events = v.path[:0], v.events[:0]
}

func (v *view) text(id int32) *text {
	t, ok := v.texts[id]
	if !ok {
		t = v.d.lexicon.text(v.d.texts[id].text, v.d.cut(id))
		v.texts[id] = t
	}
	return t
}

// at returns the moment after a turn.
func (v *view) at(id int32) *moment {
	// Most turns follow one that was here.
	keep := len(v.path)
	before := v.d.turns[id].before
	for keep > 0 && v.path[keep-1] != before {
		keep--
	}
	v.path, v.events = v.path[:keep], v.events[:keep]
	for t := id; t >= 0 && (keep == 0 || t != v.path[keep-1]); t = v.d.turns[t].before {
		v.path = append(v.path, t)
	}
	slices.Reverse(v.path[keep:])
	for _, t := range v.path[keep:] {
		at := &v.d.turns[t]
		v.events = append(v.events, event{v.text(at.text), at.seconds, at.format, at.timed})
	}
	return v.moment.at(v.events)
}

// stack fills s with a group's training rows.
func (v *view) stack(s *stack, g int, models []*fitting) {
	d := v.d
	v.enter()
	for id, t := range d.turnsOf(g) {
		if !t.trains {
			continue
		}
		m := v.at(id)
		if t.known {
			push(&s.need, needFeatures, m, example{flag(t.need), t.need}, func(k int) { m.weights = models[k].weights })
		}
		for _, r := range d.cases(t) {
			if r.task != silence && !r.test {
				o := v.offer.at(m, v.text(r.task))
				push(&s.task, taskFeatures, o, example{r.target, r.accepted}, func(k int) { o.weigh(models[k].weights) })
			}
		}
	}
}

// score writes the score of each of a group's rows into rows, and what silence
// scores at each of its turns into turns.
func (v *view) score(g int, f *fitting, rows, turns []float64) {
	d := v.d
	v.enter()
	need, task := make([]float64, len(needFeatures)), make([]float64, len(taskFeatures))
	for id, t := range d.turnsOf(g) {
		m := v.at(id)
		m.weights = f.weights
		fill(need, needFeatures, m)
		turns[id] = clip(1 - f.needModel.predict(need))
		for i, r := range d.cases(t) {
			if r.task == silence {
				rows[i] = turns[id]
				continue
			}
			o := v.offer.at(m, v.text(r.task))
			o.weigh(f.weights)
			fill(task, taskFeatures, o)
			rows[i] = clip(f.taskModel.predict(task))
		}
	}
}
