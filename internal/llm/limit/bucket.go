package limit

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// A bucket meters one rate. It adds to rate.Limiter that more may be taken at
// once than the burst, and that what was not used can be given back. A nil
// bucket does not bind.
type bucket struct {
	mu     sync.Mutex
	rate   *rate.Limiter
	credit int // given back, and used up before anything more is taken
}

func newBucket(perMinute int) *bucket {
	if perMinute <= 0 {
		return nil
	}
	return &bucket{rate: rate.NewLimiter(rate.Limit(float64(perMinute)/60), max(1, perMinute/60))}
}

// take takes n and returns how long to wait before using it.
func (b *bucket) take(now time.Time, n int) time.Duration {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	used := min(n, b.credit)
	b.credit -= used
	n -= used
	var wait time.Duration
	for n > 0 {
		part := min(n, b.rate.Burst())
		wait = b.rate.ReserveN(now, part).DelayFrom(now)
		n -= part
	}
	return wait
}

// correct replaces an estimate by what was used.
func (b *bucket) correct(now time.Time, estimate, used int) {
	if used > estimate {
		b.take(now, used-estimate) // those who come later wait for it
		return
	}
	if b != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.credit += estimate - used
	}
}
