package cli

import (
	"errors"
	"os"
	"sync"
	"syscall"

	"github.com/gymline/gymline/internal/fault"
)

// A stdout makes a failed write what it is: no verdict on the work, and no success
// either, whether or not the command looks at it. It remembers the first.
type stdout struct {
	f *os.File

	mu    sync.Mutex
	first error
}

func (s *stdout) Write(p []byte) (int, error) {
	n, err := s.f.Write(p)
	if err == nil {
		return n, nil
	}
	if errors.Is(err, syscall.EPIPE) {
		err = left{err}
	} else {
		err = fault.New(fault.Temporary, err, "free space, or give the output a place that takes it")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first == nil {
		s.first = err
	}
	return n, err
}

func (s *stdout) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.first
}

// left is the error of a write whose reader left: it had seen enough.
type left struct{ error }

func (l left) Unwrap() error { return l.error }

// readerLeft reports whether nothing went wrong but that a reader left.
func readerLeft(err error) bool {
	switch e := err.(type) { //nolint:errorlint // it looks through the wrapping itself
	case left:
		return true
	case interface{ Unwrap() []error }:
		for _, part := range e.Unwrap() {
			if !readerLeft(part) {
				return false
			}
		}
		return len(e.Unwrap()) > 0
	case interface{ Unwrap() error }:
		return readerLeft(e.Unwrap())
	}
	return false
}
