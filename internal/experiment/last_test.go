package experiment

import (
	"testing"
	"time"
)

func TestLast(t *testing.T) {
	for _, tt := range []struct {
		cron []string
		zone string
		now  string
		want string
	}{
		{[]string{"0 3 * * *"}, "UTC", "2026-11-29T03:00:00Z", "2026-11-29T03:00:00Z"},
		{[]string{"0 3 * * *"}, "UTC", "2026-11-29T02:59:59Z", "2026-11-28T03:00:00Z"},
		{[]string{"0 3 * * *"}, "Europe/Berlin", "2026-11-29T02:59:59Z", "2026-11-29T02:00:00Z"},
		{[]string{"*/5 * * * *"}, "UTC", "2026-11-29T00:04:59Z", "2026-11-29T00:00:00Z"},
		{[]string{"0 3 * * 1", "30 12 * * 5"}, "UTC", "2026-11-29T00:00:00Z", "2026-11-27T12:30:00Z"},
		{[]string{"0 0 29 2 *"}, "UTC", "2026-11-29T00:00:00Z", "2024-02-29T00:00:00Z"},
		// At half past two the clock of this day stands twice: in summer time, and an hour later.
		{[]string{"30 2 * * *"}, "Europe/Berlin", "2026-10-25T00:45:00Z", "2026-10-25T00:30:00Z"},
		// And on this day it never does.
		{[]string{"30 2 * * *"}, "Europe/Berlin", "2026-03-29T20:00:00Z", "2026-03-28T01:30:00Z"},
	} {
		now, err := time.Parse(time.RFC3339, tt.now)
		if err != nil {
			t.Fatal(err)
		}
		last, err := (&Schedule{Cron: tt.cron, Timezone: tt.zone}).Last(now)
		if got := last.UTC().Format(time.RFC3339); err != nil || got != tt.want {
			t.Errorf("%q in %s at %s: %s, %v, want %s", tt.cron, tt.zone, tt.now, got, err, tt.want)
		}
	}
}
