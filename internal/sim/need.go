package sim

import (
	"regexp"
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

var (
	failingWords   = regexp.MustCompile(`(?i)\b(\w*errors?|exception|fail(s|ed|ure)?|crash(es|ed)?|cannot|can't|could not|not found|missing|refuse[sd]|denied|wrong|broken|reject(s|ed)|stack trace|timed out|invalid|does not (match|add up|work|fit)|sold out|expired|leaks?)\b`)
	searchingWords = regexp.MustCompile(`(?i)\b(searches|searched|googles|looks up|looks it up|types a query)\b`)
	doneWords      = regexp.MustCompile(`(?i)\b(pass(es|ed)?|succeeds|succeeded|without (an? )?(errors?|problems?)|no errors?)\b`)
	repeatingWords = regexp.MustCompile(`(?i)\b(again|once more|back and forth|third time|repeatedly|over and over|undoes)\b`)
)

// cueOf reads one event. What the agent did itself calls for no help, and
// neither does what went well in the end.
func cueOf(event string) cue {
	switch {
	case strings.HasPrefix(event, "The agent"), doneWords.MatchString(event):
		return noCue
	case failingWords.MatchString(event):
		return failing
	case searchingWords.MatchString(event):
		return searching
	case repeatingWords.MatchString(event):
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
