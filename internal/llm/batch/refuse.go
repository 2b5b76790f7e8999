package batch

import (
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/retry"
	"github.com/gymline/gymline/internal/llm/setup"
)

// queueFull is the code of a batch that is too much for the tokens that the
// account may have waiting.
const queueFull = "token_limit_exceeded"

// refused deals with a batch whose file the provider did not take. Nothing of it
// was asked or is billed, so it is closed at once. Its verdict is for a run that
// waited for it; one that comes later asks anew, for somebody may have mended
// what was wrong.
func (b *Batcher) refused(e *entry) error {
	if err := b.notes.close(b.ctx, e.mark); err != nil {
		return err
	}
	rest := b.remove(e)
	whole, bad := e.verdict()
	b.opt.Log.Warn("batch refused", "model", b.opt.Model, "batch", e.id, "requests", len(e.keys), "refused", len(bad), "reason", whole, "stale", !e.watched)
	switch {
	case !e.watched:
		b.again(rest)
	case whole != nil && whole.Code == queueFull:
		return b.holdBack(e, rest, whole)
	case whole != nil && b.pending(e):
		b.opt.Log.Warn("a batch failed because its file was not taken in yet, asking anew", "model", b.opt.Model, "batch", e.id)
		if err := b.pause(); err != nil {
			return err
		}
		b.tryAgain(e, rest)
	case whole != nil:
		b.give(rest, refusedCall(b.opt, whole))
	case len(bad) == 0:
		b.tryAgain(e, rest)
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

// pending reports whether the provider is still taking in the file of a batch
// that was made here.
func (b *Batcher) pending(e *entry) bool {
	if e.file == "" {
		return false
	}
	file, err := b.api.File(b.ctx, e.file)
	return err == nil && file.State == llm.FilePending
}

// fail answers an ask that its batch refused: nothing of it is billed.
func (b *Batcher) fail(e *entry, a *ask, err error) {
	b.mu.Lock()
	b.drop(e, []llm.Key{a.key})
	b.mu.Unlock()
	b.answer(a, nil, err)
}

// turnDown answers those whom a batch refused for what may be wrong with all
// requests alike, and takes them out of left. When nothing was ever answered, it is.
func (b *Batcher) turnDown(e *entry, left map[llm.Key]*ask, refused map[llm.Key]*llm.Error) {
	b.mu.Lock()
	if !b.answered {
		b.refusals += len(refused)
	}
	all := !b.answered && b.refusals >= setup.Enough
	b.mu.Unlock()
	for k, why := range refused {
		a := left[k]
		delete(left, k)
		if !all {
			b.fail(e, a, why)
			continue
		}
		denied := *why
		denied.Class = llm.Denied
		b.fail(e, a, fault.New(fault.Config, &denied, "mend what the provider names: the model's name, or a setting that it does not take (it is asked without response_format when the model's schema is text); then run again"))
	}
}

// verdict returns what is wrong with a refused batch as a whole, nil for nothing,
// and with requests of it.
func (e *entry) verdict() (whole *llm.Error, bad map[llm.Key]*llm.Error) {
	bad = map[llm.Key]*llm.Error{}
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
	return whole, bad
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
		b.tryAgain(e, rest)
	} else {
		b.again(rest)
	}
	return err
}
