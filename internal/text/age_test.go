package text

import (
	"testing"
	"time"
)

func TestAge(t *testing.T) {
	for d, want := range map[time.Duration]string{-time.Hour: "0 s", 59 * time.Second: "59 s", time.Minute: "1 min", 25 * time.Hour: "1 d", 23*time.Hour + time.Minute: "23 h"} {
		if got := Age(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestSince(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for s, want := range map[string]time.Time{
		"7d": now.AddDate(0, 0, -7), "2w": now.AddDate(0, 0, -14), "36h": now.Add(-36 * time.Hour),
		"2026-11-28": time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC), "2026-11-28T18:00:00Z": time.Date(2026, 11, 28, 18, 0, 0, 0, time.UTC),
	} {
		if got, err := Since(s, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "d", "-3d", "yesterday", "2026-13-01", "-2h"} {
		if got, err := Since(s, now); err == nil {
			t.Errorf("%q is %v", s, got)
		}
	}
}
