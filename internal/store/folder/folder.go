// Package folder is a store.Bucket over a plain folder, which any number of
// processes of this machine use at once: the store of a run that has no other.
//
// An object is the file at its key below objects/. It is written to uploads/,
// synced, and then renamed or linked into place, and its folder is synced before
// the call returns: a crash at any point leaves it whole or absent, and what
// was reported as stored stays stored. There is no lock and no server: the file
// system decides between writers.
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
	dir    string
	root   *os.Root                    // the folder
	temp   *os.Root                    // uploads/, nil when read-only
	link   func(from, to string) error // root's
	fsync  func(*os.File) error        // of files and folders
	known  sync.Map                    // folders below the root that are there for good, by path
	making sync.Mutex
}

// Open opens a folder for reading and writing, and makes what is absent of it.
func Open(dir string) (*Bucket, error) { return open(dir, (*os.File).Sync) }

func open(dir string, fsync func(*os.File) error) (*Bucket, error) {
	b := &Bucket{dir: dir, fsync: fsync}
	err := b.makeRoot(filepath.Clean(dir))
	if err == nil {
		b.root, err = os.OpenRoot(dir)
	}
	if err != nil {
		return nil, b.broken("open", dir, err)
	}
	b.link = b.root.Link
	if err = b.root.Mkdir(uploads, 0o700); err == nil || errors.Is(err, fs.ErrExist) {
		b.temp, err = b.root.OpenRoot(uploads)
	}
	if err == nil {
		err = b.ensure(objects)
	}
	if err != nil {
		return nil, errors.Join(b.broken("open", dir, err), b.Close())
	}
	return b, nil
}

// OpenReadOnly opens a folder that is there, and makes nothing. Where there is
// no store the error wraps store.ErrNotFound.
func OpenReadOnly(dir string) (*Bucket, error) {
	b := &Bucket{dir: dir}
	if _, err := os.Stat(filepath.Join(dir, objects)); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("store: open %s: no run was kept there: %w", dir, store.ErrNotFound)
	}
	var err error
	if b.root, err = os.OpenRoot(dir); err != nil {
		return nil, b.broken("open", dir, err)
	}
	return b, nil
}

// Close lets go of the folder.
func (b *Bucket) Close() error {
	err := b.root.Close()
	if b.temp != nil {
		err = errors.Join(err, b.temp.Close())
	}
	return err
}

// Sweep removes what crashes left in uploads/: files that nobody has written to
// for a day. Other processes may be writing at the same time.
func (b *Bucket) Sweep(ctx context.Context, now time.Time) error {
	left, err := fs.ReadDir(b.temp.FS(), ".")
	for _, entry := range left {
		info, gone := entry.Info()
		if gone != nil || now.Sub(info.ModTime()) < leftover {
			continue // renamed, linked or swept since, or perhaps being written
		}
		err = errors.Join(err, b.temp.RemoveAll(entry.Name()))
	}
	return b.failure(ctx, "open", b.dir, err)
}

// ensure makes a folder below the root, with those above it, so that it is
// there for good when it returns.
func (b *Bucket) ensure(name string) error {
	if name == "." {
		return nil
	}
	if _, ok := b.known.Load(name); ok {
		return nil
	}
	b.making.Lock()
	defer b.making.Unlock()
	return b.make(name)
}

func (b *Bucket) make(name string) error {
	if _, ok := b.known.Load(name); ok || name == "." {
		return nil
	}
	above := path.Dir(name)
	if err := b.make(above); err != nil {
		return err
	}
	err := b.root.Mkdir(name, 0o700)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// Another process may have made it and not yet synced it. Once there is
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

// sync makes the entries of a folder below the root durable.
func (b *Bucket) sync(name string) error {
	f, err := b.root.Open(name)
	if err != nil {
		return err
	}
	return b.syncFolder(f)
}

// makeRoot makes the folder itself, with those above it, and syncs what it made.
func (b *Bucket) makeRoot(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	above := filepath.Dir(dir)
	if above != dir {
		if err := b.makeRoot(above); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		if info, again := os.Stat(dir); again == nil && info.IsDir() {
			return nil // another process was first
		}
		return err
	}
	f, err := os.Open(above)
	if err != nil {
		return err
	}
	return b.syncFolder(f)
}

// syncFolder makes a folder's entries durable, and closes it. Some network file
// systems have no such call: they are as durable as they are.
func (b *Bucket) syncFolder(f *os.File) error {
	err := b.fsync(f)
	if unsupported(err) {
		err = nil
	}
	return errors.Join(err, f.Close())
}
