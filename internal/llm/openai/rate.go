package openai

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/reach"
)

// rates reads what an answer's headers say of the limits a minute: OpenAI's
// names, which most servers use, or Anthropic's. It is nil when they say nothing.
func rates(h http.Header) *llm.Rate {
	r := llm.Rate{
		Requests: quota(h, "X-Ratelimit-%-Requests", "Anthropic-Ratelimit-Requests-%"),
		// Anthropic's tokens are the tightest of its limits of tokens.
		Tokens: quota(h, "X-Ratelimit-%-Tokens", "Anthropic-Ratelimit-Tokens-%"),
	}
	if r == (llm.Rate{Requests: unsaid, Tokens: unsaid}) {
		return nil
	}
	return &r
}

// unsaid is a limit of which nothing is known.
var unsaid = llm.Quota{Limit: -1, Remaining: -1, Reset: -1}

// quota reads one limit from the first family of names that says anything.
func quota(h http.Header, names ...string) llm.Quota {
	for _, name := range names {
		get := func(what string) string {
			v := h[strings.Replace(name, "%", what, 1)] // in canonical form
			if len(v) == 0 {
				return ""
			}
			return strings.TrimSpace(v[0])
		}
		w := llm.Quota{Limit: amount(get("Limit")), Remaining: amount(get("Remaining")), Reset: reset(get("Reset"), h)}
		if w != unsaid {
			return w
		}
	}
	return unsaid
}

// amount reads a count; -1 when there is none.
func amount(v string) int {
	n, err := strconv.ParseFloat(v, 64)
	if err != nil || !(n >= 0) { // also NaN
		return -1
	}
	return int(min(n, math.MaxInt32))
}

// reset reads how long a limit lasts: a duration ("6m0s", "12ms"), seconds, a
// point in time in Unix seconds or milliseconds, or an RFC 3339 time; -1 when it
// is none of these. Points in time are taken relative to the answer's Date header.
func reset(v string, h http.Header) time.Duration {
	if d, err := time.ParseDuration(v); err == nil && v != "0" {
		return clampReset(d.Seconds())
	}
	n, err := strconv.ParseFloat(v, 64)
	if err == nil && n < 1e9 {
		return clampReset(n)
	}
	now, noDate := http.ParseTime(h.Get("Date"))
	if noDate != nil {
		return -1
	}
	switch at, notTime := time.Parse(time.RFC3339, v); {
	case notTime == nil:
		return clampReset(max(0, at.Sub(now).Seconds()))
	case err == nil && n < 1e12:
		return clampReset(max(0, n-float64(now.Unix())))
	case err == nil:
		return clampReset(max(0, n/1e3-float64(now.Unix())))
	}
	return -1
}

func clampReset(seconds float64) time.Duration {
	if !(seconds >= 0) { // also NaN
		return -1
	}
	return reach.Seconds(seconds)
}
