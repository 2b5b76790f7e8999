package reach

import (
	"net/http"
	"strconv"
	"time"
)

// longest keeps an absurd header from overflowing a Duration.
const longest = 24 * time.Hour

// RetryAfter reads the headers of an answer: Retry-After, in seconds or as a date, and before it
// Retry-After-Ms; 0 when they do not say. A date is taken relative to the answer's own
// Date header, so clocks need not agree.
func RetryAfter(h http.Header) time.Duration {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil {
		return Seconds(ms / 1e3)
	}
	v := h.Get("Retry-After")
	if s, err := strconv.ParseFloat(v, 64); err == nil {
		return Seconds(s)
	}
	until, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return Seconds(until.Sub(now).Seconds())
}

// Seconds is a wait of so many, as far as one can be: none that is negative or no number.
func Seconds(seconds float64) time.Duration {
	if !(seconds > 0) { // also NaN
		return 0
	}
	return time.Duration(min(seconds, longest.Seconds()) * float64(time.Second))
}
