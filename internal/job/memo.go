package job

import (
	"context"
	"errors"

	"github.com/gymline/gymline/internal/store"
)

// Memos are records of finished work by its key; nil where there is none.
type Memos map[store.WorkKey]*store.Step

// FindMemos looks for finished work whose outputs are all still stored.
func FindMemos(ctx context.Context, s *store.Store, keys ...store.WorkKey) (Memos, error) {
	found := make([]*store.Step, len(keys))
	err := store.SideBySide(ctx, len(keys), func(i int) error {
		memo, err := s.ReadMemo(ctx, keys[i])
		if err == nil {
			found[i] = &memo
		} else if errors.Is(err, store.ErrNotFound) {
			err = nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	stored := map[store.Digest]*bool{} // shards may have outputs in common
	var blobs []store.Digest
	for _, memo := range found {
		if memo == nil {
			continue
		}
		for _, a := range memo.Outputs {
			if stored[a.Digest] == nil {
				stored[a.Digest] = new(bool)
				blobs = append(blobs, a.Digest)
			}
		}
	}
	err = store.SideBySide(ctx, len(blobs), func(i int) (err error) {
		*stored[blobs[i]], err = s.HasBlob(ctx, blobs[i])
		return err
	})
	memos := Memos{}
	for i, memo := range found {
		memos[keys[i]] = memo
		if memo == nil {
			continue
		}
		for _, a := range memo.Outputs {
			if !*stored[a.Digest] {
				memos[keys[i]] = nil
			}
		}
	}
	return memos, err
}
