package pack

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/gymline/gymline/internal/store"
)

// flush stores what is held: what may be written any number of times, and then records,
// of which one that is there must be the same.
func (u *unpacker) flush() error {
	put, calls, once := u.put, u.calls, u.once
	u.put, u.calls, u.once, u.held = nil, nil, nil, 0
	if err := u.missing(put); err != nil {
		return err
	}
	if err := u.missing(u.lists()); err != nil { // after their files
		return err
	}
	if err := u.each(calls, u.exchange); err != nil {
		return err
	}
	var beside []store.Object
	once = slices.DeleteFunc(once, func(o store.Object) bool {
		if ofRun(o.Key) || stones.MatchString(o.Key) {
			return false
		}
		beside = append(beside, o)
		return true
	})
	slices.SortStableFunc(beside, func(a, b store.Object) int {
		return cmp.Or(cmp.Compare(len(a.Key), len(b.Key)), cmp.Compare(a.Key, b.Key))
	})
	for _, o := range beside { // in the order of their numbers
		there, err := u.follow(o)
		if err != nil {
			return err
		}
		if there {
			u.done.There++
		}
	}
	return u.each(once, func(o store.Object) (there bool, err error) {
		err = u.st.Bucket().Create(u.ctx, o.Key, o.Body)
		if !errors.Is(err, store.ErrExists) {
			return false, err
		}
		return true, u.same(o)
	})
}

// each stores objects side by side, and counts those that were there.
func (u *unpacker) each(list []store.Object, put func(store.Object) (there bool, err error)) error {
	there := make([]bool, len(list))
	err := store.SideBySide(u.ctx, len(list), func(i int) (err error) {
		there[i], err = put(list[i])
		return err
	})
	for _, t := range there {
		if t {
			u.done.There++
		}
	}
	return err
}

// missing stores what is not there, or is not whole.
func (u *unpacker) missing(list []store.Object) error {
	there := make([]bool, len(list))
	err := store.SideBySide(u.ctx, len(list), func(i int) (err error) {
		there[i], err = u.here(list[i])
		return err
	})
	if err != nil {
		return err
	}
	var missing []store.Object
	for i, o := range list {
		if !there[i] {
			missing = append(missing, o)
		}
	}
	u.done.There += len(list) - len(missing)
	return u.st.PutAll(u.ctx, missing)
}

// same refuses a record of a run that is there and another. The word of a removal stays.
func (u *unpacker) same(o store.Object) error {
	there, err := u.st.ReadObject(u.ctx, o.Key)
	if err == nil && !bytes.Equal(there, o.Body) && ofRun(o.Key) {
		err = fmt.Errorf("run %s of this store is not the one in the archive: %s is another: %w", u.head.Run, o.Key, ErrOther)
	}
	return err
}

// here reports whether an object that may be written again is here, and whole.
func (u *unpacker) here(o store.Object) (bool, error) {
	size, err := u.st.Bucket().Stat(u.ctx, o.Key)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	digest, blob := blobOf(o.Key)
	if err != nil || !blob && size != int64(len(o.Body)) {
		return false, err
	}
	if blob {
		return u.hereWhole(o.Key, digest, true)
	}
	return u.hereWhole(o.Key, store.DigestOf(o.Body), false)
}

// hereWhole reports whether what a digest is of is at a key.
func (u *unpacker) hereWhole(key string, digest store.Digest, blob bool) (bool, error) {
	var err error
	if blob {
		err = u.st.CopyFrame(u.ctx, digest, io.Discard)
	} else {
		var b store.Bound
		if b, err = u.st.Bind(u.ctx, key); err == nil && b.SHA256 != digest {
			err = store.ErrCorrupt
		}
	}
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrCorrupt) {
		return false, nil
	}
	return err == nil, err
}
