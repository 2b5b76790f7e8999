package openai

import (
	"net/http"
	"strconv"
	"time"
)

// maxRetryAfter keeps an absurd header from overflowing a Duration.
const maxRetryAfter = 24 * time.Hour

// retryAfter reads how long the server asks to wait; 0 when it does not say. A
// date is taken relative to the answer's own Date header, so clocks need not agree.
func retryAfter(h http.Header) time.Duration {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil {
		return clampWait(ms / 1e3)
	}
	v := h.Get("Retry-After")
	if s, err := strconv.ParseFloat(v, 64); err == nil {
		return clampWait(s)
	}
	until, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return clampWait(until.Sub(now).Seconds())
}

func clampWait(seconds float64) time.Duration {
	if !(seconds > 0) { // also NaN
		return 0
	}
	return time.Duration(min(seconds, maxRetryAfter.Seconds()) * float64(time.Second))
}
