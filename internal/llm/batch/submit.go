package batch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/ledger"
	"github.com/gymline/gymline/internal/llm/openai"
)

// submit sends what is gathered. b.mu is held.
func (b *Batcher) submit() {
	asks := b.gathered
	b.gathered, b.bytes = nil, 0
	b.timer.Stop()
	if len(asks) > 0 && !b.closed {
		b.wg.Go(func() { b.send(asks) })
	}
}

// send makes a batch of asks and follows it to its end.
func (b *Batcher) send(asks []*ask) {
	e, err := b.open(asks)
	switch {
	case err != nil && b.ctx.Err() != nil: // Close answers
	case err != nil:
		b.give(asks, refusedCall(b.opt, err))
	case e != nil:
		b.attend(e)
	}
}

// open writes a batch down, sends its file and starts it. The entry is nil when
// no caller is left, or the plan was given up by another process meanwhile.
func (b *Batcher) open(asks []*ask) (*entry, error) {
	b.upload.Lock()
	defer b.upload.Unlock()
	if err := b.Settle(b.ctx); err != nil {
		return nil, err
	}
	if asks = b.wanted(asks); len(asks) == 0 {
		return nil, nil
	}
	keys, size := make([]ledger.Key, len(asks)), 0
	for i, a := range asks {
		keys[i] = a.key
		size += len(a.line)
	}
	e, err := b.journal.plan(b.ctx, keys, b.opt.Now())
	if err != nil {
		return nil, err
	}
	e.watched = true
	var file bytes.Buffer
	file.Grow(size)
	b.mu.Lock()
	b.track(e)
	e.following = true
	for _, a := range asks {
		e.waiting[a.key] = a
		file.Write(a.line)
		a.line = nil
	}
	b.mu.Unlock()
	started, err := b.start(e, file.Bytes())
	if err != nil {
		return nil, b.abandon(e, err)
	}
	b.opt.Log.Info("batch submitted", "model", b.opt.Model, "batch", started.ID, "requests", len(asks), "bytes", file.Len())
	e.id, err = b.journal.claim(b.ctx, e.mark, started.ID)
	if err != nil {
		return nil, b.abandon(e, err)
	}
	if e.id != started.ID { // somebody took this process for gone
		if err := b.opt.Retry(b.ctx, func() error { return b.api.Cancel(b.ctx, started.ID) }); err != nil {
			return nil, b.abandon(e, err)
		}
		if e.id == "" { // and asks the same itself
			if err := b.recall(b.ctx); err != nil {
				return nil, b.abandon(e, err)
			}
			return nil, b.discard(b.ctx, e)
		}
	}
	return e, nil
}

// wanted returns the asks that still have callers, and forgets the others.
func (b *Batcher) wanted(asks []*ask) []*ask {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(asks), func(a *ask) bool {
		if a.callers > 0 {
			return false
		}
		delete(b.asks, a.key)
		return true
	})
}

// abandon lets go of an entry that could not be started. When it is certain that
// the provider has no batch of it, it is given up for good; otherwise whoever
// asks next looks for the batch.
func (b *Batcher) abandon(e *entry, cause error) error {
	refused, ok := errors.AsType[*llm.Error](cause)
	if ok && refused.Class != llm.Retryable {
		if _, err := b.journal.claim(b.ctx, e.mark, ""); err != nil {
			return err
		}
		if err := b.journal.close(b.ctx, e.mark); err != nil {
			return err
		}
		b.remove(e)
		return cause
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	e.following = false
	clear(e.waiting)
	return cause
}

// start uploads a file and makes the batch of it. After a failure that leaves
// open whether the batch was made, the provider's list decides.
func (b *Batcher) start(e *entry, file []byte) (out openai.Batch, err error) {
	var id string
	err = b.opt.Retry(b.ctx, func() error {
		id, err = b.api.Upload(b.ctx, "gymline-"+e.mark[:12]+".jsonl", file)
		return err
	})
	if err != nil {
		return out, err
	}
	unclear := false
	err = b.opt.Retry(b.ctx, func() error {
		if unclear {
			found, err := find(b.ctx, b.api, e)
			if err != nil {
				return err
			}
			if found != nil {
				out = *found
				return nil
			}
		}
		unclear = true
		out, err = b.api.Create(b.ctx, id, e.mark)
		return err
	})
	return out, err
}

// clocks is how far the provider's clock may be behind this machine's.
const clocks = 24 * time.Hour

// find looks for a batch by its mark among the provider's. The oldest holds;
// others, which two creations side by side may have left, are cancelled.
func find(ctx context.Context, api API, e *entry) (*openai.Batch, error) {
	var found []openai.Batch
	after := ""
	for {
		page, more, err := api.List(ctx, after)
		if err != nil {
			return nil, err
		}
		for _, one := range page {
			if one.Mark == e.mark {
				found = append(found, one)
			}
			more = more && one.Created.After(e.created.Add(-clocks))
			after = one.ID
		}
		if !more || len(page) == 0 {
			break
		}
	}
	if len(found) == 0 {
		return nil, nil
	}
	oldest := &found[len(found)-1]
	for _, one := range found[:len(found)-1] {
		if one.Ended() {
			continue
		}
		if err := api.Cancel(ctx, one.ID); err != nil {
			return nil, fmt.Errorf("batch %s is there twice: %w", e.mark, err)
		}
	}
	return oldest, nil
}
