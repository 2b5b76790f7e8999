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
	lexicon lexicon
	idf     []float64 // by word's number
	weights []float64 // by word
	texts   map[string]*text
	cuts    map[string]cut // of texts to come
	events  []event
	moment  moment
	offer   offer
}

// Scorer returns a Scorer. It holds every sentence it saw, so use one a trace.
func (m *Model) Scorer() *Scorer {
	return &Scorer{model: m, texts: map[string]*text{}, cuts: map[string]cut{}}
}

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
	s.read(history, task)
	m, at := s.model, s.at(history)
	if task != nil {
		o := s.offer.at(at, s.texts[*task])
		o.weigh(s.weights)
		x := values(m.taskFeatures, o)
		parts, sum := m.Task.contributions(x)
		return clip(sum), explain(m.taskFeatures, m.Task.Columns, x, parts, 1)
	}
	x := values(m.needFeatures, at)
	parts, sum := m.Need.contributions(x)
	return clip(1 - sum), explain(m.needFeatures, m.Need.Columns, x, parts, -1)
}

// at is the moment after events that were read.
func (s *Scorer) at(history []trace.Event) *moment {
	s.events = s.events[:0]
	for _, e := range history {
		s.events = append(s.events, newEvent(s.texts[e.Text], e.Time))
	}
	s.moment.weights = s.weights
	return s.moment.at(s.events)
}

// read takes apart what is new, all of it before words are ranked.
func (s *Scorer) read(history []trace.Event, task *string) {
	cut := func(sentence string) {
		if s.texts[sentence] == nil {
			s.texts[sentence], s.cuts[sentence] = new(text), s.lexicon.cutText(sentence)
		}
	}
	for _, e := range history {
		cut(e.Text)
	}
	if task != nil {
		cut(*task)
	}
	if len(s.cuts) == 0 {
		return
	}
	for _, w := range s.lexicon.words[len(s.idf):] {
		s.idf = append(s.idf, s.model.Vocabulary.idf(w))
	}
	if moved := s.lexicon.sort(); moved != nil {
		for _, t := range s.texts {
			t.move(moved)
		}
		s.weights = make([]float64, len(s.idf))
		for n, r := range s.lexicon.rank {
			s.weights[r] = s.idf[n]
		}
	}
	for sentence, cut := range s.cuts {
		s.texts[sentence] = s.lexicon.text(sentence, cut)
	}
	clear(s.cuts)
}
