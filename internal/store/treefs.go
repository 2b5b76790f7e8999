package store

import (
	"context"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// FS is the tree as a folder, for what reads folders. Its files have no times.
func (t *TreeFS) FS(ctx context.Context) fs.FS { return folderFS{ctx, t} }

// Known knows the digests of the tree's files, for an Intake of its FS.
func (t *TreeFS) Known() Known { return knownTree{t} }

type knownTree struct{ *TreeFS }

func (k knownTree) Digest(path string, _ fs.FileInfo) (Digest, bool) {
	i, ok := k.find(path)
	if !ok {
		return "", false
	}
	return k.files[i].Digest, true
}

func (knownTree) Keep(string, fs.FileInfo, fs.FileInfo, Digest) {}
func (knownTree) Stored() Digest                                { return "" }
func (knownTree) KeepStored(Digest)                             {}

type folderFS struct {
	ctx  context.Context //nolint:containedctx // an fs.FS takes none
	tree *TreeFS
}

func (f folderFS) Open(name string) (fs.File, error) {
	fail := func(err error) (fs.File, error) { return nil, &fs.PathError{Op: "open", Path: name, Err: err} }
	if !fs.ValidPath(name) {
		return fail(fs.ErrInvalid)
	}
	if i, ok := f.tree.find(name); ok {
		r, err := f.tree.Open(f.ctx, name)
		if err != nil {
			return fail(err)
		}
		return treeFile{entryOf(name, f.tree.files[i].Bytes, false), r}, nil
	}
	entries := f.entries(name)
	if len(entries) == 0 && name != "." {
		return fail(fs.ErrNotExist)
	}
	return &treeFolder{entryOf(name, 0, true), entries}, nil
}

// Stat asks for no bytes.
func (f folderFS) Stat(name string) (fs.FileInfo, error) {
	if i, ok := f.tree.find(name); ok {
		return entryOf(name, f.tree.files[i].Bytes, false), nil
	}
	folder, err := f.Open(name)
	if err != nil {
		return nil, err
	}
	return folder.Stat()
}

// entries are the names right in a folder, sorted.
func (f folderFS) entries(dir string) (list []fs.DirEntry) {
	prefix := dir + "/"
	if dir == "." {
		prefix = ""
	}
	for _, file := range f.tree.Files(dir) {
		rest := strings.TrimPrefix(file.Path, prefix)
		first, _, deeper := strings.Cut(rest, "/")
		if n := len(list); n > 0 && list[n-1].Name() == first {
			continue
		}
		e := entryOf(first, file.Bytes, deeper)
		list = append(list, fs.FileInfoToDirEntry(e))
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return slices.CompactFunc(list, func(a, b fs.DirEntry) bool { return a.Name() == b.Name() })
}

// A treeEntry is a fs.FileInfo of a file or folder.
type treeEntry struct {
	name   string
	bytes  int64
	folder bool
}

func entryOf(name string, bytes int64, folder bool) treeEntry {
	if folder {
		bytes = 0
	}
	return treeEntry{path.Base(name), bytes, folder}
}

func (e treeEntry) Name() string     { return e.name }
func (e treeEntry) Size() int64      { return e.bytes }
func (treeEntry) ModTime() time.Time { return time.Time{} }
func (e treeEntry) IsDir() bool      { return e.folder }
func (treeEntry) Sys() any           { return nil }
func (e treeEntry) Mode() fs.FileMode {
	if e.folder {
		return fs.ModeDir | 0o500
	}
	return 0o400
}

type treeFile struct {
	treeEntry
	io.ReadCloser
}

func (f treeFile) Stat() (fs.FileInfo, error) { return f.treeEntry, nil }

type treeFolder struct {
	treeEntry
	left []fs.DirEntry
}

func (d *treeFolder) Stat() (fs.FileInfo, error) { return d.treeEntry, nil }
func (d *treeFolder) Close() error               { return nil }

func (d *treeFolder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: fs.ErrInvalid}
}

func (d *treeFolder) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		n = len(d.left)
	} else if len(d.left) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.left))
	list := d.left[:n:n]
	d.left = d.left[n:]
	return list, nil
}
