package batch

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/retry"
)

// How often what is not there yet is looked for again, a poll apart.
const (
	// looks is for a batch, a file or a line that the provider does not show: five
	// minutes of the default poll.
	looks = 10
	// looksTaken is for a batch that a file makes which the provider says it has taken in.
	looksTaken = 3
	// looksCounted is for what the provider itself says is there or will be: answers
	// that it counts, a file that it is taking in.
	looksCounted = 40
	// looksOverdue is for a batch whose deadline has passed.
	looksOverdue = 120
)

// window is how long a batch may take where the provider names no deadline.
const window = 24 * time.Hour

// late reports whether a failure may mean no more than that the provider does not
// have yet what a call names, or has it no more.
func late(err error) bool {
	e, ok := errors.AsType[*llm.Error](err)
	if !ok {
		return false
	}
	switch e.Status {
	case http.StatusNotFound:
		return true
	case http.StatusBadRequest, http.StatusConflict, http.StatusGone, http.StatusUnprocessableEntity, http.StatusLocked, http.StatusFailedDependency, http.StatusTooEarly:
		return e.Class != llm.Denied
	}
	return false
}

// unready reports whether a batch is refused in the words by which Gemini tells of a
// file that is not active yet. It has them for an account that it does not serve,
// too, and those end the run when the looks are over.
func unready(err error) bool {
	e, ok := errors.AsType[*llm.Error](err)
	return ok && e.Status == http.StatusBadRequest && strings.EqualFold(e.Code, "failed_precondition")
}

func (b *Batcher) pause() error { return retry.Sleep(b.ctx, b.opt.Poll) }

// deadline is when a batch should have ended.
func (e *entry) deadline() time.Time {
	switch {
	case !e.last.Deadline.IsZero():
		return e.last.Deadline
	case e.last.Created.After(e.created):
		return e.last.Created.Add(window)
	}
	return e.created.Add(window)
}

// overdue deals with a batch that goes on beyond its deadline: it is waited for
// with a word, and not for ever.
func (b *Batcher) overdue(e *entry) error {
	until := e.deadline()
	if !b.opt.Now().After(until) {
		return nil
	}
	date := until.UTC().Format(time.RFC3339)
	if e.overdue++; e.overdue == 1 {
		b.opt.Log.Warn("a batch has not ended by its deadline; 'gymline batches CONFIG --profile FILE --cancel "+e.id+"' cancels it, and what it has answered is used",
			"model", b.opt.Model, "batch", e.id, "state", e.last.Status, "deadline", date)
	}
	b.tell(e, e.last.Status+", past its deadline of "+date)
	switch {
	case e.overdue <= looksOverdue:
		return nil
	case e.last.Status == llm.BatchCancelling: // it need not say so
		e.last.Status = llm.BatchCancelled
		return nil
	}
	e.overdue = 0
	return fault.New(fault.Temporary, &llm.Error{Model: b.opt.Model, Code: "batch_overdue", Class: llm.Retryable,
		Err: fmt.Errorf("batch %s is %s, and its deadline was %s", e.id, e.last.Status, date)},
		"run again to wait on, or first cancel it with 'gymline batches CONFIG --profile FILE --cancel "+e.id+"': what it has answered is used")
}
