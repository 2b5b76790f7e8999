package batch

import (
	"errors"
	"fmt"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
)

// get is what the provider says of a batch now.
func (b *Batcher) get(e *entry) (now llm.Batch, err error) {
	err = b.opt.Retry(b.ctx, func() error {
		now, err = b.api.Get(b.ctx, e.id)
		return err
	})
	return now, err
}

// look asks how a batch stands. It is over when nothing more can come of it, and
// those who waited are answered.
func (b *Batcher) look(e *entry) (over bool, err error) {
	now, err := b.get(e)
	if late(err) {
		if e.missed++; e.missed == 1 {
			b.opt.Log.Warn("the provider does not find a batch, looking again", "model", b.opt.Model, "batch", e.id, "for", looks*b.opt.Poll, "err", err)
		}
		if e.missed <= looks {
			b.tell(e, "not found yet")
			return false, nil
		}
		return true, b.vanished(e, err)
	}
	if err != nil {
		return true, refusedCall(b.opt, err)
	}
	if !now.Known() && now.Status != e.last.Status {
		b.opt.Log.Warn("a batch is in a state that gymline does not know; it has ended when it names its answers", "model", b.opt.Model, "batch", e.id, "state", now.Status)
	}
	e.last, e.seen, e.missed = now, true, 0
	e.watched = e.watched || !now.Ended() && now.Status != llm.BatchCancelling
	b.tell(e, now.Status)
	if now.Ended() {
		return false, nil
	}
	err = b.overdue(e)
	return err != nil, err
}

// vanished deals with a batch that the provider does not find. One that was made
// here and never shown is there all the same, and billed: the way to it is wrong.
func (b *Batcher) vanished(e *entry, cause error) error {
	e.missed = 0
	if !e.adopted && !e.seen {
		return b.unseen(e, cause, "was started and is never found")
	}
	b.opt.Log.Warn("the provider knows a batch no more, asking anew", "model", b.opt.Model, "batch", e.id, "err", cause)
	b.lose(e, b.remove(e), "is found no more")
	return nil
}

// unseen is the end of a run that was billed for a batch and cannot see it, or its
// answers. Asking anew would be billed, too, and come to the same end. The batch
// stays open: the next run looks again.
func (b *Batcher) unseen(e *entry, cause error, how string) error {
	out := &llm.Error{Model: b.opt.Model, Class: llm.Retryable, Billed: true, Err: fmt.Errorf("batch %s %s", e.id, how)}
	if said, ok := errors.AsType[*llm.Error](cause); ok {
		out.Status, out.Code, out.Err = said.Status, said.Code, fmt.Errorf("batch %s %s: %w", e.id, how, said.Err)
		if said.Class != llm.Retryable {
			out.Class = llm.Denied
			return fault.New(fault.Config, out, "check that baseURL, the key's account and a gateway's routes lead to where the batch is, and run again: it is looked for again, and not paid twice if it is found; without a Batch API that works, remove batch."+b.opt.Model+" from the profile")
		}
	}
	return fault.New(fault.Temporary, out, "run again later: the batch is looked at again, and what it still does not show is asked, and paid, anew")
}

// lookAgain waits for what an ended batch does not show yet. An answer from
// before its end, or that there is no such batch, says nothing new.
func (b *Batcher) lookAgain(e *entry) error {
	b.tell(e, e.last.Status+", its answers are not all there yet")
	if e.missed++; e.missed == 1 {
		b.opt.Log.Warn("a batch does not show all its answers yet, looking again", "model", b.opt.Model, "batch", e.id, "status", e.last.Status,
			"completed", e.last.Completed, "failed", e.last.Failed, "output", e.last.Output, "errors", e.last.Errors)
	}
	if err := b.pause(); err != nil {
		return err
	}
	now, err := b.get(e)
	if err != nil && !late(err) {
		return refusedCall(b.opt, err)
	}
	if err == nil && now.Ended() {
		e.last = now
	}
	return nil
}
