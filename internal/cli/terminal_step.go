package cli

import (
	"fmt"
	"time"

	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/text"
)

const (
	rateAfter = time.Second // no rate is told from less, while it goes on
	etaRows   = 10          // no time left is told from fewer rows, or from less than 1/20 of them
)

// A stepView is a step as it is shown: its sums, and how they moved lately.
type stepView struct {
	progress.Step
	// started and ended frame the step's own time.
	started, ended time.Time
	// recent tells rates. Rows may end in bursts, when sessions began together:
	// lately, which looks back further, tells the time left.
	recent, lately window
	reported       time.Time // when a line of it was last printed
	// heard is when one of the calls in flight was last seen to end, or the first was
	// sent, and ends is how many had ended then.
	heard time.Time
	ends  int64
}

func newStepView(name string) *stepView {
	return &stepView{
		Step:   progress.Step{Name: name},
		recent: window{span: 10 * time.Second, every: 250 * time.Millisecond},
		lately: window{span: 2 * time.Minute, every: 3 * time.Second},
	}
}

func (s *stepView) shardName(i int) string {
	if len(s.Shards) < 2 {
		return text.Line(s.Name)
	}
	return fmt.Sprintf("%s/%d", text.Line(s.Name), i)
}

// listen notes whether a call has ended.
func (s *stepView) listen(now time.Time) {
	sum := s.Sum()
	if ends := sum.Usage.Calls + sum.Errors.Passing() + sum.Errors.Refused; sum.InFlight == 0 || ends != s.ends || s.heard.IsZero() {
		s.heard, s.ends = now, ends
	}
}

// take takes an event of the step.
func (s *stepView) take(e progress.Event, now time.Time) {
	s.Take(e)
	if e.Type == progress.Progress {
		s.listen(now)
		if s.recent.due(now) || s.lately.due(now) {
			sum := s.Sum()
			s.recent.add(sample{now, sum.Done, sum.Usage.Calls})
			s.lately.add(sample{now, sum.Done, sum.Usage.Calls})
		}
		return
	}
	if e.State == progress.Running && s.started.IsZero() {
		s.started = now
		s.recent.add(sample{at: now})
		s.lately.add(sample{at: now})
	}
	if e.State == progress.Retrying { // rows start again, so older samples tell no rate
		s.recent.clear()
		s.lately.clear()
	}
	s.ended = time.Time{}
	if progress.Over(s.State()) {
		s.ended = now
	}
}

// rates returns rows and calls per second over the recent window, or 0 while
// too little was seen; after the step's end, over all of it.
func (s *stepView) rates(now time.Time) (rowsPerSec, callsPerSec float64) {
	if s.ended.IsZero() {
		sum := s.Sum()
		return s.recent.rates(sample{now, sum.Done, sum.Usage.Calls})
	}
	elapsed := s.ended.Sub(s.started)
	if elapsed < redrawEvery {
		return 0, 0
	}
	sum := s.Sum()
	return float64(sum.Done) / elapsed.Seconds(), float64(sum.Usage.Calls) / elapsed.Seconds()
}

// eta estimates the time left of the step from how fast rows ended lately, or
// in all its time while lately none did.
func (s *stepView) eta(now time.Time) (time.Duration, bool) {
	sum := s.Sum()
	left, elapsed := sum.Total-sum.Done, now.Sub(s.started)
	// Rows that began together end together: the first few tell nothing of the others.
	wave := min(sum.InFlight, sum.Total) / 2
	if left <= 0 || sum.Done < max(min(etaRows, sum.Total/20), wave, 1) || elapsed < rateAfter {
		return 0, false
	}
	rate, _ := s.lately.rates(sample{now, sum.Done, sum.Usage.Calls})
	if rate <= 0 {
		rate = float64(sum.Done) / elapsed.Seconds()
	}
	return time.Duration(float64(left) / rate * float64(time.Second)), true
}

// A window holds what a step's sums were over the last span of time.
type window struct {
	span, every time.Duration // every bounds the samples
	samples     []sample
}

// A sample is a step's sums at one moment.
type sample struct {
	at          time.Time
	rows, calls int64
}

func (w *window) clear() { w.samples = nil }

func (w *window) due(now time.Time) bool {
	n := len(w.samples)
	return n == 0 || now.Sub(w.samples[n-1].at) >= w.every
}

func (w *window) add(s sample) {
	if !w.due(s.at) {
		return
	}
	w.samples = append(w.samples, s)
	for len(w.samples) > 1 && s.at.Sub(w.samples[1].at) >= w.span {
		w.samples = w.samples[1:]
	}
}

// rates are rows and calls per second from the window's oldest sample to now.
func (w *window) rates(now sample) (rows, calls float64) {
	if len(w.samples) == 0 {
		return 0, 0
	}
	from := w.samples[0]
	elapsed := now.at.Sub(from.at)
	if elapsed < rateAfter {
		return 0, 0
	}
	return max(float64(now.rows-from.rows)/elapsed.Seconds(), 0), max(float64(now.calls-from.calls)/elapsed.Seconds(), 0)
}
