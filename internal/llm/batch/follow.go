package batch

import (
	"time"

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
		if e.watched || e.seen {
			if err := b.pause(); err != nil {
				return err
			}
		}
		if over, err := b.look(e); over || err != nil {
			return err
		}
	}
	for again := false; ; {
		b.mu.Lock()
		if len(e.waiting) == 0 {
			e.following = false
			b.mu.Unlock()
			return nil
		}
		b.mu.Unlock()
		if (e.adopted || e.read) && !again { // those who come one after another share a reading
			if err := retry.Sleep(b.ctx, b.opt.Gather); err != nil {
				return err
			}
		}
		var err error
		if again, err = b.collect(e); err != nil {
			return err
		}
		if again {
			if err := b.lookAgain(e); err != nil {
				return err
			}
			continue
		}
		e.read = true
	}
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
	now := b.opt.Now()
	until := e.created.Add(looks * b.opt.Poll)
	if until.Before(now.Add(looksTaken * b.opt.Poll)) { // a list may be behind at any time
		until = now.Add(looksTaken * b.opt.Poll)
	}
	var found *llm.Batch
	err := b.opt.Retry(b.ctx, func() (err error) {
		found, err = b.search(e, until)
		return err
	})
	if err != nil {
		return refusedCall(b.opt, err)
	}
	id := ""
	if found != nil {
		id = found.ID
	}
	id, err = b.notes.claim(b.ctx, e.mark, id)
	b.name(e, id)
	return err
}

// search looks for an entry's batch in the provider's list, which may show it late.
func (b *Batcher) search(e *entry, until time.Time) (*llm.Batch, error) {
	b.tell(e, "looked for in the provider's list")
	for {
		found, err := b.find(e)
		if found != nil || err != nil || !b.opt.Now().Before(until) {
			return found, err
		}
		if err := b.pause(); err != nil {
			return nil, err
		}
	}
}
