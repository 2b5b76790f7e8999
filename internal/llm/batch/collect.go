package batch

import (
	"errors"
	"fmt"
	"maps"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
)

// collect answers those who wait for an ended batch now.
func (b *Batcher) collect(e *entry) error {
	if e.last.Status == llm.BatchFailed {
		return b.refused(e)
	}
	b.mu.Lock()
	left := maps.Clone(e.waiting)
	b.mu.Unlock()
	for _, file := range []string{e.last.Output, e.last.Errors} {
		if file == "" {
			continue
		}
		if err := b.read(e, file, left); err != nil {
			return err
		}
	}
	b.opt.Log.Info("batch ended", "model", b.opt.Model, "batch", e.id, "status", e.last.Status, "requests", len(e.keys), "unanswered", len(left))
	rest := b.take(e, left)
	if e.last.Status == llm.BatchCancelled && e.watched {
		b.give(rest, b.cancelled(e))
		return nil
	}
	b.tryAgain(e, rest)
	return nil
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
		if a.tries++; a.tries < maxTries {
			more = append(more, a)
			continue
		}
		last, ok := errors.AsType[*llm.Error](a.failure)
		if !ok {
			last = &llm.Error{Code: "no_answer", Err: errors.New("the batch's files do not hold it")}
		}
		b.answer(a, nil, &llm.Error{Model: b.opt.Model, Status: last.Status, Code: last.Code, Class: llm.Retryable,
			Err: fmt.Errorf("no answer from %d batches, the last of them %s (%s): %w", a.tries, e.id, e.last.Status, last.Err)})
	}
	b.again(more)
}

// cancelled is what becomes of the requests that a batch had not answered when
// somebody cancelled it: to ask them anew would undo what a person decided.
func (b *Batcher) cancelled(e *entry) error {
	return fault.New(fault.Config, &llm.Error{Model: b.opt.Model, Code: "batch_cancelled", Class: llm.Denied, Err: fmt.Errorf("batch %s was cancelled", e.id)},
		"run again to ask what it had not answered; its answers are kept")
}
