package rewardmodel

import (
	"math"
	"slices"
)

// A view walks through turns and has their features ready. It reuses its memory
// and is not for concurrent use.
type view struct {
	d      *Dataset
	texts  map[int32]*text // of the group
	events []event         // up to the turn
	path   []int32         // scratch
	moment moment
	offer  offer
}

func newView(d *Dataset) view { return view{d: d, texts: map[int32]*text{}} }

func (v *view) text(id int32) *text {
	t, ok := v.texts[id]
	if !ok {
		t = v.d.prepare(id)
		v.texts[id] = t
	}
	return t
}

// at returns the moment after a turn.
func (v *view) at(id int32) *moment {
	turns, keep := v.d.turns, len(v.events)
	for keep > 0 && v.events[keep-1].id != turns[id].before { // most turns follow one that was here
		keep--
	}
	v.path = v.path[:0]
	for t := id; t != none && (keep == 0 || v.events[keep-1].id != t); t = turns[t].before {
		v.path = append(v.path, t)
	}
	v.events = v.events[:keep]
	for _, t := range slices.Backward(v.path) {
		v.events = append(v.events, event{t, v.text(turns[t].text), &turns[t]})
	}
	return v.moment.at(v.events)
}

// stack fills s with a group's training rows, as each of the models sees them.
func (v *view) stack(s *stack, g int, models []*fitting) {
	s.task.reset()
	s.need.reset()
	s.made.reset()
	m := &v.moment
	for _, i := range v.d.groups[g].rows {
		r := &v.d.rows[i]
		if t := &v.d.turns[r.turn]; t.first == i {
			v.at(r.turn)
			if t.known {
				push(&s.need, needFeatures, m, example{target: flag(t.need), class: t.need}, models, func(w []float64) { m.weights = w })
			}
		}
		if r.trains() {
			o := v.offer.at(m, v.text(r.task))
			push(&s.task, taskFeatures, o, example{target: r.target, class: r.accepted}, models, func(w []float64) { o.weigh(w) })
		}
	}
	for _, made := range v.d.groups[g].made {
		o := v.offer.at(v.at(made.turn), v.text(made.task))
		push(&s.made, taskFeatures, o, example{from: made.from}, models, func(w []float64) { o.weigh(w) })
	}
}

// score writes the score of each of a group's rows, and what silence scores at
// each of its turns.
func (v *view) score(g int, f *fitting, to *scores) {
	need, task := make([]float64, len(needFeatures)), make([]float64, len(taskFeatures))
	m := &v.moment
	for _, i := range v.d.groups[g].rows {
		r := &v.d.rows[i]
		if v.d.turns[r.turn].first == i {
			v.at(r.turn).weights = f.weights
			to.turns[r.turn] = clip(1 - f.needModel.predict(fill(need, needFeatures, m)))
		}
		if r.task == silence {
			to.rows[i] = to.turns[r.turn]
		} else {
			predict := func(id int32) float64 {
				return f.taskModel.predict(fill(task, taskFeatures, v.offer.at(m, v.text(id)).weigh(f.weights)))
			}
			best, _ := bestOf(v.d.parts[r.task], predict)
			to.rows[i] = clip(min(predict(r.task), best))
		}
	}
}

// bestOf is the best score of a task's sentences, and which of them has it; infinite where
// there are none.
func bestOf(sentences []int32, predict func(text int32) float64) (best float64, which int32) {
	best, which = math.Inf(-1), silence
	for _, id := range sentences {
		if score := predict(id); score > best {
			best, which = score, id
		}
	}
	if which == silence {
		best = math.Inf(1)
	}
	return best, which
}
