package trace

import (
	"context"
	"strings"
	"testing"
)

// TestTimesAreToldApart: each form is read as what it is, and shown in seconds where
// it counted smaller parts.
func TestTimesAreToldApart(t *testing.T) {
	for _, c := range []struct {
		written, text string
		seconds       float64
		format        TimeFormat
	}{
		{"1736240400.0", "1736240400.0", 1736240400, UnixTime},
		{"0", "0", 0, UnixTime},
		{"-12.5", "-12.5", -12.5, UnixTime},
		{"1.7362404e9", "1.7362404e9", 1736240400, UnixTime},
		{"1736240412500", "1736240412.5", 1736240412.5, UnixTime},
		{"1736240412500.25", "1736240412.50025", 1736240412.50025, UnixTime},
		{"1736240400000", "1736240400", 1736240400, UnixTime},
		{"1.7362404125e12", "1736240412.5", 1736240412.5, UnixTime},
		{"1736240412500000", "1736240412.5", 1736240412.5, UnixTime},
		{"1736240412500000000", "1736240412.5", 1736240412.5, UnixTime},
		{"2025-01-07T09:00:00Z", "2025-01-07T09:00:00Z", 1736240400, UnixTime},
		{"2025-01-07T10:00:12.5+01:00", "2025-01-07T10:00:12.5+01:00", 1736240412.5, UnixTime},
		{"2025-01-07 09:00:00z", "2025-01-07 09:00:00z", 1736240400, UnixTime},
		{"Day 1, 11:02 PM", "Day 1, 11:02 PM", 86400 + 23*3600 + 120, DayTime},
	} {
		m, err := readTime(c.written)
		if err != nil || m.text != c.text {
			t.Errorf("%s: shown as %q, %v; want %q", c.written, m.text, err, c.text)
		}
		if x, format, err := ParseTime(c.written); err != nil || x != c.seconds || format != c.format {
			t.Errorf("%s: %v, %v, %v; want %v", c.written, x, format, err, c.seconds)
		}
	}
}

func TestTimesBeyondReason(t *testing.T) {
	for written, want := range map[string]string{
		"noon": "is no time: want unix seconds", "": "is no time", "nan": "is no time", "inf": "is no time", "0x10": "is no time", " 1": "is no time",
		"20000000000": "is beyond reason", "50000000000000": "is beyond reason", "1e20": "is beyond reason", "-1736240400000": "is beyond reason",
		"99999999999999999999999": "is beyond reason", "1e999": "is beyond reason", "1-2": "is no time", "e": "is no time", "1.2.3": "is no time",
		"2025-01-07T09:00:00": "has no zone", "2025-01-07 09:00:00.5": "has no zone", "2025-01-07": "is no time", "2025-13-07T09:00:00Z": "is no time",
		"2025-01-07T09:00:00+0100": "is no time", "0001-01-01T00:00:00Z": "is beyond reason", "9999-12-31T00:00:00Z": "is beyond reason",
		"Day one, 1:00 PM": "is no number", "Day 1, 23:02": "no hour of the day", "Day 1": "no hour of the day", "Day 99999, 1:00 PM": "is beyond reason",
	} {
		if _, _, err := ParseTime(written); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", written, err, want)
		}
	}
}

// TestTimesOfATrace: a trace has one form of time, and its events belong together.
func TestTimesOfATrace(t *testing.T) {
	event := func(time string) string { return `{"observation":{"time":` + time + `,"event":"Moves."}}` }
	for _, c := range []struct{ times, want string }{
		{`1736240400.0 1736240412.5`, "1736240400.0 1736240412.5"},
		{`"1736240400.0" 1736240412.5`, "1736240400.0 1736240412.5"},
		{`1736240400000 "1736240412500"`, "1736240400 1736240412.5"},
		{`"2025-01-07T09:00:00Z" "2025-01-07T10:00:12+01:00"`, "2025-01-07T09:00:00Z 2025-01-07T10:00:12+01:00"},
		{`"1736240400.0" "1736240412500"`, `t.json:1: entry 1: observation.time: "1736240412500" is in milliseconds, and the trace begins in unix seconds`},
		{`1736240400000 1736240412500000`, "is in microseconds, and the trace begins in milliseconds"},
		{`"2025-01-07T09:00:00Z" 1736240400`, "is in unix seconds, and the trace begins in RFC 3339"},
		{`"Day 1, 1:00 PM" 1736240400`, "is in unix seconds, and the trace begins in Day N"},
		{`1736240400 0`, "is 55 years from the trace's first"},
		{`"2025-01-07T09:00:00Z" "1970-01-01T00:00:00Z"`, "is 55 years from the trace's first"},
		{`null`, "observation.time: missing; want unix seconds"},
		{`{}`, "observation.time: found an object; want unix seconds"},
	} {
		var entries []string
		rest := c.times
		for rest != "" {
			one := rest
			if strings.HasPrefix(rest, `"`) {
				one = rest[:strings.Index(rest[1:], `"`)+2]
			} else if i := strings.Index(rest, " "); i > 0 {
				one = rest[:i]
			}
			entries, rest = append(entries, event(one)), strings.TrimSpace(rest[len(one):])
		}
		traces, err := ReadBenchmark(context.Background(), fakeFiles{"t.json": "[" + strings.Join(entries, ",") + "]"}, ".")
		if err != nil {
			refused(t, c.times, err, c.want)
			continue
		}
		var got []string
		for _, turn := range traces[0].Turns {
			got = append(got, turn.Event.Time)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", c.times, got, c.want)
		}
	}
}

// TestRecordedTimesMatchByMeaning: an answer belongs to its event however its time is written.
func TestRecordedTimesMatchByMeaning(t *testing.T) {
	benchmark := []Trace{{ID: "t", Turns: []Turn{{Event: Event{"1736240412.5", "Moves."}}}}}
	for _, written := range []string{`1736240412.5`, `"1736240412.50"`, `1736240412500`, `"2025-01-07T09:00:12.5Z"`} {
		recorded := `[{"observation":{"time":` + written + `,"event":"Bewegt sich."},"agent_response":["A"]}]`
		a, err := ReadRecorded(context.Background(), fakeFiles{"m/t.json": recorded}, "m", benchmark)
		if err != nil || !a[0][0].Answered {
			t.Errorf("%s: %+v, %v", written, a, err)
		}
	}
}
