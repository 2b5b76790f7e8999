package limit

import "time"

// A pace is how many calls a second may be sent, found by trying.
type pace struct {
	bucket
	rate float64 // calls a second; 0: none was found
	// usual is the rate's average of late. Growth goes by it and not by the rate,
	// so that who was cut more often by chance is back as soon as the others.
	usual   float64
	found   time.Time
	changed time.Time
	held    uint64 // the last send during which the pace held calls back
	meter   meter
}

const (
	slowest   = 0.1 // calls a second; growth goes by no less either
	usualOver = time.Minute
)

func (p *pace) delay(now time.Time) time.Duration { return p.bucket.delay(now, p.rate, p.burst(), 1) }

// take spends one call, more or less by jitter, which is in [0,1). Senders that
// go like clockwork fall into step, and then some meet all the refusals.
func (p *pace) take(now time.Time, jitter float64) {
	p.bucket.take(now, p.rate, p.burst(), 0.75+jitter/2)
}

// burst is a tenth of a second's worth: as even as timers are.
func (p *pace) burst() float64 { return max(1, p.rate/10) }

// drain begins a pause. What is achieved after a long one says nothing of before.
func (p *pace) drain(now, until time.Time) {
	p.bucket.drain(until)
	if until.Sub(now) > time.Second {
		p.meter = meter{}
	}
}

// bound notes that a call waits for the pace.
func (p *pace) bound(sent uint64) { p.held = sent }

// cut sets the pace to 0.7 of what was achieved: the pace itself where it held
// calls back, or else what was counted. While nothing was, the guess is a window
// a second. Only a cut after a proven pace changes what is usual.
func (p *pace) cut(now time.Time, window float64, number uint64, proven bool) {
	base := p.rate
	if base == 0 {
		base = window
	}
	if got, known := p.meter.rate(now); known {
		if p.rate == 0 {
			base = got
		} else if p.held < number {
			base = min(base, got)
		}
	}
	if p.rate == 0 {
		p.usual, p.found, p.changed = base, now, now
	}
	if proven {
		p.average(now)
		p.usual = min(p.usual, 2*base)
	}
	p.changed = now
	p.rate = max(cutTo*base, slowest)
}

// succeeded grows the pace if it held calls back while that call was under way.
// Below 2 calls a second growth slows with the square of the usual pace, so that
// there are 30 calls and more from one refusal to the next, but not to a stop.
func (p *pace) succeeded(now time.Time, number uint64) {
	p.meter.add(now)
	if p.rate == 0 {
		return
	}
	if p.held >= number {
		p.rate += max(slowest, p.usual*min(1, p.usual/2)) * growth(p.changed, now)
	}
	p.average(now)
}

// average brings the usual pace up to date.
func (p *pace) average(now time.Time) {
	over := min(usualOver, time.Second+now.Sub(p.found))
	p.usual += (p.rate - p.usual) * min(1, now.Sub(p.changed).Seconds()/over.Seconds())
	p.changed = now
}
