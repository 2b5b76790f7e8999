package limit

import (
	"math"
	"time"
)

// startWindow is how many calls are in flight before anything is known: a guess
// that costs a few refusals at worst, and doubles each round trip.
const startWindow = 64

// A window is how many calls may be in flight, found as TCP finds its
// congestion window (RFC 5681), with CUBIC's factor of decrease (RFC 9438).
type window struct {
	most  float64 // configured
	size  float64
	mark  float64 // below it, each success adds one
	peak  int     // the most in flight since the last cut
	grown time.Time
	full  uint64 // the last send during which the window held calls back
}

func newWindow(most int) window {
	w := window{most: math.Inf(1), mark: math.Inf(1)}
	if most > 0 {
		w.most = float64(most)
	}
	w.size = min(startWindow, w.most)
	return w
}

func (w *window) room() int { return int(w.size) }

func (w *window) sent(inFlight int, number uint64) {
	w.peak = max(w.peak, inFlight)
	if inFlight >= w.room() {
		w.full = number
	}
}

// bound notes that a call waits for room.
func (w *window) bound(sent uint64) { w.full = sent }

// succeeded grows the window if it was full while that call was under way: by
// one a window of successes, or where that is more, by a part of itself a second.
// By successes alone a window of thousands, or of slow calls, would need an hour.
func (w *window) succeeded(now time.Time, number uint64) {
	switch {
	case w.full < number:
	case w.size < w.mark:
		w.size++
	default:
		w.size += max(1/w.size, w.size*growth(w.grown, now))
	}
	w.size = min(w.size, w.most)
	w.grown = now
}

// cut makes the window smaller, but never less than one call. Only after
// a proven window does it tell how much the provider bears: up to there the
// window grows fast again.
func (w *window) cut(now time.Time, inFlight int, proven bool) {
	w.size = max(1, cutTo*min(w.size, float64(max(w.peak, inFlight+1))))
	if proven {
		w.mark = w.size
	}
	w.peak, w.grown = inFlight, now
}
