package store

import "time"

// stampLayout has one width, so that times sort as text.
const stampLayout = "2006-01-02T15:04:05.000Z"

// Stamp is a time as records have it: RFC 3339, in UTC, to the millisecond.
func Stamp(t time.Time) string { return t.UTC().Format(stampLayout) }

// ParseStamp reads the time of a record; what older versions wrote is finer.
func ParseStamp(s string) (time.Time, error) { return time.Parse(time.RFC3339Nano, s) }
