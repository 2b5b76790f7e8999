package folder

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/gymline/gymline/internal/store"
)

// Put stores an object, in place of one that may be there.
func (b *Bucket) Put(ctx context.Context, key string, body io.ReadSeeker, size int64) error {
	refuse := func(err error) error { // the body's fault, not the folder's
		return &store.Error{Op: "put", Key: key, Kind: store.Refused, Err: err}
	}
	return b.write(ctx, "put", key, func(f *os.File) error {
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return refuse(err)
		}
		n, err := io.Copy(f, io.LimitReader(&reader{ctx, body, refuse}, size+1))
		if err == nil && n != size {
			return refuse(fmt.Errorf("the body has not the %d bytes that were announced", size))
		}
		return err
	}, b.root.Rename)
}

// Create stores an object unless the key is taken.
func (b *Bucket) Create(ctx context.Context, key string, body []byte) error {
	return b.write(ctx, "create", key, func(f *os.File) error {
		_, err := f.Write(body)
		return err
	}, b.claim)
}

// Delete removes an object. Its folder stays: another process may be about to put
// something into it.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	name, err := file(ctx, "delete", key)
	if err != nil {
		return err
	}
	if b.readOnly {
		return &store.Error{Op: "delete", Key: key, Kind: store.Refused, Err: errors.New("the store was opened for reading")}
	}
	if err := isObject(b.root.Lstat(name)); err == nil {
		err = b.root.Remove(name)
		if !absent(err) {
			return b.failure(ctx, "delete", key, err)
		}
	}
	return nil
}

// write fills a file in uploads/, moves it to its key, and makes that durable.
func (b *Bucket) write(ctx context.Context, op, key string, fill func(*os.File) error, move func(from, to string) error) error {
	name, err := file(ctx, op, key)
	if err != nil {
		return err
	}
	if b.readOnly {
		return &store.Error{Op: op, Key: key, Kind: store.Refused, Err: errors.New("the store was opened for reading")}
	}
	temp := path.Join(uploads, rand.Text())
	defer b.root.Remove(temp) // fails where it was renamed
	if err := b.upload(temp, fill, b.fsync); err != nil {
		return b.failure(ctx, op, key, err)
	}
	above := path.Dir(name)
	if err := errors.Join(ctx.Err(), b.ensure(above)); err != nil {
		return b.failure(ctx, op, key, err)
	}
	moved := move(temp, name)
	if moved != nil && !errors.Is(moved, fs.ErrExist) {
		return b.failure(ctx, op, key, moved)
	}
	// Also what another writer has put there is to be there for good, before
	// anyone builds on it.
	if err := b.sync(above); err != nil {
		return b.failure(ctx, op, key, err)
	}
	if moved != nil && op == "create" {
		return fmt.Errorf("store: create %s: %w", key, store.ErrExists)
	}
	return b.failure(ctx, op, key, moved)
}

// upload writes and syncs a file in uploads/.
func (b *Bucket) upload(temp string, fill, sync func(*os.File) error) error {
	f, err := b.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err = fill(f); err == nil {
		err = sync(f)
	}
	return errors.Join(err, f.Close())
}

// claim gives a finished file its name unless the name is taken: of any number
// of processes one succeeds, and the others get fs.ErrExist.
func (b *Bucket) claim(from, to string) error {
	err := b.link(from, to)
	if linkless(err) {
		return b.renameNew(from, to)
	}
	if errors.Is(err, fs.ErrExist) {
		// A network file system may have done it, and lost the answer.
		mine, err1 := b.root.Lstat(from)
		there, err2 := b.root.Lstat(to)
		if err1 == nil && err2 == nil && os.SameFile(mine, there) {
			return nil
		}
	}
	return err
}
