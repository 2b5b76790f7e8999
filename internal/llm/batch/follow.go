package batch

import (
	"errors"
	"net/http"

	"github.com/gymline/gymline/internal/llm"
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
		e.watched = e.watched || !e.last.Ended() && e.last.Status != llm.BatchCancelling
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

// pollsToStart is how many polls a note has to become a batch before it may be given
// up: its process may be sending the file.
const pollsToStart = 2

// resolve finds out which batch a note became whose process did not tell. With
// none, the note is given up, and e.id stays empty.
func (b *Batcher) resolve(e *entry) error {
	if wait := e.created.Add(pollsToStart * b.opt.Poll).Sub(b.opt.Now()); wait > 0 {
		if err := retry.Sleep(b.ctx, min(wait, pollsToStart*b.opt.Poll)); err != nil {
			return err
		}
	}
	var found *llm.Batch
	err := b.opt.Retry(b.ctx, func() (err error) {
		found, err = b.find(e)
		return err
	})
	if err != nil {
		return refusedCall(b.opt, err)
	}
	id := ""
	if found != nil {
		id = found.ID
	}
	e.id, err = b.notes.claim(b.ctx, e.mark, id)
	return err
}
