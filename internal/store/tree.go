package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// A TreeFS reads a stored tree.
type TreeFS struct {
	store *Store
	files []TreeFile // sorted by path
}

// OpenTree opens the tree whose list is the blob d.
func (s *Store) OpenTree(ctx context.Context, d Digest) (*TreeFS, error) {
	data, err := s.ReadBlob(ctx, d)
	if err != nil {
		return nil, fmt.Errorf("input tree: %w", err)
	}
	t := &TreeFS{store: s}
	if err := json.Unmarshal(data, &t.files); err != nil {
		return nil, fmt.Errorf("input tree %s: %w", d, err)
	}
	return t, nil
}

// Part returns the tree of the files at or below dir, with their paths.
func (t *TreeFS) Part(dir string) *TreeFS { return &TreeFS{store: t.store, files: t.Files(dir)} }

func byPath(a, b TreeFile) int { return strings.Compare(a.Path, b.Path) }

// Join returns the files of both trees, which have one origin; other may be nil.
func (t *TreeFS) Join(other *TreeFS) *TreeFS {
	if other == nil {
		return t
	}
	files := slices.Concat(t.files, other.files)
	slices.SortFunc(files, byPath)
	return &TreeFS{store: t.store, files: slices.Compact(files)}
}

// Digest identifies the tree by its files' paths and content: the digest of the
// blob that lists them.
func (t *TreeFS) Digest() Digest {
	data, _ := encode(t.files) // strings and numbers always encode
	return DigestOf(data)
}

// Bytes sums the files' sizes.
func (t *TreeFS) Bytes() int64 {
	var n int64
	for _, f := range t.files {
		n += f.Bytes
	}
	return n
}

// Files returns the files at or below dir ("." for all), sorted by path. The
// caller must not change them.
func (t *TreeFS) Files(dir string) []TreeFile {
	if dir == "." || dir == "" {
		return t.files
	}
	if i, ok := t.find(dir); ok {
		return t.files[i : i+1]
	}
	first, _ := t.find(dir + "/")
	after, _ := t.find(dir + "0") // "0" follows "/"
	return t.files[first:after:after]
}

// List returns the paths of the files right in dir ("." for the top), sorted.
func (t *TreeFS) List(dir string) []string {
	dir = path.Clean(dir)
	var paths []string
	for _, f := range t.Files(dir) {
		if path.Dir(f.Path) == dir {
			paths = append(paths, f.Path)
		}
	}
	return paths
}

// find returns the place of a path, or where it would stand.
func (t *TreeFS) find(p string) (int, bool) {
	return slices.BinarySearchFunc(t.files, p, func(f TreeFile, p string) int { return strings.Compare(f.Path, p) })
}

// file finds one file. An absent one's error wraps fs.ErrNotExist.
func (t *TreeFS) file(path string) (TreeFile, error) {
	i, ok := t.find(path)
	if !ok {
		return TreeFile{}, fmt.Errorf("input file %s: %w", path, fs.ErrNotExist)
	}
	return t.files[i], nil
}

// Open streams one file, verified like any blob. An absent file's error wraps
// fs.ErrNotExist.
func (t *TreeFS) Open(ctx context.Context, path string) (io.ReadCloser, error) {
	f, err := t.file(path)
	if err != nil {
		return nil, err
	}
	return t.store.OpenBlob(ctx, f.Digest)
}

// ReadFile returns one file's bytes.
func (t *TreeFS) ReadFile(ctx context.Context, path string) ([]byte, error) {
	f, err := t.file(path)
	if err != nil {
		return nil, err
	}
	r, err := t.store.OpenBlob(ctx, f.Digest)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data := bytes.NewBuffer(make([]byte, 0, max(0, min(f.Bytes, aheadBytes))+bytes.MinRead))
	if _, err := data.ReadFrom(r); err != nil {
		return nil, fmt.Errorf("input file %s: %w", path, err)
	}
	return data.Bytes(), nil
}
