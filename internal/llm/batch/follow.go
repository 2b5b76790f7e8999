package batch

import (
	"errors"
	"fmt"
	"maps"
	"net/http"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/ledger"
	"github.com/gymline/gymline/internal/llm/openai"
	"github.com/gymline/gymline/internal/llm/retry"
)

// follow has somebody attend to an entry. b.mu is held.
func (b *Batcher) follow(e *entry) {
	if e.following || b.closed {
		return
	}
	e.following = true
	b.wg.Go(func() { b.attend(e) })
}

// attend follows an entry to its end and answers who waits for it. When that
// fails they get the error, and the batch stays open.
func (b *Batcher) attend(e *entry) {
	err := b.watch(e)
	if err == nil || b.ctx.Err() != nil { // Close answers
		return
	}
	b.mu.Lock()
	asks := e.inOrder()
	clear(e.waiting)
	e.following = false
	b.mu.Unlock()
	b.give(asks, err)
}

// watch asks how a batch stands until it has ended, and then reads its files for
// as long as somebody waits for what they hold.
func (b *Batcher) watch(e *entry) error {
	if e.id == "" {
		if err := b.resolve(e); err != nil {
			return err
		}
		if e.id == "" {
			return b.discard(b.ctx, e)
		}
	}
	for !e.last.Ended() {
		if e.watched || e.last.ID != "" {
			if err := retry.Sleep(b.ctx, b.opt.Poll); err != nil {
				return err
			}
		}
		err := b.opt.Retry(b.ctx, func() (err error) {
			e.last, err = b.api.Get(b.ctx, e.id)
			return err
		})
		if gone(err) {
			b.opt.Log.Warn("the provider knows a batch no more, asking anew", "model", b.opt.Model, "batch", e.id)
			b.again(b.remove(e))
			return nil
		}
		if err != nil {
			return refusedCall(b.opt, err)
		}
		e.watched = e.watched || !e.last.Ended() && e.last.Status != openai.BatchCancelling
	}
	for {
		b.mu.Lock()
		read := e.read
		if len(e.waiting) == 0 {
			e.following = false
			b.mu.Unlock()
			return nil
		}
		b.mu.Unlock()
		if e.adopted || read { // those who come one after another share a reading
			if err := retry.Sleep(b.ctx, b.opt.Gather); err != nil {
				return err
			}
		}
		if err := b.collect(e); err != nil {
			return err
		}
		b.mu.Lock()
		e.read = true
		b.mu.Unlock()
	}
}

// gone reports whether the provider does not have what was asked for.
func gone(err error) bool {
	e, ok := errors.AsType[*llm.Error](err)
	return ok && e.Status == http.StatusNotFound
}

// grace is how many polls a plan has to become a batch before it may be given
// up: its process may be sending the file.
const grace = 2

// resolve finds out which batch a plan became whose process did not tell. With
// none, the plan is given up, and e.id stays empty.
func (b *Batcher) resolve(e *entry) error {
	if wait := e.created.Add(grace * b.opt.Poll).Sub(b.opt.Now()); wait > 0 {
		if err := retry.Sleep(b.ctx, min(wait, grace*b.opt.Poll)); err != nil {
			return err
		}
	}
	var found *openai.Batch
	err := b.opt.Retry(b.ctx, func() (err error) {
		found, err = find(b.ctx, b.api, e)
		return err
	})
	if err != nil {
		return refusedCall(b.opt, err)
	}
	id := ""
	if found != nil {
		id = found.ID
	}
	e.id, err = b.journal.claim(b.ctx, e.mark, id)
	return err
}

// collect answers those who wait for an ended batch now.
func (b *Batcher) collect(e *entry) error {
	b.mu.Lock()
	left := maps.Clone(e.waiting)
	b.mu.Unlock()
	if e.last.Status == openai.BatchFailed {
		return b.refused(e, left)
	}
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
	if e.last.Status == openai.BatchCancelled && e.watched {
		b.give(rest, b.cancelled(e))
		return nil
	}
	b.retry(e, rest)
	return nil
}

// take returns what is left of those who wait, in the file's order; the entry
// is not asked for them again.
func (b *Batcher) take(e *entry, left map[ledger.Key]*ask) []*ask {
	var rest []*ask
	var keys []ledger.Key
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

// retry puts asks into the next batch, each a bounded number of times.
func (b *Batcher) retry(e *entry, rest []*ask) {
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

// queueFull is the code of a batch that is too much for the tokens that the
// account may have waiting.
const queueFull = "token_limit_exceeded"

// refused deals with a batch whose file the provider did not take: nothing of it
// was asked or is billed.
func (b *Batcher) refused(e *entry, left map[ledger.Key]*ask) error {
	rest := b.take(e, left)
	bad := map[ledger.Key]error{}
	var whole *llm.Error
	for _, p := range e.last.Problems {
		switch {
		case p.Err.Class == llm.Denied || p.Err.Code == queueFull:
			whole = p.Err
		case p.Line > 0 && p.Line <= len(e.keys):
			bad[e.keys[p.Line-1]] = p.Err
		case whole == nil:
			whole = p.Err
		}
	}
	b.opt.Log.Warn("batch refused", "model", b.opt.Model, "batch", e.id, "requests", len(e.keys), "refused", len(bad), "reason", whole)
	switch {
	case whole != nil && whole.Code == queueFull:
		return b.holdBack(e, rest, whole)
	case whole != nil:
		b.give(rest, refusedCall(b.opt, whole))
	case len(bad) == 0:
		b.retry(e, rest)
	default:
		var good []*ask
		for _, a := range rest {
			if err := bad[a.key]; err != nil {
				b.answer(a, nil, err)
			} else {
				good = append(good, a)
			}
		}
		b.again(good)
	}
	return nil
}

// holdBack waits for the account's queue to drain, and goes on with smaller
// batches. Only a request that is too much by itself uses up a try.
func (b *Batcher) holdBack(e *entry, rest []*ask, reason error) error {
	b.mu.Lock()
	b.most = max(1, min(b.most, len(e.keys)/2))
	b.mu.Unlock()
	err := retry.Sleep(b.ctx, heldBack*b.opt.Poll)
	for _, a := range rest {
		a.failure = reason
	}
	if len(e.keys) == 1 {
		b.retry(e, rest)
	} else {
		b.again(rest)
	}
	return err
}
