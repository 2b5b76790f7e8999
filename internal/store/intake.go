package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync/atomic"
	"unicode/utf8"
)

// An Intake is how a folder is taken in. The zero one reads every file.
type Intake struct {
	// Known has the digests of files that did not change; nil: none.
	Known Known
	// Told hears how far it is: of the files to read, and then of those that the
	// store lacks, done and all. It is called from several goroutines; nil: nobody.
	Told func(storing bool, done, all int)
	// Anew stores every file, also those that the store has: what lies there may be
	// damaged.
	Anew bool
	// LeftOut hears of files and folders that are left out; nil: nobody.
	LeftOut func(path string)
}

// Known remembers digests of a folder's files. It is safe for concurrent use.
type Known interface {
	// Digest returns the digest of the file at path if info shows the very file
	// that was kept, unchanged.
	Digest(path string, info fs.FileInfo) (Digest, bool)
	// Keep remembers the digest of a file as it was before and after it was read.
	Keep(path string, before, after fs.FileInfo, d Digest)
	// Stored is the tree that the folder was stored as last, in whichever store.
	Stored() Digest
	// KeepStored remembers that tree.
	KeepStored(d Digest)
}

// PutTree stores every regular file of fsys that is not stored yet, and the
// list of them; a list that is damaged is written anew. Names that start with a dot
// are left out; a link or device is refused. Files are read and stored side by side;
// of several errors the first by path is returned.
func (s *Store) PutTree(ctx context.Context, fsys fs.FS, in Intake) (Tree, error) {
	t, err := in.Digest(ctx, fsys)
	if err != nil {
		return Tree{}, err
	}
	d, there := t.Digest(), false
	if !in.Anew && !s.sparse() { // a tree is stored after its files: where it is, they are
		if there, err = s.wholeList(ctx, d); err != nil {
			return Tree{}, err
		}
	}
	if !there {
		if d, err = s.putFiles(ctx, fsys, t, in); err != nil {
			return Tree{}, err
		}
	}
	if err := s.relies(ctx, t.files); err != nil { // also on those that nobody asked for
		return Tree{}, err
	}
	if in.Known != nil {
		in.Known.KeepStored(d)
	}
	return Tree{Digest: d, Files: len(t.files), Bytes: t.Bytes()}, nil
}

// A Watched bucket is written to beside removals.
type Watched interface {
	// Sparse reports whether anything was ever removed, or may be. Then a list of files may
	// be there without them: the process that stored it was ended before a run named it.
	Sparse() bool
	// Rely says that objects are relied on which were not asked for.
	Rely(ctx context.Context, keys ...string) error
}

// sparse reports whether a list of files does not say that the files are there.
func (s *Store) sparse() bool {
	b, ok := s.bucket.(Watched)
	return ok && b.Sparse()
}

func (s *Store) relies(ctx context.Context, files []TreeFile) error {
	b, ok := s.bucket.(Watched)
	if !ok {
		return nil
	}
	keys := make([]string, len(files))
	for i, f := range files {
		keys[i] = blobKey(f.Digest)
	}
	return b.Rely(ctx, keys...)
}

// RelyOnTree says that a stored folder is relied on, all of it, and reports whether its list
// is there: a record that names it may come much later.
func (s *Store) RelyOnTree(ctx context.Context, list Digest) (bool, error) {
	t, err := s.OpenTree(ctx, list)
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrCorrupt) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, s.relies(ctx, t.files)
}

// wholeList reports whether a tree's list is stored, by reading it: it is small.
func (s *Store) wholeList(ctx context.Context, d Digest) (bool, error) {
	_, err := s.ReadBlob(ctx, d)
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrCorrupt) {
		return false, nil
	}
	return err == nil, err
}

// Digest lists what PutTree would store. The files of such a tree cannot be opened.
func (in Intake) Digest(ctx context.Context, fsys fs.FS) (*TreeFS, error) {
	var found []dirFile
	err := fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path != "." && strings.HasPrefix(d.Name(), ".") {
			if in.LeftOut != nil {
				in.LeftOut(path)
			}
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !utf8.ValidString(path) {
			return fmt.Errorf("the name %q is not UTF-8 text: rename it", path)
		}
		if d.IsDir() {
			return ctx.Err()
		}
		if !d.Type().IsRegular() {
			return fmt.Errorf("%s is not a regular file: copy what it stands for to its place", path)
		}
		found = append(found, dirFile{path, d})
		return nil
	})
	if err != nil || found == nil {
		return &TreeFS{}, err // whose list is null, not []
	}
	slices.SortFunc(found, func(a, b dirFile) int { return strings.Compare(a.path, b.path) })
	t := &TreeFS{files: make([]TreeFile, len(found))}
	done := in.counter(false, len(found))
	return t, SideBySide(ctx, len(found), func(i int) (err error) {
		t.files[i], err = in.digest(fsys, found[i])
		done()
		return err
	})
}

// A dirFile is a file that was found in a folder.
type dirFile struct {
	path  string
	entry fs.DirEntry
}

// digest finds a file's digest, and reads it for that alone unless it is known.
func (in Intake) digest(fsys fs.FS, file dirFile) (TreeFile, error) {
	if in.Known != nil {
		info, err := file.entry.Info()
		if err != nil {
			return TreeFile{}, err
		}
		if d, ok := in.Known.Digest(file.path, info); ok {
			return TreeFile{Path: file.path, Digest: d, Bytes: info.Size()}, nil
		}
	}
	f, err := fsys.Open(file.path)
	if err != nil {
		return TreeFile{}, err
	}
	defer f.Close()
	before, err := f.Stat()
	if err != nil {
		return TreeFile{}, err
	}
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return TreeFile{}, fmt.Errorf("read %s: %w", file.path, err)
	}
	d := sumOf(h)
	if in.Known != nil {
		after, err := f.Stat()
		if err != nil {
			return TreeFile{}, err
		}
		in.Known.Keep(file.path, before, after, d)
	}
	return TreeFile{Path: file.path, Digest: d, Bytes: n}, nil
}

// counter returns what is to be called after each of n files.
func (in Intake) counter(storing bool, n int) func() {
	if in.Told == nil {
		return func() {}
	}
	var done atomic.Int64
	in.Told(storing, 0, n)
	return func() { in.Told(storing, int(done.Add(1)), n) }
}
