package store

import (
	"slices"
	"testing"
	"time"
)

func TestStamp(t *testing.T) {
	at := time.Date(2026, 11, 28, 23, 59, 59, 999_999_999, time.FixedZone("", 3600))
	if got, want := Stamp(at), "2026-11-28T22:59:59.999Z"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	var stamps []string
	for i := range 1200 { // also those that end in zeros
		stamps = append(stamps, Stamp(at.Add(time.Duration(i)*time.Millisecond)))
	}
	if !slices.IsSorted(stamps) {
		t.Error("stamps do not sort as times do")
	}
	for _, s := range []string{stamps[1], "2026-11-28T23:00:00Z", "2026-11-28T23:00:00.000000001Z"} { // the last two as older versions wrote
		back, err := ParseStamp(s)
		if err != nil || s == stamps[1] && Stamp(back) != s {
			t.Errorf("%s: %v %v", s, back, err)
		}
	}
}
