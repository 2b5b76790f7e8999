package rewardmodel

import "github.com/gymline/gymline/internal/trace"

// A Verdict is what the model says to one row.
type Verdict struct {
	Score    float64 `json:"score"` // in [0,1]
	Accepted bool    `json:"accepted"`
	Reason   string  `json:"reason"`
}

// A Scorer judges many rows that share events, such as the turns of one trace:
// each distinct sentence is taken apart once. It is not for concurrent use.
type Scorer struct {
	model   *Model
	view    view
	idf     []float64 // by word's number
	weights []float64 // by word
}

// Scorer returns a Scorer. It holds every sentence it saw, so use one a trace.
func (m *Model) Scorer() *Scorer { return &Scorer{model: m, view: newView(new(Dataset))} }

// Score judges a task (nil is silence) proposed after a history. Before any
// event there is nothing to help with: silence is accepted and any task rejected.
func (s *Scorer) Score(history []trace.Event, task *string) Verdict {
	if len(history) == 0 {
		return Verdict{Score: flag(task == nil), Accepted: task == nil, Reason: "no event has happened yet"}
	}
	score, why := s.judge(history, task)
	threshold := s.model.Thresholds.of(task == nil)
	v := Verdict{Score: score, Accepted: score >= threshold}
	v.Reason = reason(v, threshold, why)
	return v
}

// judge scores a row and says what each feature adds to the score.
func (s *Scorer) judge(history []trace.Event, task *string) (score float64, why []part) {
	m := s.model
	at, offered := s.read(history, task)
	if task == nil {
		x := fill(make([]float64, len(m.needFeatures)), m.needFeatures, at)
		return clip(1 - m.Need.predict(x)), explain(m.needFeatures, m.Need.Columns, x, -1)
	}
	x := make([]float64, len(m.taskFeatures))
	predict := func(text int32) float64 {
		return m.Task.predict(fill(x, m.taskFeatures, s.offer(text)))
	}
	// A task scores no more than the best of its sentences.
	best, which := bestOf(s.view.d.parts[offered], predict)
	if whole := predict(offered); best < whole {
		predict(which)
		return clip(best), explain(m.taskFeatures, m.Task.Columns, x, 1)
	}
	return clip(m.Task.predict(x)), explain(m.taskFeatures, m.Task.Columns, x, 1)
}

// read returns the moment after a history, and the number of a task's text; silence's
// where there is none.
func (s *Scorer) read(history []trace.Event, task *string) (*moment, int32) {
	d := s.view.d
	at, offered := d.turn(history, 0), int32(silence)
	if task != nil {
		offered = d.text(*task)
		d.sentences(offered)
	}
	for _, w := range d.lexicon.words[len(s.idf):] {
		s.idf = append(s.idf, s.model.Vocabulary.idf(w))
	}
	if len(s.weights) <= len(s.idf) { // new words came between the old ones
		before := d.lexicon.sort()
		for _, t := range s.view.texts {
			t.rerank(before, d.lexicon.rank)
		}
		s.weights = make([]float64, len(s.idf)+1)
		for n, r := range d.lexicon.rank {
			s.weights[r] = s.idf[n]
		}
		s.weights[len(s.idf)] = s.model.Vocabulary.idf("")
	}
	m := s.view.at(at)
	m.weights = s.weights
	return m, offered
}

// offer is a text proposed at the moment that was read last.
func (s *Scorer) offer(text int32) *offer {
	return s.view.offer.at(&s.view.moment, s.view.text(text)).weigh(s.weights)
}

// rerank follows a lexicon that is sorted again.
func (t *text) rerank(before []uint32, rank []word) {
	for _, set := range [][]word{t.set, t.quoted} {
		for i, w := range set {
			set[i] = rank[before[w]]
		}
	}
}
