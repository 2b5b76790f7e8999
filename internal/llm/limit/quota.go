package limit

import (
	"time"

	"github.com/gymline/gymline/internal/llm"
)

// A quota is one limit of calls or tokens: what was configured, and what the
// provider says beside its answers.
type quota struct {
	bucket
	bound float64 // configured, a second; 0: none
	limit float64 // said, a second; 0: none

	// What may still be spent before the reset, and how fast to make it last.
	left   float64
	spread float64
	reset  time.Time

	spent float64 // so far
	heard float64 // spent when the call was sent that brought the latest news
}

func newQuota(perMinute int) quota {
	q := quota{bound: float64(perMinute) / 60}
	q.level = burst(q.bound)
	return q
}

// burst is one second's worth.
func burst(rate float64) float64 { return max(1, rate) }

// rate is the least of what binds now; 0 when nothing does.
func (q *quota) rate(now time.Time) float64 {
	r := q.bound
	if q.limit > 0 && (r == 0 || q.limit < r) {
		r = q.limit
	}
	if now.Before(q.reset) && (r == 0 || q.spread < r) {
		r = q.spread
	}
	return r
}

// delay returns how long n must wait.
func (q *quota) delay(now time.Time, n float64) time.Duration {
	if now.Before(q.reset) && q.left < n {
		return q.reset.Sub(now)
	}
	r := q.rate(now)
	d := q.bucket.delay(now, r, burst(r), n)
	if now.Before(q.reset) {
		d = min(d, q.reset.Sub(now)) // then it goes faster
	}
	return d
}

// take spends n and returns what was spent so far.
func (q *quota) take(now time.Time, n float64) float64 {
	r := q.rate(now)
	q.bucket.take(now, r, burst(r), n)
	q.left -= n
	q.spent += n
	return q.spent
}

// correct replaces an estimate by what was used.
func (q *quota) correct(now time.Time, estimate, used float64) {
	if r := q.rate(now); r > 0 {
		q.fill(now, r, burst(r))
		q.level += estimate - used
	}
}

// learn takes in what was said beside the answer to a call: sent when, and with
// how much spent by then. What was sent after it counts as not yet seen by the
// provider; what became free since counts only when the answer took more than
// half a minute, so that slow answers do not stall those who wait.
func (q *quota) learn(now time.Time, w llm.Quota, sentAt time.Time, spent float64) {
	if w.Limit > 0 {
		q.limit = float64(w.Limit) / 60
	}
	if w.Remaining < 0 || w.Reset < 0 || spent < q.heard {
		return // not said, or older news
	}
	q.heard = spent
	left := float64(w.Remaining) - (q.spent - spent) + q.limit*max(0, now.Sub(sentAt).Seconds()-30)
	if w.Limit > 0 {
		left = min(left, float64(w.Limit))
	}
	reset := min(w.Reset, Patience)
	q.left, q.reset = max(left, 0), now.Add(reset)
	q.spread = q.left / max(reset.Seconds(), 1e-3)
}
