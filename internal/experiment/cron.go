package experiment

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// A cronField is one of the five of an expression.
type cronField struct {
	name      string
	low, high int
	names     []string // of low and what follows
	use       string
}

var cronFields = []cronField{
	{"minute", 0, 59, nil, "0 to 59"},
	{"hour", 0, 23, nil, "0 to 23"},
	{"day of month", 1, 31, nil, "1 to 31"},
	{"month", 1, 12, []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}, "1 to 12, or JAN to DEC"},
	{"day of week", 0, 6, []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}, "0 (Sunday) to 6, or SUN to SAT"},
}

const (
	weekday    = 4
	fiveFields = "use the five fields minute, hour, day of month, month and day of week, such as 0 3 * * *"
)

// cronWords are what other dialects write for whole expressions.
var cronWords = map[string]string{
	"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
	"@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}

// cronFault says what is wrong with a cron expression; "" where it is one that Argo
// reads, and a time that comes.
func cronFault(s string) (message, fix string) {
	if strings.HasPrefix(s, "@") {
		if same, ok := cronWords[s]; ok {
			return "words such as " + s + " are not supported", "write " + same
		}
		return "words that begin with @ are not supported", fiveFields
	}
	if before, _, ok := strings.Cut(s, "="); ok && (before == "TZ" || before == "CRON_TZ") {
		return "names a time zone", "give it as timezone, and leave " + before + "= out"
	}
	fields := strings.Fields(s)
	switch n := len(fields); {
	case n == 6:
		return "has six fields: seconds and years are not supported", fiveFields
	case n != 5:
		return fmt.Sprintf("has %d fields", n), fiveFields
	case s != strings.TrimSpace(s) || strings.ContainsAny(s, "\t\n\r"):
		return "has white space around its fields", "write one space between fields, and none around them"
	}
	for i, f := range cronFields {
		for _, item := range strings.Split(fields[i], ",") {
			if _, message, fix := f.days(item); message != "" {
				return f.name + ": " + message, fix
			}
		}
	}
	schedule, err := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).Parse(withSundayZero(s))
	switch {
	case err != nil:
		return "is not valid here", fiveFields
	case schedule.Next(time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC)).IsZero():
		return "is a day that never comes", "give a day of month that one of its months has"
	}
	return "", ""
}

// days reads one element of a field: *, a value, a range, each with or without a step.
func (f cronField) days(item string) (values []int, message, fix string) {
	use := "use " + f.use
	span, stepText, stepped := strings.Cut(item, "/")
	step := 1
	if stepped {
		var err error
		if step, err = strconv.Atoi(stepText); err != nil || step < 1 || stepText[0] == '+' {
			return nil, fmt.Sprintf("the step %q is no number above 0", clip(stepText)), fmt.Sprintf("use a step of 1 to %d", f.high)
		}
		if step > f.high {
			return nil, fmt.Sprintf("a step of %d is longer than the field", step), fmt.Sprintf("use a step of 1 to %d, or the field before it", f.high)
		}
	}
	from, to, ranged := strings.Cut(span, "-")
	low, high := f.low, f.high
	switch {
	case item == "":
		return nil, "is empty between commas", "take the comma out"
	case span == "*" || span == "?":
	case strings.HasPrefix(span, "*") || strings.HasPrefix(span, "?"):
		return nil, fmt.Sprintf("%q: nothing can follow * but a step", clip(item)), "write * or */5"
	default:
		var message string
		if low, message = f.value(from); message != "" {
			return nil, message, use
		}
		if ranged {
			if high, message = f.value(to); message != "" {
				return nil, message, use
			}
		} else if !stepped {
			high = low
		}
		if low > high && ranged {
			return nil, fmt.Sprintf("%s runs backwards", clip(span)), fmt.Sprintf("write it as two, %s,%s", part(from, strconv.Itoa(f.high), low == f.high), part(strconv.Itoa(f.low), to, high == f.low))
		}
		high = max(low, high) // 7/2 begins, and ends, at Sunday
	}
	for n := low; n <= high; n += step {
		values = append(values, n)
	}
	return values, "", ""
}

// part is a range, or what it holds when that is one value.
func part(from, to string, one bool) string {
	if one {
		return from
	}
	return from + "-" + to
}

// value reads a number or a name. As a day of the week, 7 is Sunday.
func (f cronField) value(s string) (n int, message string) {
	if i := slices.Index(f.names, strings.ToUpper(s)); i >= 0 {
		return f.low + i, ""
	}
	if strings.Trim(s, "0123456789") == "" && s != "" {
		n, err := strconv.Atoi(s)
		if err == nil && (n >= f.low && n <= f.high || f.isWeekday() && n == 7) {
			return n, ""
		}
		return 0, clip(s) + " is out of range"
	}
	if s == "" {
		return 0, "a range lacks its beginning or end"
	}
	for _, mark := range []string{"L", "W", "#", "H"} {
		if bare := strings.Trim(strings.ToUpper(s), "0123456789"); bare == mark {
			return 0, fmt.Sprintf("%q: L, W, # and H are of other dialects of cron", clip(s))
		}
	}
	return 0, fmt.Sprintf("%q is no %s", clip(s), f.name)
}

func (f cronField) isWeekday() bool { return f.high == 6 }

// withSundayZero writes an expression whose day of the week names Sunday as 7, which
// Argo does not read, with 0.
func withSundayZero(s string) string {
	fields := strings.Fields(s)
	if len(fields) != len(cronFields) || !strings.Contains(fields[weekday], "7") {
		return s
	}
	var days []string
	for n := range 7 {
		for _, item := range strings.Split(fields[weekday], ",") {
			values, _, _ := cronFields[weekday].days(item)
			if slices.Contains(values, n) || n == 0 && slices.Contains(values, 7) {
				days = append(days, strconv.Itoa(n))
				break
			}
		}
	}
	fields[weekday] = strings.Join(days, ",")
	return strings.Join(fields, " ")
}

// checkSchedule writes the expressions as Argo reads them.
func (l *loader) checkSchedule(s *Schedule) {
	first := map[string]int{}
	for i, c := range s.Cron {
		path := fmt.Sprintf("spec.schedule.cron[%d]", i)
		if l.bad[path] {
			continue
		}
		s.Cron[i] = withSundayZero(c)
		if before, twice := first[s.Cron[i]]; twice {
			l.wrong(path, fmt.Sprintf("is the same as element %d", before), "remove it")
		} else {
			first[s.Cron[i]] = i
		}
	}
}
