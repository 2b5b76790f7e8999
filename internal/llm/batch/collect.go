package batch

import (
	"errors"
	"fmt"
	"maps"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/text"
)

// A tally is what a reading of a batch's files found.
type tally struct {
	lines   map[llm.Key]bool // requests that have one
	answers int              // lines that are one, by their status
	missing error            // a file that is named and not there
	refused map[llm.Key]*llm.Error
}

// collect answers those who wait for an ended batch now. It is to be called
// again when the batch does not show yet what it should.
func (b *Batcher) collect(e *entry) (again bool, err error) {
	if e.last.Status == llm.BatchFailed && e.last.Output == "" {
		if len(e.last.Problems) == 0 && e.missed < looks {
			return true, nil
		}
		return false, b.refused(e)
	}
	b.mu.Lock()
	left := maps.Clone(e.waiting)
	b.mu.Unlock()
	found := tally{lines: map[llm.Key]bool{}, refused: map[llm.Key]*llm.Error{}}
	for _, file := range []string{e.last.Output, e.last.Errors} {
		if file == "" {
			continue
		}
		switch err := b.read(e, file, left, &found); {
		case late(err):
			found.missing = err
		case err != nil:
			return false, refusedCall(b.opt, err)
		}
	}
	if e.missed < e.patience(&found, left) {
		return true, nil
	}
	b.opt.Log.Info("batch ended", "model", b.opt.Model, "batch", e.id, "status", e.last.Status, "requests", len(e.keys), "unanswered", len(left))
	b.turnDown(e, left, found.refused)
	billed := e.billed(&found)
	cancelled := e.last.Status == llm.BatchCancelled && e.watched
	if billed && len(found.lines) == 0 && len(left) > 0 && !e.adopted && !cancelled {
		e.missed = 0
		return false, b.unseen(e, found.missing, "is "+e.last.Status+", and "+e.shows(&found))
	}
	rest := b.take(e, left)
	if cancelled {
		b.give(rest, b.cancelled(e))
		return false, nil
	}
	var lost, unanswered []*ask
	for _, a := range rest {
		a.tries.beside = a.tries.beside || e.given
		if billed && !found.lines[a.key] {
			lost = append(lost, a)
		} else {
			unanswered = append(unanswered, a)
		}
	}
	if len(lost) > 0 {
		b.opt.Log.Warn("a batch does not show answers that it may have been billed for, asking anew", "model", b.opt.Model, "batch", e.id, "requests", len(lost), "err", found.missing)
	}
	b.lose(e, lost, "does not show the answer")
	b.tryAgain(e, unanswered)
	return false, nil
}

// patience is how many looks the answers are worth that a batch should have and
// does not show.
func (e *entry) patience(found *tally, left map[llm.Key]*ask) int {
	unseen := false
	for k := range left {
		unseen = unseen || !found.lines[k]
	}
	owed := e.last.Completed + e.last.Failed
	if owed == 0 && e.mustAnswer() {
		owed = len(e.keys)
	}
	switch {
	case !unseen, found.missing == nil && len(found.lines) >= owed:
		return 0
	case found.missing == nil && e.last.Output+e.last.Errors == "":
		return looksCounted
	}
	return looks
}

// mustAnswer reports whether a batch has lines for all its requests, if its state
// is right.
func (e *entry) mustAnswer() bool { return e.last.Status == llm.BatchCompleted || !e.last.Known() }

// shows says in words what an ended batch shows instead of answers.
func (e *entry) shows(found *tally) string {
	of := ""
	if e.last.Completed > 0 {
		of = fmt.Sprintf("with %s answered ", text.Plural(e.last.Completed, "request"))
	}
	switch {
	case found.missing != nil:
		return of + "its file cannot be read"
	case e.last.Output+e.last.Errors == "":
		return of + "it names no file of answers"
	}
	return of + "its files hold none of its answers"
}

// billed reports whether an ended batch may have answers that it does not show.
func (e *entry) billed(found *tally) bool {
	if e.last.Completed+e.last.Failed > 0 {
		return e.last.Completed > found.answers
	}
	return e.mustAnswer() || found.missing != nil
}

// take returns what is left of those who wait, in the file's order; the entry
// is not asked for them again.
func (b *Batcher) take(e *entry, left map[llm.Key]*ask) []*ask {
	var rest []*ask
	var keys []llm.Key
	for _, k := range e.keys {
		if a, ok := left[k]; ok {
			rest, keys = append(rest, a), append(keys, k)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop(e, keys)
	return rest
}

// tryAgain puts asks into the next batch, each a bounded number of times.
func (b *Batcher) tryAgain(e *entry, rest []*ask) {
	var more []*ask
	for _, a := range rest {
		if a.tries.number++; a.tries.number < maxTries {
			more = append(more, a)
			continue
		}
		last, ok := errors.AsType[*llm.Error](a.failure)
		switch {
		case ok:
		case e.last.Status == llm.BatchFailed:
			last = &llm.Error{Code: "no_answer", Err: errors.New("the provider does not say why")}
		default:
			last = &llm.Error{Code: "no_answer", Err: errors.New("the batch's files do not hold it")}
		}
		b.answer(a, nil, b.enough(a, e, last))
	}
	b.again(more)
}

// enough is the end of a request that was asked as often as may be. Where others
// were answered beside it only the one fails, unless the provider is overloaded;
// else the provider does.
func (b *Batcher) enough(a *ask, e *entry, last *llm.Error) error {
	out := &llm.Error{Model: b.opt.Model, Status: last.Status, Code: last.Code, Class: llm.Retryable, Billed: last.Billed,
		Err: fmt.Errorf("no answer from %d batches, the last of them %s (%s): %w", a.tries.number, e.id, e.last.Status, last.Err)}
	if alone := (last.Status < 400 || last.Status >= 500) && !last.Overload(); alone && a.tries.beside {
		out.Class, out.Err = llm.Refused, fmt.Errorf("%w, while other requests were answered", out.Err)
		return out
	}
	return fault.New(fault.Temporary, out, "see at the provider what became of these batches, then run again: finished work is kept")
}

// cancelled is what becomes of the requests that a batch had not answered when
// somebody cancelled it: to ask them anew would undo what a person decided.
func (b *Batcher) cancelled(e *entry) error {
	return fault.New(fault.Config, &llm.Error{Model: b.opt.Model, Code: "batch_cancelled", Class: llm.Denied, Err: fmt.Errorf("batch %s was cancelled", e.id)},
		"run again to ask what it had not answered; its answers are kept")
}
