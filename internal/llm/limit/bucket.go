package limit

import (
	"math"
	"time"
)

// A bucket fills with so much a second, up to a burst, and calls take from it.
// It may owe: a call bigger than the burst goes when the bucket is full.
type bucket struct {
	level float64
	at    time.Time
}

func (b *bucket) fill(now time.Time, rate, burst float64) {
	if d := now.Sub(b.at).Seconds(); d > 0 {
		b.level = min(burst, b.level+d*rate)
		b.at = now
	}
}

// delay returns how long n must wait; a rate of 0 does not bind.
func (b *bucket) delay(now time.Time, rate, burst, n float64) time.Duration {
	if rate <= 0 {
		return 0
	}
	b.fill(now, rate, burst)
	short := min(n, burst) - b.level
	if short <= 1e-6 {
		return 0
	}
	const day = 24 * 60 * 60
	return time.Duration(math.Ceil(min(short/rate, day) * 1e9))
}

func (b *bucket) take(now time.Time, rate, burst, n float64) {
	if rate > 0 {
		b.fill(now, rate, burst)
		b.level -= n
	}
}

// drain leaves nothing to go at once when a pause ends.
func (b *bucket) drain(until time.Time) {
	b.level = min(b.level, 0)
	b.at = until
}
