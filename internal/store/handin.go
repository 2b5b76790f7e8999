package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"
)

// A hand-in is what a trainer brings that may write nothing else: a small store of
// its own below handin/, with the blobs of one checkpoint and its record. The run's
// own step takes it over, after a look at every byte; nothing else reads it.

// HandIn is the store of one training's hand-in.
func (s *Store) HandIn(id RunID, name string) (*Store, error) {
	if _, err := (Checkpoint{Run: id, Name: name}).key(); err != nil { // it checks the parts
		return nil, err
	}
	return New(within{s.bucket, "handin/" + string(id) + "/" + name + "/"}), nil
}

// Below is a store of its own below a prefix.
func (s *Store) Below(prefix string) *Store { return New(within{s.bucket, prefix}) }

// within is a part of a bucket.
type within struct {
	of     Bucket
	prefix string
}

func (w within) Put(ctx context.Context, key string, body io.ReadSeeker, size int64) error {
	return w.of.Put(ctx, w.prefix+key, body, size)
}

func (w within) Create(ctx context.Context, key string, body []byte) error {
	return w.of.Create(ctx, w.prefix+key, body)
}

func (w within) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	return w.of.Get(ctx, w.prefix+key)
}

func (w within) GetRange(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	return w.of.GetRange(ctx, w.prefix+key, offset, length)
}

func (w within) Stat(ctx context.Context, key string) (int64, error) {
	return w.of.Stat(ctx, w.prefix+key)
}

func (w within) Delete(ctx context.Context, key string) error { return w.of.Delete(ctx, w.prefix+key) }

func (w within) Sizes(ctx context.Context, prefix string) iter.Seq2[Sized, error] {
	return func(yield func(Sized, error) bool) {
		for o, err := range w.of.Sizes(ctx, w.prefix+prefix) {
			if err == nil {
				o.Key = o.Key[len(w.prefix):]
			}
			if !yield(o, err) {
				return
			}
		}
	}
}

func (w within) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for key, err := range w.of.List(ctx, w.prefix+prefix) {
			if err == nil {
				key = key[len(w.prefix):]
			}
			if !yield(key, err) {
				return
			}
		}
	}
}

// Adopt stores the files of another store's tree, each read once and verified. It
// trusts nothing that the tree says: a list that is none, or a file of another size,
// is an error that wraps ErrCorrupt.
func (s *Store) Adopt(ctx context.Context, t *TreeFS) (*TreeFS, error) {
	for i, f := range t.files {
		switch {
		case !fs.ValidPath(f.Path) || f.Path == "." || !f.Digest.Valid() || f.Bytes < 0:
			return nil, fmt.Errorf("the list of files names %q, which no file can be: %w", f.Path, ErrCorrupt)
		case i > 0 && f.Path <= t.files[i-1].Path:
			return nil, fmt.Errorf("the list of files has %q out of its place: %w", f.Path, ErrCorrupt)
		}
	}
	slots := make(chan struct{}, abreastLarge)
	err := SideBySide(ctx, len(t.files), func(i int) error {
		slots <- struct{}{}
		defer func() { <-slots }()
		if err := s.adopt(ctx, t, t.files[i]); err != nil {
			return fmt.Errorf("%s: %w", t.files[i].Path, err)
		}
		return nil
	})
	return &TreeFS{store: s, files: slices.Clone(t.files)}, err
}

func (s *Store) adopt(ctx context.Context, t *TreeFS, f TreeFile) error {
	r, err := t.Open(ctx, f.Path)
	if err != nil {
		return err
	}
	defer r.Close()
	w := s.NewBlob()
	defer w.Discard()
	// One byte more than it should have: the end is read, where it is verified.
	n, err := io.CopyN(w, r, f.Bytes+1)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if n != f.Bytes {
		return fmt.Errorf("it is not of the %d bytes that are said of it: %w", f.Bytes, ErrCorrupt)
	}
	d, err := w.Digest()
	if err == nil && d != f.Digest {
		err = ErrCorrupt
	}
	if err == nil {
		_, err = w.Commit(ctx)
	}
	return err
}
