// Package fault attaches an exit code and a hint to an error, as behaviour that
// is found with errors.As, so that only the process edge decides how to exit.
package fault

import (
	"context"
	"errors"
)

// The exit codes that scripts and engines can rely on; Meanings says what each is.
const (
	OK          = 0
	Different   = 1 // an answer, and no error
	Usage       = 64
	Permanent   = 65 // also a verdict that a retry will not change
	Gate        = 66
	Budget      = 69
	Internal    = 70
	Temporary   = 75 // an engine retries, with backoff
	Config      = 78
	Interrupted = 130 // SIGINT, SIGTERM or SIGHUP
)

// An Error is an error with an exit code and, where one is known, a hint that
// says what to do next.
type Error struct {
	Code int
	Hint string
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// New wraps err with an exit code and a hint ("" for none); nil stays nil.
func New(code int, err error, hint string) error {
	if err == nil {
		return nil
	}
	return &Error{Code: code, Hint: hint, Err: err}
}

// Code returns the exit code of err: that of the outermost Error in its chain,
// else Interrupted for a cancelled context, Temporary for an error that says
// Temporary() true, Config for one that says Configuration() true, and
// otherwise Permanent.
func Code(err error) int {
	if err == nil {
		return OK
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	if errors.Is(err, context.Canceled) {
		return Interrupted
	}
	var t interface{ Temporary() bool }
	if errors.As(err, &t) && t.Temporary() {
		return Temporary
	}
	var c interface{ Configuration() bool }
	if errors.As(err, &c) && c.Configuration() {
		return Config
	}
	return Permanent
}

// Hint returns the outermost hint in err's chain, or "".
func Hint(err error) string {
	for err != nil {
		e, ok := errors.AsType[*Error](err)
		if !ok {
			break
		}
		if e.Hint != "" {
			return e.Hint
		}
		err = e.Err
	}
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}
