package finetuneexport

import "math"

const (
	train      = "train"
	validation = "validation"
)

// splits assign whole traces to training or validation. Each unit (scenes
// of the gym that were written from one seed task, another scene, whose sessions
// resemble each other, or else a trace) draws a number from the seed and its own name; those below the share are
// held out, so that more data moves nothing that was there.
type splits struct {
	share     float64
	rand      func(unit string) float64
	unit      map[string]string  // trace → unit
	draw      map[string]float64 // unit → its number
	threshold float64
	alone     bool // there is one unit, and its traces are split
}

func newSplits(share float64, rand func(string) float64) *splits {
	return &splits{share: share, rand: rand, unit: map[string]string{}, draw: map[string]float64{}}
}

func traceKey(s *session) string { return s.source + "/" + s.trace }

// add takes a trace in; it is false for one that was added before.
func (p *splits) add(s *session) bool {
	key, unit := traceKey(s), traceKey(s)
	if s.group != "" {
		unit = s.source + "/" + s.group
	}
	if _, ok := p.unit[key]; ok {
		return false
	}
	p.unit[key] = unit
	if _, ok := p.draw[unit]; !ok {
		p.draw[unit] = p.rand(unit)
	}
	return true
}

// settle fixes the threshold when all traces are known. With a share above 0
// and at least two units, neither split is empty: the nearest draw is moved.
func (p *splits) settle() {
	if len(p.draw) == 1 && len(p.unit) > 1 { // one group: its traces are all there is to tell apart
		p.draw, p.alone = map[string]float64{}, p.share > 0
		for key := range p.unit {
			p.unit[key], p.draw[key] = key, p.rand(key)
		}
	}
	p.threshold = p.share
	if p.share == 0 || len(p.draw) < 2 {
		p.threshold = 0
		return
	}
	low, high, held := math.Inf(1), math.Inf(-1), 0
	for _, d := range p.draw {
		low, high = min(low, d), max(high, d)
		if d < p.share {
			held++
		}
	}
	switch held {
	case 0:
		p.threshold = math.Nextafter(low, 1)
	case len(p.draw):
		p.threshold = high
	}
}

func (p *splits) of(s *session) string { return p.side(p.unit[traceKey(s)]) }

func (p *splits) side(unit string) string {
	if p.draw[unit] < p.threshold {
		return validation
	}
	return train
}

func (p *splits) counts() map[string]int {
	n := map[string]int{train: 0, validation: 0}
	for _, unit := range p.unit {
		n[p.side(unit)]++
	}
	return n
}
