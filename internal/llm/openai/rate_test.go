package openai

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/llm"
)

const date = "Mon, 02 Jan 2006 15:04:05 GMT"

func TestRates(t *testing.T) {
	s := time.Second
	for name, tt := range map[string]struct {
		header map[string]string
		want   *llm.Rate
	}{
		"nothing": {map[string]string{"Retry-After": "3"}, nil},
		"openai": {map[string]string{
			"x-ratelimit-limit-requests": "500", "x-ratelimit-remaining-requests": "499", "x-ratelimit-reset-requests": "120ms",
			"x-ratelimit-limit-tokens": "30000", "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s",
		}, &llm.Rate{Requests: llm.Quota{Limit: 500, Remaining: 499, Reset: 120 * time.Millisecond}, Tokens: llm.Quota{Limit: 30000, Reset: 360 * s}}},
		"one header": {map[string]string{"X-RateLimit-Remaining-Requests": "7"}, &llm.Rate{Requests: llm.Quota{Limit: -1, Remaining: 7, Reset: -1}, Tokens: unsaid}},
		"seconds": {map[string]string{"x-ratelimit-reset-requests": "1.5", "x-ratelimit-reset-tokens": "0"},
			&llm.Rate{Requests: llm.Quota{Limit: -1, Remaining: -1, Reset: 1500 * time.Millisecond}, Tokens: llm.Quota{Limit: -1, Remaining: -1}}},
		"points in time": {map[string]string{"Date": date, "x-ratelimit-reset-requests": "1136214255", "x-ratelimit-reset-tokens": "1136214305500"},
			&llm.Rate{Requests: llm.Quota{Limit: -1, Remaining: -1, Reset: 10 * s}, Tokens: llm.Quota{Limit: -1, Remaining: -1, Reset: 60500 * time.Millisecond}}},
		"anthropic": {map[string]string{
			"Date": date, "anthropic-ratelimit-requests-limit": "50", "anthropic-ratelimit-requests-remaining": "49", "anthropic-ratelimit-requests-reset": "2006-01-02T15:04:35Z",
			"anthropic-ratelimit-tokens-limit": "40000", "anthropic-ratelimit-tokens-remaining": "39000", "anthropic-ratelimit-tokens-reset": "2006-01-02T15:04:00Z",
		}, &llm.Rate{Requests: llm.Quota{Limit: 50, Remaining: 49, Reset: 30 * s}, Tokens: llm.Quota{Limit: 40000, Remaining: 39000}}},
		"a time without a date": {map[string]string{"anthropic-ratelimit-requests-reset": "2006-01-02T15:04:35Z"}, nil},
		"nonsense": {map[string]string{"x-ratelimit-limit-requests": "many", "x-ratelimit-remaining-requests": "-1", "x-ratelimit-reset-requests": "soon",
			"x-ratelimit-limit-tokens": "NaN", "x-ratelimit-remaining-tokens": "", "x-ratelimit-reset-tokens": "-5s"}, nil},
		"absurd": {map[string]string{"x-ratelimit-limit-requests": "1e300", "x-ratelimit-reset-requests": "2000000h"},
			&llm.Rate{Requests: llm.Quota{Limit: 1<<31 - 1, Remaining: -1, Reset: 24 * time.Hour}, Tokens: unsaid}},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.Header{}
			for k, v := range tt.header {
				h.Set(k, v)
			}
			got := rates(h)
			if (got == nil) != (tt.want == nil) || got != nil && *got != *tt.want {
				t.Errorf("got %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

// TestRateIsPassedOn: answers and failures both bring what the headers say.
func TestRateIsPassedOn(t *testing.T) {
	status := 200
	m := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("x-ratelimit-remaining-requests", "3")
		w.WriteHeader(status)
		fmt.Fprint(w, reply("x"))
	})
	c := dial(t, m)
	resp, err := c.Chat(t.Context(), &llm.Request{})
	if err != nil || resp.Rate == nil || resp.Rate.Requests.Remaining != 3 {
		t.Errorf("%+v, %v", resp, err)
	}
	status = 429
	_, err = c.Chat(t.Context(), &llm.Request{})
	if e, ok := errors.AsType[*llm.Error](err); !ok || e.Rate == nil || e.Rate.Requests.Remaining != 3 {
		t.Errorf("%#v", err)
	}
}

// FuzzRates: whatever the headers hold, what is read is in bounds.
func FuzzRates(f *testing.F) {
	for _, v := range []string{"500", "6m0s", "12ms", "1.5", "-1", "NaN", "Inf", "-Inf", "1e400", "1136214255", "1e13", "2006-01-02T15:04:35Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "", "0", "9999999h", "-1ns"} {
		f.Add(v, date)
		f.Add(v, "")
	}
	f.Fuzz(func(t *testing.T, v, date string) {
		h := http.Header{"Date": {date}}
		for _, what := range []string{"Limit", "Remaining", "Reset"} {
			h["X-Ratelimit-"+what+"-Requests"] = []string{v}
			h["Anthropic-Ratelimit-Tokens-"+what] = []string{v}
		}
		r := rates(h)
		if r == nil {
			return
		}
		if r.Requests != r.Tokens {
			t.Errorf("%q is read in two ways: %+v", v, r)
		}
		w := r.Requests
		if w == unsaid || w.Limit < -1 || w.Limit > 1<<31-1 || w.Remaining != w.Limit || w.Reset < -1 || w.Reset > 24*time.Hour {
			t.Errorf("%q: %+v", v, r)
		}
	})
}
