package trace

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A TimeFormat tells from where an event's time counts.
type TimeFormat int

// The two origins of real data.
const (
	UnixTime TimeFormat = iota // 1970: "1717378000.744", "2024-06-03T01:26:40Z"
	DayTime                    // midnight of day 0: "Day 1, 11:02 PM"
)

// A unit is how a time is written.
type unit string

const (
	seconds      unit = "unix seconds"
	milliseconds unit = "milliseconds"
	microseconds unit = "microseconds"
	nanoseconds  unit = "nanoseconds"
	calendar     unit = "RFC 3339"
	day          unit = "Day N"
)

// wantTime completes a message on a time that is none.
const wantTime = `want unix seconds (1717378000.744), milliseconds or microseconds, RFC 3339 with its zone (2024-06-03T01:26:40Z), or "Day N, hh:mm AM"`

// maxSeconds is as far from 1970 as a time can be: the year 2286.
const maxSeconds = 1e10

// maxSpan is how far apart the events of a trace can be: a time that is none of
// its own, such as 0, is further off.
const maxSpan = 10 * 366 * 86400

// ParseTime reads an event's time as seconds since its format's origin. Only
// differences within a trace mean anything, and they may be negative: some real
// rows go backwards.
func ParseTime(s string) (float64, TimeFormat, error) {
	t, err := readTime(s)
	if err != nil {
		err = fmt.Errorf("time %q %w", s, err)
	}
	if t.unit == day {
		return t.seconds, DayTime, err
	}
	return t.seconds, UnixTime, err
}

// A moment is a time that was read.
type moment struct {
	unit    unit
	seconds float64
	text    string // as prompts show it: what counts smaller parts is written in seconds
}

// same reports whether two times are one: by what they mean, not by how they are written.
func (m moment) same(o moment) bool {
	return m.seconds == o.seconds && (m.unit == day) == (o.unit == day)
}

func readTime(s string) (moment, error) {
	switch {
	case strings.HasPrefix(s, "Day "):
		return readDay(s)
	case s != "" && strings.Trim(s, "0123456789.+-eE") == "":
		return readNumber(s)
	case len(s) > 10 && s[4] == '-' && s[7] == '-' && s[0] != '-':
		t, err := time.Parse(time.RFC3339Nano, strings.ToUpper(s[:10]+"T"+s[11:]))
		if err == nil && strings.ContainsAny(s[10:11], "Tt ") {
			if x := float64(t.Unix()) + float64(t.Nanosecond())/1e9; math.Abs(x) < maxSeconds {
				return moment{calendar, x, s}, nil
			}
			return moment{}, errors.New("is beyond reason: " + wantTime)
		}
		if _, err := time.Parse("2006-01-02T15:04:05", s[:10]+"T"+s[11:]); err == nil {
			return moment{}, errors.New("has no zone: end it with Z, or with its offset, such as +02:00")
		}
	}
	return moment{}, errors.New("is no time: " + wantTime)
}

func readDay(s string) (moment, error) {
	name, hour, _ := strings.Cut(strings.TrimPrefix(s, "Day "), ",")
	n, err := strconv.Atoi(name)
	if err != nil {
		return moment{unit: day}, errors.New("has a day that is no number: want \"Day N, hh:mm AM\"")
	}
	t, err := time.Parse("3:04 PM", strings.TrimSpace(hour))
	if err != nil {
		return moment{unit: day}, errors.New("has no hour of the day: want \"Day N, hh:mm AM\"")
	}
	if n < -maxSpan/86400 || n > maxSpan/86400 {
		return moment{unit: day}, fmt.Errorf("is beyond reason: want a day up to %d", maxSpan/86400)
	}
	return moment{day, float64(n)*86400 + float64(t.Hour()*3600+t.Minute()*60), s}, nil
}

// readNumber tells the unit by the size: as seconds, what is taken for milliseconds
// would lie beyond the year 5000, and each is read within 1973 to 2286 alone.
func readNumber(s string) (moment, error) {
	x, err := strconv.ParseFloat(s, 64)
	if errors.Is(err, strconv.ErrSyntax) {
		return moment{}, errors.New("is no time: " + wantTime)
	}
	if err == nil && math.Abs(x) < maxSeconds {
		return moment{seconds, x, s}, nil
	}
	for _, u := range []struct {
		unit  unit
		shift int
	}{{milliseconds, 3}, {microseconds, 6}, {nanoseconds, 9}} {
		if scale := math.Pow10(u.shift); err == nil && x >= 1e8*scale && x < maxSeconds*scale {
			text := inSeconds(s, u.shift)
			x, err := strconv.ParseFloat(text, 64)
			return moment{u.unit, x, text}, err
		}
	}
	return moment{}, errors.New("is beyond reason in seconds, milliseconds and microseconds alike: " + wantTime)
}

// inSeconds moves a number's point, so that no digit is lost.
func inSeconds(s string, shift int) string {
	if strings.ContainsAny(s, "eE") {
		x, _ := strconv.ParseFloat(s, 64)
		s = strconv.FormatFloat(x, 'f', -1, 64)
	}
	whole, part, _ := strings.Cut(s, ".")
	at := len(whole) - shift
	return strings.TrimSuffix(strings.TrimRight(whole[:at]+"."+whole[at:]+part, "0"), ".")
}

// A clock holds the times of one trace to one unit, and near to each other.
type clock struct {
	first *moment
	quiet bool // errors do not repeat the time
}

func (c *clock) read(s string) (moment, error) {
	t, err := readTime(s)
	if err != nil {
		return t, err
	}
	if c.first == nil {
		c.first = &t
	}
	if t.unit != c.first.unit {
		return t, fmt.Errorf("is in %s, and the trace begins in %s: use one form of time in a trace", t.unit, c.first.unit)
	}
	if years := math.Abs(t.seconds-c.first.seconds) / (365.25 * 86400); years > maxSpan/(365.25*86400) {
		return t, fmt.Errorf("is %.0f years from the trace's first: %s", years, wantTime)
	}
	return t, nil
}

// A plainEvent is an event of the form that most have.
type plainEvent struct {
	Time timeText `json:"time"`
	Text string   `json:"event"`
}

// A timeText is a text, or a number as it is written.
type timeText string

// UnmarshalJSON implements json.Unmarshaler.
func (t *timeText) UnmarshalJSON(raw []byte) error {
	switch {
	case raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9':
		*t = timeText(raw)
	case raw[0] == '"' && bytes.IndexByte(raw, '\\') < 0: // UTF-8, as plainText has seen to
		*t = timeText(raw[1 : len(raw)-1])
	default:
		return json.Unmarshal(raw, (*string)(t))
	}
	return nil
}

// plain takes an event that was decoded; ok is false where event has to say what is wrong.
func (c *clock) plain(p plainEvent) (e Event, t moment, ok bool) {
	t, err := c.read(string(p.Time))
	e = Event{t.text, OneLine(p.Text)}
	return e, t, err == nil && e.Text != ""
}

// event reads {time, event}: a time is a text, or a number that is kept as it is written.
func (c *clock) event(raw []byte) (Event, moment, error) {
	f, err := fields(raw, "time", "event")
	if err != nil {
		return Event{}, moment{}, fmt.Errorf(": %w", err)
	}
	e, t := Event{}, moment{}
	if raw := f["event"]; raw != nil && string(raw) != "null" && json.Unmarshal(raw, &e.Text) != nil {
		return e, t, fmt.Errorf(".event: want a text, found %s", found(raw))
	}
	if e.Text = OneLine(e.Text); e.Text == "" {
		return e, t, errors.New(".event: missing or empty")
	}
	switch raw := f["time"]; {
	case raw == nil || string(raw) == "null":
		return e, t, fmt.Errorf(".time: missing; %s", wantTime)
	case raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9':
		e.Time = string(raw)
	case json.Unmarshal(raw, &e.Time) != nil:
		return e, t, fmt.Errorf(".time: found %s; %s", found(raw), wantTime)
	}
	if t, err = c.read(e.Time); err != nil {
		if c.quiet {
			return e, t, fmt.Errorf(".time: %w", err)
		}
		return e, t, fmt.Errorf(".time: %q %w", e.Time, err)
	}
	e.Time = t.text
	return e, t, nil
}
