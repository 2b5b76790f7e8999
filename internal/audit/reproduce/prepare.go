package reproduce

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/gymline/gymline/internal/audit/closure"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// prepare copies what the run reads, and opens it: as it was, but that no model is asked,
// nobody is told and nothing is paid.
func (u *rerun) prepare(ctx context.Context) error {
	err := closure.Of(ctx, u.From, u.Run, func(o closure.Object) error {
		switch {
		case o.Kind != closure.Input && o.Kind != closure.Ledger:
			return nil
		case o.Err != nil:
			return fmt.Errorf("%s, %s: %w", o.Key, o.Why, o.Err)
		case o.Kind == closure.Input:
			return u.blob(ctx, o.Digest)
		}
		return u.object(ctx, o.Key)
	})
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

// blob copies a blob, verified.
func (u *rerun) blob(ctx context.Context, d store.Digest) error {
	r, err := u.From.OpenBlob(ctx, d)
	if err != nil {
		return fmt.Errorf("what run %s reads: %w", u.Run, err)
	}
	defer r.Close()
	w := u.Scratch.NewBlob()
	defer w.Discard()
	if _, err := io.Copy(w, r); err != nil {
		return fmt.Errorf("what run %s reads: %w", u.Run, err)
	}
	_, err = w.Commit(ctx)
	return err
}

// object copies an object of the ledger, which is verified where it is read.
func (u *rerun) object(ctx context.Context, key string) error {
	r, err := u.From.Bucket().Get(ctx, key)
	if err != nil {
		return err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return u.Scratch.Bucket().Put(ctx, key, bytes.NewReader(data), int64(len(data)))
}

// give has a step come to what it came to then: no trainer is run. Of the checkpoint the
// list of its files is all that later steps read.
func (u *rerun) give(ctx context.Context, s *run.Step) error {
	for _, shard := range s.Shards {
		for _, a := range shard.Record.Outputs {
			if err := u.blob(ctx, a.Digest); err != nil {
				return err
			}
			var made struct {
				Tree store.Digest `json:"tree"`
			}
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
