package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
)

// CheckFrame reads a blob as a store keeps it, to its end. The error wraps ErrCorrupt
// when what it decodes to does not hash to d.
func CheckFrame(d Digest, frame io.Reader) error {
	if !d.Valid() {
		return fmt.Errorf("store: %q is not a digest", string(d))
	}
	r, err := decoding(d, io.NopCloser(frame))
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(io.Discard, r)
	return err
}

// CopyFrame writes a blob as it is stored, and checks it on the way: after an error w
// has had something else, or not all of it.
func (s *Store) CopyFrame(ctx context.Context, d Digest, w io.Writer) error {
	if !d.Valid() {
		return fmt.Errorf("store: %q is not a digest", string(d))
	}
	body, err := s.bucket.Get(ctx, blobKey(d))
	if err != nil {
		return err
	}
	defer body.Close()
	return CheckFrame(d, io.TeeReader(body, w))
}

// PutFrame stores a blob as another store keeps it, once it is checked.
func (s *Store) PutFrame(ctx context.Context, d Digest, frame io.Reader) error {
	return s.putSpooled(ctx, func(sp *spool) (string, error) { return blobKey(d), CheckFrame(d, io.TeeReader(frame, sp)) })
}

// PutPlain stores bytes at a key, once they are found to hash to d.
func (s *Store) PutPlain(ctx context.Context, key string, d Digest, body io.Reader) error {
	return s.putSpooled(ctx, func(sp *spool) (string, error) {
		sum := sha256.New()
		_, err := io.Copy(io.MultiWriter(sp, sum), body)
		if got := sumOf(sum); err == nil && got != d {
			err = fmt.Errorf("store: put %s: got %s, want %s: %w", key, got, d, ErrCorrupt)
		}
		return key, err
	})
}

// CopyObject stores an object, whatever it is, as another store has it at the same key.
func (s *Store) CopyObject(ctx context.Context, from *Store, key string) error {
	return s.putSpooled(ctx, func(sp *spool) (string, error) {
		body, err := from.bucket.Get(ctx, key)
		if err != nil {
			return key, err
		}
		defer body.Close()
		_, err = io.Copy(sp, body)
		return key, err
	})
}

func (s *Store) putSpooled(ctx context.Context, fill func(*spool) (key string, err error)) error {
	var sp spool
	defer sp.free()
	key, err := fill(&sp)
	if err != nil {
		return err
	}
	body, size, err := sp.open()
	if err != nil {
		return err
	}
	return s.bucket.Put(ctx, key, body, size)
}

// PutAll puts objects together where the bucket can, else side by side.
func (s *Store) PutAll(ctx context.Context, objects []Object) error { return s.putAll(ctx, objects) }
