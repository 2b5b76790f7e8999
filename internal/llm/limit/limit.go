// Package limit holds the calls to one model to what its provider bears. The
// provider's limits are found, not configured; configured limits are bounds
// that are never passed. A Limiter promises:
//
//   - Calls in flight stay within a window. It starts at 64 and grows by one
//     with each success, so it doubles each round trip, until an overload
//     (status 429 or 529, or 503 with retry-after) cuts it to 0.7, once for all
//     calls that were sent before the cut. From then on it grows by one a window
//     of successes, or by a 15th a second where that is more. It grows, and is
//     cut, only when it was what held calls back.
//   - Calls a second stay within a pace, which the first 429 sets to 0.7 of what
//     was achieved. It is cut like the window, and grows by a 15th of its
//     average a second. Below 2 calls a second it grows slower, so that refusals
//     stay rare, and it never falls below 6 calls a minute.
//   - An overload after 30 successes without one cuts nothing at 5 calls a second
//     and more: providers refuse a call in a hundred for reasons of their own. One
//     that asks to wait less than a second cuts nothing after 20, at any pace.
//   - What the provider says of its limits holds: a minute's limit is spread over
//     the minute, and what remains until a reset over the time until then.
//     Processes that share a key see the same numbers, and so go at one pace.
//   - retry-after pauses all calls; without it a cut pauses them for up to 100 ms,
//     doubling up to 10 s while nothing succeeds. Pauses have jitter, and calls
//     come back one by one, at the pace.
//   - Waiting calls go in order of arrival; one that was refused keeps its place.
//   - A call that alone has more tokens than the provider's limit of a minute, and
//     was turned away with 429, is refused: it can never go.
//   - After a failure that only a person can mend (class llm.Denied) no further
//     call is sent: those that wait and those to come get the same error.
//
// The limiter owns overloads: it alone waits and sends such a call again, and
// package retry, above it, owns every other failure. So their waits do not
// multiply, and a key that is merely busy uses up nobody's attempts. A call is
// given up when it was refused for 5 minutes, if no other succeeded in that time
// or it was refused 8 times, and when the server asks for a longer pause.
package limit

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gymline/gymline/internal/llm"
)

// A call fails when it has been refused for overload for Patience, from the first
// refusal on, and maxRefusals times or while no other call succeeded either.
const (
	Patience    = 5 * time.Minute
	maxRefusals = 8
)

// tooMany is the status for calls beyond a limit of ours; the other overloads are
// the provider's.
const tooMany = 429

// cutTo is what an overload leaves of the window and of the pace: CUBIC's factor
// (RFC 9438).
const cutTo = 0.7

// growth is the part of itself by which a window or a pace grows at a success: a
// cut is won back in about 5 seconds of successes. Tuned in the simulations of
// share_test.go, for even shares without headers and few refusals.
func growth(since, now time.Time) float64 { return min(5, now.Sub(since).Seconds()) / 15 }

// How many successes make an overload look like the provider's own affair, and
// how many do so where it passes within a second. Tuned there, too: with fewer a
// real limit would not cut, with more noise would.
const (
	calmAfter  = 30
	briefAfter = 20
)

// The pause after an overload without retry-after.
const (
	firstPause = 100 * time.Millisecond
	maxPause   = 10 * time.Second
)

// A Clock is the time that rates are measured in. Jitter gives numbers in
// [0,1) and is safe for concurrent use.
type Clock struct {
	Now    func() time.Time
	Sleep  func(ctx context.Context, d time.Duration) error
	Jitter func() float64
}

// A Limiter is a model within its limits.
type Limiter struct {
	next  llm.Chatter
	clock Clock

	mu       sync.Mutex
	queue    list.List // of *call, in order of arrival
	arrived  uint64    // calls so far
	sent     uint64    // sends so far
	inFlight int
	window   window
	pace     pace
	requests quota
	tokens   quota

	cutAt     uint64 // sends up to this one can cut nothing any more
	calm      int    // successes since the last overload
	proven    bool   // a call that was sent after the last cut succeeded
	barren    int    // cuts since the last success of any call
	refused   int64
	succeeded time.Time  // when a call last did
	resume    time.Time  // no call is sent before
	paused    *llm.Error // why
	denied    error      // what no further call can mend
}

// Wrap returns next within its limits, of which l are upper bounds. A call's
// tokens are estimated as a quarter of its bytes before it is sent, and put
// right by the provider's count after; one that failed keeps its estimate.
func Wrap(next llm.Chatter, l llm.Limits, c Clock) *Limiter {
	return &Limiter{
		next: next, clock: c, window: newWindow(l.Concurrency),
		requests: newQuota(l.RequestsPerMinute), tokens: newQuota(l.TokensPerMinute),
	}
}

// A State is what a Limiter has found.
type State struct {
	Window   int     // calls that may be in flight
	InFlight int     // calls that are
	Waiting  int     // calls that wait for their turn
	Pace     float64 // calls a second; 0 while none was found
	Refused  int64   // calls that were turned away for overload so far
	// PausedUntil is when calls are sent again; zero when they are.
	PausedUntil time.Time
}

// State returns what was found so far.
func (l *Limiter) State() State {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := State{Window: l.window.room(), InFlight: l.inFlight, Waiting: l.queue.Len(), Pace: l.pace.rate, Refused: l.refused}
	if l.resume.After(l.clock.Now()) {
		s.PausedUntil = l.resume
	}
	return s
}

// Chat sends req when its turn has come, again while the model is overloaded.
func (l *Limiter) Chat(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	c := call{tokens: float64(Estimate(req))}
	for {
		if err := l.enter(ctx, &c); err != nil {
			return nil, err
		}
		resp, err := l.next.Chat(ctx, req)
		if err, again := l.leave(&c, resp, err); !again {
			return resp, err
		}
	}
}

// leave learns from how a call ended. It reports whether to send it again.
func (l *Limiter) leave(c *call, resp *llm.Response, err error) (_ error, again bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.wakeHead()
	now := l.clock.Now()
	l.inFlight--
	if err == nil {
		l.barren, l.succeeded = 0, now
		l.proven = l.proven || c.number > l.cutAt
		l.calm++
		l.window.succeeded(now, c.number)
		l.pace.succeeded(now, c.number)
		if used := resp.Usage.Prompt + resp.Usage.Completion; used > 0 { // some servers do not count
			l.tokens.correct(now, c.tokens, float64(used))
		}
		l.learn(now, c, resp.Rate)
		return nil, false
	}
	e, ok := errors.AsType[*llm.Error](err)
	if !ok {
		return err, false
	}
	l.learn(now, c, e.Rate)
	switch {
	case e.Class == llm.Denied:
		l.denied = err // each that waits wakes the next as it leaves
	case beyond(c, e):
		alone := *e
		alone.Class = llm.Refused
		alone.Err = fmt.Errorf("%w (the request has about %.0f tokens, and a minute's limit is %d)", e.Err, c.tokens, e.Rate.Tokens.Limit)
		return &alone, false
	case e.Overload():
		return l.overloaded(now, c, e)
	}
	return err, false
}

// beyond reports whether a call was turned away that alone has more tokens than
// the provider lets through in a minute.
func beyond(c *call, e *llm.Error) bool {
	return e.Status == tooMany && e.Overload() && e.Rate != nil && e.Rate.Tokens.Limit > 0 && c.tokens > float64(e.Rate.Tokens.Limit)
}

// learn takes in what the provider said of its limits beside an answer.
func (l *Limiter) learn(now time.Time, c *call, r *llm.Rate) {
	if r != nil {
		l.requests.learn(now, r.Requests, c.sentAt, c.requestsSpent)
		l.tokens.learn(now, r.Tokens, c.sentAt, c.tokensSpent)
	}
}

// overloaded cuts and pauses. It reports whether to send c again.
func (l *Limiter) overloaded(now time.Time, c *call, e *llm.Error) (_ error, again bool) {
	l.refused++
	c.refusals++
	if c.refusedAt.IsZero() {
		c.refusedAt = now
	}
	cut := c.number > l.cutAt && !l.forgiven(now, e)
	l.calm = 0
	if cut {
		l.cutAt = l.sent
		l.barren++
		if e.Status == tooMany { // a provider that is overloaded as a whole says nothing of our pace
			l.pace.cut(now, l.window.size, c.number, l.proven)
		}
		if !explained(e.Rate) && l.window.full >= c.number {
			l.window.cut(now, l.inFlight, l.proven)
		}
		l.proven = false
	}
	switch {
	case e.RetryAfter > 0:
		l.pause(now, e.RetryAfter+l.jitter(min(e.RetryAfter/10, time.Second)), e)
	case cut:
		most := min(firstPause<<min(l.barren-1, 16), maxPause)
		l.pause(now, most/2+l.jitter(most/2), e)
	}
	refused := now.Sub(c.refusedAt)
	if refused >= Patience && (c.refusals >= maxRefusals || now.Sub(l.succeeded) >= Patience) || e.RetryAfter > Patience {
		last := *e
		last.Err = fmt.Errorf("%w (overloaded for %v, %d calls)", e.Err, refused.Round(time.Second), c.refusals)
		return &last, false
	}
	return e, true
}

func (l *Limiter) jitter(most time.Duration) time.Duration {
	return time.Duration(l.clock.Jitter() * float64(most))
}

// forgiven reports whether an overload after many successes cuts nothing.
// Providers refuse a call in a hundred for reasons of their own, and what their
// numbers explain is seldom met again. Below 5 calls a second signs are too few
// to let one pass.
func (l *Limiter) forgiven(now time.Time, e *llm.Error) bool {
	// The first ones may come before there are successes to count.
	if e.RetryAfter > 0 && e.RetryAfter < time.Second && (l.calm >= briefAfter || l.refused <= 2) {
		return true
	}
	got, _ := l.pace.meter.rate(now)
	return l.calm >= calmAfter && (got >= 5 || explained(e.Rate))
}

// explained reports whether a limit a minute is used up, which says nothing of
// how many calls may be in flight.
func explained(r *llm.Rate) bool {
	used := func(w llm.Quota) bool { return w.Remaining == 0 && w.Reset > 0 }
	return r != nil && (used(r.Requests) || used(r.Tokens))
}

// pause sends nothing for d, and what would then go at once one by one.
func (l *Limiter) pause(now time.Time, d time.Duration, why *llm.Error) {
	until := now.Add(d)
	if !until.After(l.resume) {
		return
	}
	l.resume, l.paused = until, why
	l.requests.drain(until)
	l.tokens.drain(until)
	l.pace.drain(now, until)
}

// Estimate returns about how many prompt tokens a request has: a quarter of its bytes.
func Estimate(req *llm.Request) int {
	n := 0
	for _, m := range req.Messages {
		n += len(m.Content)
	}
	if req.Schema != nil {
		n += len(req.Schema.Schema)
	}
	return n/4 + 1
}
