package batch

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gymline/gymline/internal/llm"
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
// no caller is left, or the note was given up by another process meanwhile.
func (b *Batcher) open(asks []*ask) (*entry, error) {
	e, file, err := b.prepare(asks)
	if e == nil || err != nil {
		return nil, err
	}
	started, unclear, err := b.start(e, file)
	if err != nil {
		if !unclear {
			b.giveUp(e)
		}
		return nil, b.letGo(e, err)
	}
	b.opt.Log.Info("batch submitted", "model", b.opt.Model, "batch", started.ID, "requests", len(e.keys))
	id, err := b.notes.claim(b.ctx, e.mark, started.ID)
	if err != nil {
		return nil, b.letGo(e, err)
	}
	b.name(e, id)
	b.tell(e, started.Status)
	if e.id == started.ID {
		return e, nil
	}
	// Somebody took this process for gone.
	if err := b.opt.Retry(b.ctx, func() error { return b.api.Cancel(b.ctx, started.ID) }); err != nil {
		return nil, b.letGo(e, err)
	}
	if e.id != "" {
		return e, nil
	}
	// And asks the same itself.
	b.upload.Lock()
	err = b.recall(b.ctx)
	b.upload.Unlock()
	if err == nil {
		err = b.discard(b.ctx, e)
	}
	if err != nil {
		return nil, b.letGo(e, err)
	}
	return nil, nil
}

// prepare writes a batch down and sends its file. The entry is nil when no
// caller is left.
func (b *Batcher) prepare(asks []*ask) (*entry, llm.File, error) {
	b.upload.Lock()
	defer b.upload.Unlock()
	if err := b.CloseWritten(b.ctx); err != nil {
		return nil, llm.File{}, err
	}
	if asks = b.wanted(asks); len(asks) == 0 {
		return nil, llm.File{}, nil
	}
	keys, size := make([]llm.Key, len(asks)), 0
	for i, a := range asks {
		keys[i] = a.key
		size += len(a.line)
	}
	e, err := b.notes.write(b.ctx, keys, b.opt.Now())
	if err != nil {
		return nil, llm.File{}, err
	}
	e.watched = true
	var data bytes.Buffer
	data.Grow(size)
	b.mu.Lock()
	b.track(e)
	e.following, e.state = true, "sending its file"
	for _, a := range asks {
		e.waiting[a.key] = a
		data.Write(a.line)
		a.line = nil
	}
	b.mu.Unlock()
	var file llm.File
	err = b.opt.Retry(b.ctx, func() (err error) {
		file, err = b.api.Upload(b.ctx, "gymline-"+e.mark[:12]+".jsonl", data.Bytes())
		return err
	})
	if err != nil {
		b.giveUp(e)
		return nil, llm.File{}, b.letGo(e, err)
	}
	e.file = file.ID
	return e, file, nil
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

// giveUp writes down that a note became no batch and never will. Where that
// fails, whoever asks next finds out.
func (b *Batcher) giveUp(e *entry) {
	id, err := b.notes.claim(b.ctx, e.mark, "")
	if err == nil && id == "" {
		if err = b.notes.close(b.ctx, e.mark); err == nil {
			b.remove(e)
		}
	}
	if err != nil && b.ctx.Err() == nil {
		b.opt.Log.Warn("the note of a batch could not be given up; whoever asks next does it", "model", b.opt.Model, "err", err)
	}
}

// letGo leaves an entry that could not be started to whoever asks next, who
// looks for the batch that it may have become.
func (b *Batcher) letGo(e *entry, cause error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	e.following = false
	clear(e.waiting)
	return cause
}

// find looks for an entry's batch at the provider, and cancels what else bears
// its mark: two creations side by side may both have made one.
func (b *Batcher) find(e *entry) (*llm.Batch, error) {
	holds, others, err := lookUp(b.ctx, b.api, e)
	if err != nil {
		return nil, err
	}
	for _, one := range others {
		if one.Ended() {
			continue
		}
		if err := b.api.Cancel(b.ctx, one.ID); err != nil {
			return nil, fmt.Errorf("batch %s is there twice: %w", e.mark, err)
		}
	}
	return holds, nil
}

// clocks is how far the provider's clock may be behind this machine's.
const clocks = 24 * time.Hour

// lookUp looks for an entry's mark among the provider's batches, or for its file
// where the provider keeps no marks. The oldest that bears it holds; it is nil
// when none does.
func lookUp(ctx context.Context, api API, e *entry) (holds *llm.Batch, others []llm.Batch, err error) {
	var found []llm.Batch
	known := map[string]bool{} // a server that does not know pages gives the first one for ever
	after := ""
	for {
		page, more, err := api.List(ctx, after)
		if err != nil {
			return nil, nil, err
		}
		more = more && len(page) > 0
		for _, one := range page {
			if one.Mark == e.mark || one.Mark == "" && e.file != "" && one.Input == e.file {
				found = append(found, one)
			}
			more = more && !known[one.ID] && (one.Created.IsZero() || one.Created.After(e.created.Add(-clocks)))
			known[one.ID] = true
			after = one.ID
		}
		if !more {
			break
		}
	}
	if len(found) == 0 {
		return nil, nil, nil
	}
	last := len(found) - 1
	return &found[last], found[:last], nil
}
