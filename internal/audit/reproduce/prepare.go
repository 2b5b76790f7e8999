package reproduce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gymline/gymline/internal/audit/closure"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// atOnce is how many objects are copied together.
const atOnce = 256

// prepare copies what the run reads, and opens it: as it was, but that no model is asked,
// nobody is told and nothing is paid.
func (u *rerun) prepare(ctx context.Context) error {
	var next []closure.Object
	err := closure.Walk{Store: u.From, Ledger: !u.Pure}.Run(ctx, u.Run, func(o closure.Object) error {
		switch {
		case o.Kind != closure.Input && o.Kind != closure.Ledger:
			return nil
		case o.Err != nil:
			return u.unread(o, o.Err)
		}
		if next = append(next, o); len(next) < atOnce {
			return nil
		}
		err := u.copy(ctx, next)
		next = next[:0]
		return err
	})
	if err == nil {
		err = u.copy(ctx, next)
	}
	if err != nil {
		return err
	}
	draft, _, err := run.DraftOf(ctx, u.From, u.was.Run)
	if err == nil {
		draft, err = draft.Replaying()
	}
	if err != nil {
		return err
	}
	return u.Runs.OpenAs(ctx, u.Run, draft)
}

// copy copies objects side by side: blobs verified, those of the ledger as they are, since
// they are verified where they are read.
func (u *rerun) copy(ctx context.Context, list []closure.Object) error {
	return store.SideBySide(ctx, len(list), func(i int) error {
		o := list[i]
		var err error
		if o.Kind == closure.Input {
			err = u.blob(ctx, o.Digest)
		} else {
			err = u.Scratch.CopyObject(ctx, u.From, o.Key)
		}
		return u.unread(o, err)
	})
}

func (u *rerun) unread(o closure.Object, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("what run %s reads: %s, %s: %w", u.Run, o.Key, o.Why, err)
}

// blob copies a blob, verified.
func (u *rerun) blob(ctx context.Context, d store.Digest) error {
	frame, err := u.From.Bucket().Get(ctx, store.BlobKey(d))
	if err != nil {
		return err
	}
	defer frame.Close()
	return u.Scratch.PutFrame(ctx, d, frame)
}

// give has a step come to what it came to then, with no trainer or model. Of a checkpoint the
// list of its files is all that later steps read.
func (u *rerun) give(ctx context.Context, s *run.Step) error {
	for _, shard := range s.Shards {
		for _, a := range shard.Record.Outputs {
			if err := u.blob(ctx, a.Digest); err != nil {
				return err
			}
			if a.Name != plan.CheckpointOutput {
				continue
			}
			var made plan.Checkpoint
			data, err := u.Scratch.ReadBlob(ctx, a.Digest)
			if err == nil {
				err = json.Unmarshal(data, &made)
			}
			if err == nil && made.Tree != "" {
				err = u.blob(ctx, made.Tree)
			}
			if err != nil {
				return fmt.Errorf("%s of %s: %w", a.Name, s.Name, err)
			}
		}
		if err := u.Scratch.CommitStep(ctx, *shard.Record); err != nil && !errors.Is(err, store.ErrExists) {
			return err
		}
	}
	return nil
}

// count adds up what a shard used.
func (u *rerun) count(usage json.RawMessage) error {
	var used llm.Usage
	if len(usage) == 0 {
		return nil
	}
	if err := json.Unmarshal(usage, &used); err != nil {
		return fmt.Errorf("what the rerun used: %w", err)
	}
	u.result.Replayed += used.Replayed
	return nil
}
