package pack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/gymline/gymline/internal/audit/closure"
	"github.com/gymline/gymline/internal/store"
)

// boundBy are the digests of records that a run's seal binds, by key.
func boundBy(ctx context.Context, st *store.Store, id store.RunID) (map[string]store.Digest, error) {
	seal, err := st.ReadSeal(ctx, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && seal.Binding == "" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	b, err := st.ReadBinding(ctx, id, seal.Binding)
	return b.ByKey(), err
}

// ofOwn reports whether a key is below the run's own, so that it may not be absent.
func ofOwn(id store.RunID, key string) bool { return strings.HasPrefix(key, "runs/"+string(id)+"/") }

// An ahead bucket has an object that is not stored yet.
type ahead struct {
	store.Bucket
	object store.Object
}

func (a ahead) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	if key == a.object.Key {
		return io.NopCloser(bytes.NewReader(a.object.Body)), nil
	}
	return a.Bucket.Get(ctx, key)
}

func (a ahead) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		before := strings.HasPrefix(a.object.Key, prefix) // its place is not yet come to
		for key, err := range a.Bucket.List(ctx, prefix) {
			if before && err == nil && key >= a.object.Key {
				before = false
				if !yield(a.object.Key, nil) {
					return
				}
			}
			if (err != nil || key != a.object.Key) && !yield(key, err) {
				return
			}
		}
		if before {
			yield(a.object.Key, nil)
		}
	}
}

// whole checks that the run would be whole with its own record: that its records are those
// that its seal binds, and that all that they name has come, or was here.
func (u *unpacker) whole(own store.Object) error {
	st := store.New(ahead{u.st.Bucket(), own})
	bound, err := boundBy(u.ctx, st, u.head.Run)
	if errors.Is(err, store.ErrNotFound) {
		err = fmt.Errorf("the archive lacks what the run's seal names: %w: %w", store.ErrCorrupt, err)
	}
	if err != nil {
		return err
	}
	for key, want := range bound {
		switch sum, there := u.records[key]; {
		case there && sum != want:
			return fmt.Errorf("%s is not what the run's seal binds: %w", key, store.ErrCorrupt)
		case !there && ofOwn(u.head.Run, key):
			return fmt.Errorf("%s, which the run's seal binds, is not in the archive: %w", key, store.ErrCorrupt)
		}
	}
	lost, first := 0, ""
	err = closure.Walk{Store: st}.Run(u.ctx, u.head.Run, func(o closure.Object) error {
		err := o.Err
		switch {
		case o.Optional, o.Kind == closure.Tag, o.Kind == closure.Pin, o.Kind == closure.HandIn, o.Kind == closure.Tombstone:
			return nil // it is the store's, or need not be there
		case err == nil && !u.came.Has(o.Key) && o.Key != own.Key:
			_, err = u.st.Bucket().Stat(u.ctx, o.Key)
		}
		if err == nil {
			return nil
		}
		if !errors.Is(err, store.ErrNotFound) && o.Err == nil {
			return err
		}
		if lost++; lost == 1 {
			first = fmt.Sprintf("%s (%s): %v", o.Key, o.Why, err)
		}
		return nil
	})
	if err == nil && lost > 0 {
		err = fmt.Errorf("of what the run needs the archive lacks %d: first %s: %w", lost, first, store.ErrCorrupt)
	}
	return err
}
