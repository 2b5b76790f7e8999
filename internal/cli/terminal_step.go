package cli

import (
	"fmt"
	"time"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/progress"
)

const (
	rateWindow  = 10 * time.Second       // that rates look back over
	sampleEvery = 250 * time.Millisecond // bounds the samples in the window
	rateAfter   = time.Second            // no rate is told from less, while it goes on
)

// A stepView sums up a step's shards.
type stepView struct {
	name      string
	shards    []shardView
	simulated bool
	// started and ended frame the step's own time.
	started, ended time.Time
	// spent is what earlier, failed attempts used.
	spent    llm.Usage
	samples  []sample
	reported time.Time // when a progress line was last printed
}

// A shardView is what is known of one shard: counts are of its latest attempt.
type shardView struct {
	state               string // "" while it waits
	done, total, failed int64
	usage               llm.Usage
}

// A sample is a step's sums at one moment, for rates.
type sample struct {
	at          time.Time
	rows, calls int64
}

func (s *stepView) grow(shards int) {
	for len(s.shards) < shards {
		s.shards = append(s.shards, shardView{})
	}
}

func (s *stepView) shard(i int) *shardView {
	i = max(i, 0)
	s.grow(i + 1)
	return &s.shards[i]
}

func (s *stepView) shardName(i int) string {
	if len(s.shards) < 2 {
		return clean(s.name)
	}
	return fmt.Sprintf("%s/%d", clean(s.name), i)
}

// change takes a shard's new state.
func (s *stepView) change(e progress.Event, now time.Time) {
	sh := s.shard(e.Shard)
	sh.state = e.State
	s.simulated = s.simulated || e.Simulated
	if e.State == progress.Running && s.started.IsZero() {
		s.started = now
		s.samples = []sample{{at: now}}
	}
	if e.State == progress.Retrying {
		s.spent = s.spent.Add(sh.usage)
		*sh = shardView{state: e.State}
		s.samples = nil // rows start again, so older samples tell no rate
	}
	s.ended = time.Time{}
	if over(s.state()) {
		s.ended = now
	}
}

// progress takes a shard's counts so far.
func (s *stepView) progress(e progress.Event, now time.Time) {
	sh := s.shard(e.Shard)
	sh.done, sh.total, sh.failed = e.Done, e.Total, e.Failed
	if e.Usage != nil {
		sh.usage = *e.Usage
	}
	s.simulated = s.simulated || e.Simulated
	n := len(s.samples)
	if n > 0 && now.Sub(s.samples[n-1].at) < sampleEvery {
		return
	}
	sum := s.sum()
	s.samples = append(s.samples, sample{at: now, rows: sum.done, calls: sum.usage.Calls})
	for len(s.samples) > 1 && now.Sub(s.samples[1].at) >= rateWindow {
		s.samples = s.samples[1:]
	}
}

// A stepSum adds up a step's shards.
type stepSum struct {
	done, total, failed int64
	guessed             bool // total is scaled up from the shards that know theirs
	usage               llm.Usage
	reused, waiting     int // shards
}

func (s *stepView) sum() stepSum {
	sum := stepSum{usage: s.spent}
	known, work := 0, 0
	for _, sh := range s.shards {
		sum.done += sh.done
		sum.total += sh.total
		sum.failed += sh.failed
		sum.usage = sum.usage.Add(sh.usage)
		switch sh.state {
		case progress.Reused:
			sum.reused++
			continue
		case "":
			sum.waiting++
		}
		work++
		if sh.total > 0 {
			known++
		}
	}
	if known > 0 && known < work {
		sum.total, sum.guessed = sum.total*int64(work)/int64(known), true
	}
	return sum
}

// state is the step's, from its shards': "" while all wait.
func (s *stepView) state() string {
	n := map[string]int{}
	for _, sh := range s.shards {
		n[sh.state]++
	}
	all := len(s.shards)
	switch {
	case n[progress.Failed] > 0:
		return progress.Failed
	case n[""] > 0 && n[""]+n[progress.Reused] == all:
		return ""
	case n[progress.Running] > 0:
		return progress.Running
	case n[progress.Retrying] > 0:
		return progress.Retrying
	case n[progress.Cancelled] > 0:
		return progress.Cancelled
	case n[""] > 0: // between two shards
		return progress.Running
	case n[progress.Reused] == all:
		return progress.Reused
	}
	return progress.Succeeded
}

// over says whether a step in this state has stopped.
func over(state string) bool {
	switch state {
	case progress.Reused, progress.Succeeded, progress.Failed, progress.Cancelled:
		return true
	}
	return false
}

// rates returns rows and calls per second over the window, or 0 while too
// little was seen; after the step's end, over all of it.
func (s *stepView) rates(now time.Time) (rowsPerSec, callsPerSec float64) {
	from, enough := sample{at: s.started}, redrawEvery
	if s.ended.IsZero() {
		if len(s.samples) == 0 {
			return 0, 0
		}
		from, enough = s.samples[0], rateAfter
	} else {
		now = s.ended
	}
	elapsed := now.Sub(from.at)
	if elapsed < enough {
		return 0, 0
	}
	sum := s.sum()
	return float64(sum.done-from.rows) / elapsed.Seconds(), float64(sum.usage.Calls-from.calls) / elapsed.Seconds()
}

// eta estimates the time left from the window's rate, or from the whole step's
// while the window saw no row end.
func (s *stepView) eta(now time.Time) (time.Duration, bool) {
	sum := s.sum()
	rate, _ := s.rates(now)
	if elapsed := now.Sub(s.started).Seconds(); rate <= 0 && elapsed > 0 {
		rate = float64(sum.done) / elapsed
	}
	left := sum.total - sum.done
	if rate <= 0 || left <= 0 || now.Sub(s.started) < rateAfter {
		return 0, false
	}
	return time.Duration(float64(left) / rate * float64(time.Second)), true
}
