package llm

import (
	"fmt"
	"time"
)

// A Class says what can be done about a failed call. It is decided by status
// and error code, never by message text.
type Class int

// The classes of failure.
const (
	Retryable Class = iota // 408, 409, 429, 5xx, 529, connection errors
	Refused                // other 4xx: the request itself is at fault; fails its row
	Denied                 // 401, 403, quota or credit 429: fails the run at once
)

// An Error is a call that failed.
type Error struct {
	Model      string // the experiment's name for it
	Status     int    // HTTP status; 0 when no answer came
	Code       string // the provider's error code, if any
	Class      Class
	RetryAfter time.Duration // what the server asked for; 0 when it did not
	Rate       *Rate         // what the server said of its limits; nil when it did not
	Setup      bool          // it may be about what all requests have in common; see package setup
	Remedy     string        // what a person can do about it, if known
	Unanswered bool          // it was sent, and nothing came in all the time that a call may take
	Billed     bool          // a batch was, though the answer was not seen
	Err        error
}

func (e *Error) Error() string {
	if e.Status == 0 {
		return fmt.Sprintf("model %s: %v", e.Model, e.Err)
	}
	if e.Code == "" {
		return fmt.Sprintf("model %s: HTTP %d: %v", e.Model, e.Status, e.Err)
	}
	return fmt.Sprintf("model %s: HTTP %d %s: %v", e.Model, e.Status, e.Code, e.Err)
}
func (e *Error) Unwrap() error       { return e.Err }
func (e *Error) Temporary() bool     { return e.Class == Retryable }
func (e *Error) Configuration() bool { return e.Class == Denied }

// Overload reports whether the server turned the call away because it has too
// much to do: package limit waits and sends it again, and nobody else.
func (e *Error) Overload() bool {
	return e.Class == Retryable && (e.Status == 429 || e.Status == 529 || e.Status == 503 && e.RetryAfter > 0)
}

func (e *Error) Hint() string {
	const again = ", then run again: finished work is kept"
	switch {
	case e.Remedy != "":
		return e.Remedy + again
	case e.Class == Denied:
		return "check the API key's environment variable, the account's credit and the model's name" + again
	case e.Class == Retryable && e.Status == 0:
		return "check that baseURL is right and answers" + again
	case e.Class == Refused && (e.Status == 400 || e.Status == 422):
		return "if the server does not take a field that it names, leave it out with the model's seed, system, strict, tokenLimit or schema (docs/providers.md); else mend what it names"
	}
	return ""
}

// Silent reports whether a refusal is one in name alone: the provider did not say
// no, but gave no answer however often it was asked; see package retry.
func (e *Error) Silent() bool {
	return e.Class == Refused && (e.Status < 400 || e.Status >= 500) && e.Code != "too_large" && e.Code != "content_filter"
}
