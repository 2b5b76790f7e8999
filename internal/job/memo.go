package job

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// Memos are records of finished work by its key; nil where there is none.
type Memos map[store.WorkKey]*store.Step

// FindMemos looks for finished work whose outputs are all still stored, as blobs of
// their size and, where they were published, as files of theirs. A memo that cannot
// be read is none: the work is done again, and its memo written anew.
func FindMemos(ctx context.Context, s *store.Store, keys ...store.WorkKey) (Memos, error) {
	memos, _, err := NewTrust(s).find(ctx, keys)
	return memos, err
}

// find also says which memos are none since they are not what a run recorded, and why.
func (t *Trust) find(ctx context.Context, keys []store.WorkKey) (Memos, map[store.WorkKey]doubt, error) {
	s := t.store
	found, sums := make([]*store.Step, len(keys)), make([]store.Digest, len(keys))
	err := store.SideBySide(ctx, len(keys), func(i int) error {
		if n, err := s.WithdrawnWork(ctx, keys[i]); n > 0 || err != nil {
			return err // it may be used no more
		}
		memo, sum, err := s.MemoAsStored(ctx, keys[i])
		switch {
		case err == nil && wellFormed(&memo):
			found[i], sums[i] = &memo, sum
		case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrUnreadable):
			err = nil
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	// Shards may have outputs in common: each blob is asked for once.
	type blob struct {
		digest store.Digest
		size   int64
		whole  bool
	}
	byDigest := map[store.Digest]*blob{}
	var blobs []*blob
	var makers []store.RunID
	for _, memo := range found {
		if memo == nil {
			continue
		}
		if !slices.Contains(makers, memo.Run) {
			makers = append(makers, memo.Run)
		}
		for _, a := range memo.Outputs {
			if byDigest[a.Digest] == nil {
				b := &blob{digest: a.Digest, size: memo.Stored[a.Digest]}
				byDigest[a.Digest], blobs = b, append(blobs, b)
			}
		}
	}
	err = store.SideBySide(ctx, len(makers)+len(blobs), func(i int) (err error) {
		if i < len(makers) {
			return t.of(ctx, makers[i]).err
		}
		b := blobs[i-len(makers)]
		b.whole, err = s.WholeBlob(ctx, b.digest, b.size)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	doubts := make([]doubt, len(keys))
	err = store.SideBySide(ctx, len(keys), func(i int) (err error) {
		if found[i] != nil {
			doubts[i], err = t.held(ctx, found[i], sums[i])
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	memos, why := Memos{}, map[store.WorkKey]doubt{}
	for i, memo := range found {
		if memo != nil && slices.ContainsFunc(memo.Outputs, func(a store.Artifact) bool { return !byDigest[a.Digest].whole }) {
			memo = nil
		}
		if memo != nil && doubts[i] != "" {
			memo, why[keys[i]] = nil, doubts[i]
		}
		if memo != nil { // a copy of its run's record, to the byte
			memo.MadeBy = &store.Maker{Run: memo.Run, Shard: memo.Shard, SHA256: sums[i]}
		}
		memos[keys[i]] = memo
	}
	if err := memos.came(ctx, s); err != nil {
		return nil, nil, err
	}
	return memos, why, memos.published(ctx, s)
}

// came leaves out trainings whose checkpoint is not there, and has the others' kept: nothing
// but an output names its files.
func (m Memos) came(ctx context.Context, s *store.Store) error {
	for key, memo := range m {
		if memo == nil {
			continue
		}
		out, err := memo.Output(plan.CheckpointOutput)
		if err != nil {
			continue // no training
		}
		var c plan.Checkpoint
		data, err := s.ReadBlob(ctx, out.Digest)
		if err == nil && json.Unmarshal(data, &c) == nil {
			var there bool
			if there, err = s.RelyOnTree(ctx, c.Tree); there && err == nil {
				continue
			}
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrCorrupt) {
			return err
		}
		m[key] = nil
	}
	return nil
}

// published leaves out work whose published files are not what was published.
func (m Memos) published(ctx context.Context, s *store.Store) error {
	for key, memo := range m {
		if memo == nil || memo.Published == "" {
			continue
		}
		whole, err := s.WholeExport(ctx, memo.Published, memo.Outputs)
		if err != nil {
			return err
		}
		if !whole {
			m[key] = nil
		}
	}
	return nil
}

// wellFormed reports whether each output of a memo names a blob.
func wellFormed(memo *store.Step) bool {
	return !slices.ContainsFunc(memo.Outputs, func(a store.Artifact) bool { return !a.Digest.Valid() })
}

// usable returns a memo of a step's work if it has all that other steps read of
// that step, else nil.
func (o *Opened) usable(name store.StepName, memo *store.Step) *store.Step {
	if memo == nil {
		return nil
	}
	lacks := func(in plan.Input) bool {
		_, err := memo.Output(in.Output)
		return in.Step == name && err != nil
	}
	for i := range o.Plan.Steps {
		step := &o.Plan.Steps[i]
		if slices.ContainsFunc(step.Inputs, lacks) || slices.ContainsFunc(step.Also, lacks) ||
			slices.ContainsFunc(step.Each, func(share plan.Share) bool { return slices.ContainsFunc(share.Also, lacks) }) {
			return nil
		}
	}
	return memo
}
