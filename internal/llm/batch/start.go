package batch

import (
	"errors"
	"fmt"

	"github.com/gymline/gymline/internal/llm"
)

// start makes a batch of an uploaded file. When a try leaves open whether the
// batch was made, the provider's list decides before the next; with an error,
// unclear says that there may be a batch all the same.
func (b *Batcher) start(e *entry, file llm.File) (out llm.Batch, unclear bool, err error) {
	if err := b.await(e, file); err != nil {
		return out, false, err
	}
	for look := 1; ; look++ {
		err = b.opt.Retry(b.ctx, func() error {
			if unclear {
				found, err := b.search(e, b.opt.Now().Add(looks*b.opt.Poll))
				if err != nil {
					return err
				}
				if found != nil {
					out = *found
					return nil
				}
			}
			var err error
			out, err = b.api.Create(b.ctx, e.file, e.mark)
			unclear = unclear || mayBeMade(err)
			return err
		})
		if !late(err) && !unready(err) {
			return out, unclear, err
		}
		most, broken := b.taken(e)
		if broken != nil {
			return out, unclear, broken
		}
		if look > most {
			return out, unclear, err
		}
		if look == 1 {
			b.opt.Log.Warn("the provider does not start a batch of its file yet, trying again", "model", b.opt.Model, "file", e.file, "err", err)
		}
		b.tell(e, "not started yet")
		if err := b.pause(); err != nil {
			return out, unclear, err
		}
	}
}

// mayBeMade reports whether a call to make a batch that ended so may have made it.
func mayBeMade(err error) bool {
	if e, ok := errors.AsType[*llm.Error](err); ok {
		return turnedDown(err) == nil && !late(err) && !e.Overload()
	}
	return err != nil
}

// await waits while a file is being taken in, as far as the provider says so.
func (b *Batcher) await(e *entry, file llm.File) error {
	for look := 1; file.State == llm.FilePending && look <= looksCounted; look++ {
		b.tell(e, "its file is "+file.Reason)
		if err := b.pause(); err != nil {
			return err
		}
		if now, err := b.api.File(b.ctx, e.file); err == nil { // a failure says nothing
			file = now
		}
	}
	return b.broken(file)
}

// taken returns how often the start of a batch is worth another try, by how its
// file stands.
func (b *Batcher) taken(e *entry) (most int, broken error) {
	file, err := b.api.File(b.ctx, e.file)
	switch {
	case err != nil: // many have no such call
		return looks, nil
	case file.State == llm.FilePending:
		return looksCounted, nil
	case file.State == llm.FileReady:
		return looksTaken, nil
	}
	return looks, b.broken(file)
}

func (b *Batcher) broken(file llm.File) error {
	if file.State != llm.FileBroken {
		return nil
	}
	return &llm.Error{Model: b.opt.Model, Code: "file_refused", Class: llm.Denied, Err: fmt.Errorf("the provider did not take a batch's file in: %s", file.Reason)}
}
