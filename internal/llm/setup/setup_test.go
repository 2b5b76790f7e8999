package setup

import (
	"context"
	"errors"
	"testing"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
)

// A script answers one call after another: nil is a success.
type script []error

func (s *script) Chat(context.Context, *llm.Request) (*llm.Response, error) {
	err := (*s)[0]
	*s = (*s)[1:]
	if err != nil {
		return nil, err
	}
	return &llm.Response{Content: "yes"}, nil
}

func failure(class llm.Class, setup bool) *llm.Error {
	return &llm.Error{Model: "m", Status: 400, Class: class, Setup: setup, Err: errors.New("field seed is not known")}
}

func TestThirdFailureBeforeTheFirstAnswerIsDenied(t *testing.T) {
	refused, plain := failure(llm.Refused, true), failure(llm.Refused, false)
	passing := failure(llm.Retryable, true)
	for name, tt := range map[string]struct {
		calls  script
		denied int  // the call that is, from 1; 0: none
		before bool // others were answered
	}{
		"refusals":                  {script{refused, refused, refused}, 3, false},
		"refusals, answered before": {script{refused, refused, refused}, 3, true},
		"failures, answered before": {script{passing, passing, passing, passing}, 0, true},
		"failures of both kinds":    {script{passing, refused, passing}, 3, false},
		"of one row's text":         {script{plain, plain, plain, plain}, 0, false},
		"others between":            {script{refused, plain, errors.New("cut off"), refused, plain, refused}, 6, false},
		"after an answer":           {script{refused, refused, nil, refused, refused, refused, refused}, 0, false},
		"after the very first":      {script{nil, passing, passing, passing, passing}, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			n := len(tt.calls)
			c := Wrap(&tt.calls, tt.before)
			for call := 1; call <= n; call++ {
				_, err := c.Chat(t.Context(), &llm.Request{})
				if denied := fault.Code(err) == fault.Config; denied != (call == tt.denied) {
					t.Errorf("call %d: %v, exit code %d", call, err, fault.Code(err))
				} else if denied && fault.Hint(err) == "" {
					t.Error("it does not say what to do")
				}
			}
		})
	}
	if refused.Class != llm.Refused || refused.Remedy != "" {
		t.Error("another's error was changed")
	}
}

func TestTheProvidersRemedyStays(t *testing.T) {
	e := failure(llm.Retryable, true)
	e.Remedy = "check baseURL"
	c := Wrap(&script{e, e, e}, false)
	var err error
	for range 3 {
		_, err = c.Chat(t.Context(), &llm.Request{})
	}
	if got := fault.Hint(err); got != "check baseURL, then run again: finished work is kept" {
		t.Error(got)
	}
}
