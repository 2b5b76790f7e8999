package reach

import (
	"net/http"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	const now, later = "Mon, 02 Jan 2006 15:04:05 GMT", "Mon, 02 Jan 2006 15:04:35 GMT"
	for _, test := range []struct {
		after, ms, date string
		want            time.Duration
	}{
		{"", "", now, 0},
		{"2", "", now, 2 * time.Second},
		{"1.5", "", "", 1500 * time.Millisecond},
		{"2", "150.5", "", 150500 * time.Microsecond},
		{later, "", now, 30 * time.Second},
		{"Monday, 02-Jan-06 15:04:35 GMT", "", now, 30 * time.Second}, // RFC 850
		{"Mon Jan  2 15:04:35 2006", "", now, 30 * time.Second},       // asctime
		{now, "", later, 0},
		{later, "", "", 0}, // relative to nothing that is known
		{later, "", "now", 0},
		{"-5", "", now, 0},
		{"NaN", "", now, 0},
		{"1e300", "", now, longest},
		{"soon", "", now, 0},
	} {
		h := http.Header{}
		for name, value := range map[string]string{"Retry-After": test.after, "Retry-After-Ms": test.ms, "Date": test.date} {
			if value != "" {
				h.Set(name, value)
			}
		}
		if got := RetryAfter(h); got != test.want {
			t.Errorf("%v: %s, want %s", h, got, test.want)
		}
	}
}
