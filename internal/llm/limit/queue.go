package limit

import (
	"container/list"
	"context"
	"time"
)

// A call is one request on its way through a Limiter.
type call struct {
	tokens  float64 // estimated
	arrival uint64

	// While it waits; the one in front minds the clock for all.
	place *list.Element // in the queue; nil when not
	wake  chan struct{}
	alarm context.CancelFunc // ends its sleep; nil when it does not sleep

	// Of its last send.
	number                     uint64
	sentAt                     time.Time
	requestsSpent, tokensSpent float64 // of the quotas, this call included

	refusals  int
	refusedAt time.Time // first
}

// enter waits for c's turn and sends it off, unless it returns an error.
func (l *Limiter) enter(ctx context.Context, c *call) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.unqueue(c)
	if c.arrival == 0 {
		l.arrived++
		c.arrival = l.arrived
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if l.denied != nil {
			return l.denied
		}
		if l.queue.Len() > 0 {
			l.enqueue(c)
		}
		var wait time.Duration
		if l.queue.Front() == c.place { // also when nobody waits
			now := l.clock.Now()
			if l.resume.Sub(now) > Patience {
				return l.paused
			}
			if l.inFlight >= l.window.room() {
				l.window.bound(l.sent)
			} else if wait = l.delay(now, c); wait <= 0 {
				l.send(now, c)
				return nil
			}
			l.enqueue(c)
		}
		l.await(ctx, c, wait)
	}
}

// delay returns how long c must wait though there is room for it.
func (l *Limiter) delay(now time.Time, c *call) time.Duration {
	paced := l.pace.delay(now)
	if paced > 0 {
		l.pace.bound(l.sent)
	}
	return max(l.resume.Sub(now), paced, l.requests.delay(now, 1), l.tokens.delay(now, c.tokens))
}

func (l *Limiter) send(now time.Time, c *call) {
	l.inFlight++
	l.sent++
	c.number, c.sentAt = l.sent, now
	l.window.sent(l.inFlight, l.sent)
	l.pace.take(now, l.clock.Jitter())
	c.requestsSpent = l.requests.take(now, 1)
	c.tokensSpent = l.tokens.take(now, c.tokens)
}

// await sleeps for wait, or without one until woken, with the lock released.
func (l *Limiter) await(ctx context.Context, c *call, wait time.Duration) {
	if wait <= 0 {
		l.mu.Unlock()
		defer l.mu.Lock()
		select {
		case <-c.wake:
		case <-ctx.Done():
		}
		return
	}
	sleep, wake := context.WithCancel(ctx)
	defer wake()
	c.alarm = wake
	l.mu.Unlock()
	_ = l.clock.Sleep(sleep, wait) // enter looks at ctx
	l.mu.Lock()
	c.alarm = nil
}

// enqueue gives c its place by arrival: last, unless it was refused.
func (l *Limiter) enqueue(c *call) {
	if c.place != nil {
		return
	}
	if c.wake == nil {
		c.wake = make(chan struct{}, 1)
	}
	if last := l.queue.Back(); last == nil || last.Value.(*call).arrival < c.arrival {
		c.place = l.queue.PushBack(c)
		return
	}
	at := l.queue.Front()
	for at.Value.(*call).arrival < c.arrival {
		at = at.Next()
	}
	c.place = l.queue.InsertBefore(c, at)
}

// unqueue ends c's wait; who is in front then looks whether it may go as well.
func (l *Limiter) unqueue(c *call) {
	if c.place == nil {
		return
	}
	first := l.queue.Front() == c.place
	l.queue.Remove(c.place)
	c.place = nil
	if first {
		l.wakeHead()
	}
}

func (l *Limiter) wakeHead() {
	if e := l.queue.Front(); e != nil {
		e.Value.(*call).rouse()
	}
}

// rouse makes c look again, now or when it next would wait.
func (c *call) rouse() {
	if c.alarm != nil {
		c.alarm()
		return
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}
