package trace

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A TimeFormat tells how an event's time was written.
type TimeFormat int

// The two formats that real data uses.
const (
	UnixTime TimeFormat = iota // unix seconds, e.g. "1717378000.744"
	DayTime                    // e.g. "Day 1, 11:02 PM"
)

// ParseTime reads an event's time as seconds since its format's origin: the
// unix epoch, or midnight of day 0. Only differences within a trace mean
// anything, and they may be negative: some real rows go backwards.
func ParseTime(s string) (seconds float64, format TimeFormat, err error) {
	if day, clock, ok := strings.Cut(s, ","); ok && strings.HasPrefix(day, "Day ") {
		n, err := strconv.Atoi(strings.TrimPrefix(day, "Day "))
		if err != nil {
			return 0, DayTime, fmt.Errorf("time %q: the day is not a number", s)
		}
		t, err := time.Parse("3:04 PM", strings.TrimSpace(clock))
		if err != nil {
			return 0, DayTime, fmt.Errorf("time %q: want \"Day N, hh:mm AM\"", s)
		}
		return float64(n)*86400 + float64(t.Hour()*3600+t.Minute()*60), DayTime, nil
	}
	seconds, err = strconv.ParseFloat(s, 64)
	if err != nil || seconds != seconds || seconds > 1e15 || seconds < -1e15 {
		return 0, UnixTime, fmt.Errorf("time %q: want unix seconds or \"Day N, hh:mm AM\"", s)
	}
	return seconds, UnixTime, nil
}
