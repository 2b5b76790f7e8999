// Package folder is a store.Bucket over a plain folder, which any number of
// processes of this machine use at once: the store of a run that has no other.
//
// An object is the file at its key below objects/. It is written to uploads/,
// synced, and then renamed or linked into place, and its folder is synced before
// the call returns: a crash at any point leaves it whole or absent, and what
// was reported as stored stays stored. Many objects that are put together share
// their two waits for the disk. There is no lock and no server: the file system
// decides between writers.
package folder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"
	"time"

	"github.com/gymline/gymline/internal/store"
)

// What lies in a store's folder.
const (
	objects = "objects" // the objects, as plain files at their keys
	uploads = "uploads" // objects that are being written, and what a crash left of them
)

// leftover is the age from which a file in uploads/ is taken for one that a
// crash left: its writer has not written to it for so long.
const leftover = 24 * time.Hour

// A Bucket is a folder. Close it after its last use.
type Bucket struct {
	dir      string
	readOnly bool
	root     *os.Root                    // the folder
	link     func(from, to string) error // root's
	fsync    func(*os.File) error        // of files and folders
	syncAll  func(*os.File) error        // of the file system that a folder is on
	known    sync.Map                    // folders below the root that are there for good, by path
}

// Open opens a folder for reading and writing, and makes what is absent of it.
func Open(dir string) (*Bucket, error) { return open(dir, (*os.File).Sync) }

func open(dir string, fsync func(*os.File) error) (*Bucket, error) {
	b := &Bucket{dir: dir, fsync: fsync, syncAll: syncAll}
	err := b.makeRoot(filepath.Clean(dir))
	if err == nil {
		b.root, err = os.OpenRoot(dir)
	}
	if err != nil {
		return nil, b.failure(context.Background(), "open", dir, err)
	}
	b.link = b.root.Link
	if err = b.root.Mkdir(uploads, 0o700); err == nil || errors.Is(err, fs.ErrExist) {
		err = b.ensure(objects)
	}
	if err != nil {
		b.Close()
		return nil, b.failure(context.Background(), "open", dir, err)
	}
	return b, nil
}

// OpenReadOnly opens a folder that is there, and makes nothing. Where there is
// no store the error wraps store.ErrNotFound.
func OpenReadOnly(dir string) (*Bucket, error) {
	b := &Bucket{dir: dir, readOnly: true}
	if _, err := os.Stat(filepath.Join(dir, objects)); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("store: open %s: no run was kept there: %w", dir, store.ErrNotFound)
	}
	var err error
	b.root, err = os.OpenRoot(dir)
	return b, b.failure(context.Background(), "open", dir, err)
}

// Close lets go of the folder.
func (b *Bucket) Close() error { return b.root.Close() }

// Sweep removes what crashes left in uploads/: files that nobody has written to
// for a day. Other processes may be writing at the same time.
func (b *Bucket) Sweep(ctx context.Context, now time.Time) error {
	left, err := fs.ReadDir(b.root.FS(), uploads)
	for _, entry := range left {
		info, gone := entry.Info()
		if gone != nil || now.Sub(info.ModTime()) < leftover {
			continue // renamed, linked or swept since, or perhaps being written
		}
		err = errors.Join(err, b.root.RemoveAll(path.Join(uploads, entry.Name())))
	}
	return b.failure(ctx, "open", b.dir, err)
}

// ensure makes a folder below the root, with those above it, so that it is
// there for good when it returns.
func (b *Bucket) ensure(name string) error {
	if _, ok := b.known.Load(name); ok || name == "." {
		return nil
	}
	above := path.Dir(name)
	if err := b.ensure(above); err != nil {
		return err
	}
	err := b.root.Mkdir(name, 0o700)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// Another writer may have made it and not yet synced it. Once there is
	// something in it, it has been: nobody puts anything into it before.
	if err == nil || b.empty(name) {
		if err := b.sync(above); err != nil {
			return err
		}
	}
	b.known.Store(name, true)
	return nil
}

func (b *Bucket) empty(name string) bool {
	f, err := b.root.Open(name)
	if err != nil {
		return true
	}
	defer f.Close()
	names, _ := f.Readdirnames(1)
	return len(names) == 0
}

// makeRoot makes the folder itself, with those above it, as ensure does.
func (b *Bucket) makeRoot(dir string) error {
	if isDir(dir) {
		return nil
	}
	above := filepath.Dir(dir)
	if above != dir {
		if err := b.makeRoot(above); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !isDir(dir) {
		return err
	}
	return b.syncFolder(os.Open(above))
}

func isDir(dir string) bool {
	info, err := os.Stat(dir)
	return err == nil && info.IsDir()
}

// sync makes the entries of a folder below the root durable.
func (b *Bucket) sync(name string) error { return b.syncFolder(b.root.Open(name)) }

// syncFolder makes a folder's entries durable, and closes it. Some network file
// systems have no such call: they are as durable as they are.
func (b *Bucket) syncFolder(f *os.File, err error) error {
	if err != nil {
		return err
	}
	if err = b.fsync(f); unsupported(err) {
		err = nil
	}
	return errors.Join(err, f.Close())
}
