package sim

import (
	"regexp"
	"slices"
	"strings"
)

// A cue is why a user may want help after an event.
type cue int

const (
	noCue cue = iota
	failing
	searching
	repeating
)

// A sign is words that show something, and what is in each of them: looking for that
// takes a tenth of the time, and most events show nothing.
type sign struct {
	words *regexp.Regexp
	in    []string
}

var (
	failingSign = sign{
		regexp.MustCompile(`(?i)\b(\w*errors?|exception|fail(s|ed|ure)?|crash(es|ed)?|cannot|can't|could not|not found|missing|refuse[sd]|denied|wrong|broken|reject(s|ed)|stack trace|timed out|invalid|does not (match|add up|work|fit)|sold out|expired|leaks?)\b`),
		[]string{"error", "exception", "fail", "crash", "cannot", "can't", "could not", "not found", "missing", "refuse", "denied", "wrong", "broken", "reject", "stack trace", "timed out", "invalid", "does not", "sold out", "expired", "leak"},
	}
	searchingSign = sign{
		regexp.MustCompile(`(?i)\b(searches|searched|googles|looks up|looks it up|types a query)\b`),
		[]string{"searche", "googles", "looks", "types a query"},
	}
	doneSign = sign{
		regexp.MustCompile(`(?i)\b(pass(es|ed)?|succeeds|succeeded|without (an? )?(errors?|problems?)|no errors?)\b`),
		[]string{"pass", "succeed", "without", "no error"},
	}
	repeatingSign = sign{
		regexp.MustCompile(`(?i)\b(again|once more|back and forth|third time|repeatedly|over and over|undoes)\b`),
		[]string{"again", "once more", "back and forth", "third time", "repeatedly", "over and over", "undoes"},
	}
)

// of reports whether an event shows the sign.
func (s sign) of(event string) bool {
	lower := strings.ToLower(event)
	return slices.ContainsFunc(s.in, func(part string) bool { return strings.Contains(lower, part) }) && s.words.MatchString(event)
}

// cueOf reads one event. What the agent did itself calls for no help, and
// neither does what went well in the end.
func cueOf(event string) cue {
	switch {
	case strings.HasPrefix(event, "The agent"), doneSign.of(event):
		return noCue
	case failingSign.of(event):
		return failing
	case searchingSign.of(event):
		return searching
	case repeatingSign.of(event):
		return repeating
	}
	return noCue
}

// needs tells whether the user wants help right after the last event: it shows
// a failure, a search or a repetition.
func needs(history []moment) bool {
	return len(history) > 0 && cueOf(history[len(history)-1].text) != noCue
}

// fits tells whether a task is about what just happened: it shares two words
// with the last two events, and with the last one a third of its own.
func fits(task string, history []moment) bool {
	if len(history) == 0 {
		return false
	}
	t := words(task)
	last := words(history[len(history)-1].text)
	both := last
	if n := len(history); n > 1 {
		both = append(words(history[n-2].text), last...)
	}
	return shared(t, both) >= 2 && 3*shared(t, last) >= len(t)
}
