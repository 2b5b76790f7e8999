package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
)

// PutTree stores every regular file of fsys that is not stored yet, and the
// list of them. Names that start with a dot are left out; a link or device is refused.
func (s *Store) PutTree(ctx context.Context, fsys fs.FS) (Tree, error) {
	t, err := DigestTree(fsys)
	if err != nil {
		return Tree{}, err
	}
	for i, f := range t.files {
		stored, err := s.HasBlob(ctx, f.Digest)
		if err != nil {
			return Tree{}, err
		}
		if stored {
			continue
		}
		if t.files[i], err = s.putFile(ctx, fsys, f.Path); err != nil {
			return Tree{}, err
		}
	}
	data, err := encode(t.files)
	if err != nil {
		return Tree{}, err
	}
	d, err := s.PutBlob(ctx, data)
	return Tree{Digest: d, Files: len(t.files), Bytes: t.Bytes()}, err
}

// DigestTree lists what PutTree would store. The files of such a tree cannot be opened.
func DigestTree(fsys fs.FS) (*TreeFS, error) {
	t := &TreeFS{}
	err := fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path != "." && strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			return nil
		}
		if !d.Type().IsRegular() {
			return fmt.Errorf("%s is not a regular file: copy what it stands for to its place", path)
		}
		f, err := digestFile(fsys, path)
		t.files = append(t.files, f)
		return err
	})
	slices.SortFunc(t.files, byPath)
	return t, err
}

func byPath(a, b TreeFile) int { return strings.Compare(a.Path, b.Path) }

// digestFile reads a file for its digest alone.
func digestFile(fsys fs.FS, path string) (TreeFile, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return TreeFile{}, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return TreeFile{}, fmt.Errorf("read %s: %w", path, err)
	}
	return TreeFile{Path: path, Digest: Digest(hex.EncodeToString(h.Sum(nil))), Bytes: n}, nil
}

func (s *Store) putFile(ctx context.Context, fsys fs.FS, path string) (TreeFile, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return TreeFile{}, err
	}
	defer f.Close()
	w := s.NewBlob()
	defer w.Discard()
	if _, err := io.Copy(w, f); err != nil {
		return TreeFile{}, fmt.Errorf("read %s: %w", path, err)
	}
	d, err := w.Commit(ctx)
	return TreeFile{Path: path, Digest: d, Bytes: w.Bytes()}, err
}

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
	var out []TreeFile
	for _, f := range t.files {
		if f.Path == dir || strings.HasPrefix(f.Path, dir+"/") {
			out = append(out, f)
		}
	}
	return out
}

// Open streams one file, verified like any blob. An absent file's error wraps
// fs.ErrNotExist.
func (t *TreeFS) Open(ctx context.Context, path string) (io.ReadCloser, error) {
	i, ok := slices.BinarySearchFunc(t.files, path, func(f TreeFile, p string) int { return strings.Compare(f.Path, p) })
	if !ok {
		return nil, fmt.Errorf("input file %s: %w", path, fs.ErrNotExist)
	}
	return t.store.OpenBlob(ctx, t.files[i].Digest)
}

// ReadFile returns one file's bytes.
func (t *TreeFS) ReadFile(ctx context.Context, path string) ([]byte, error) {
	r, err := t.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("input file %s: %w", path, err)
	}
	return data, nil
}

// Concat streams artifacts one after another, each verified to its end.
func (s *Store) Concat(ctx context.Context, artifacts []Artifact) io.ReadCloser {
	return &concat{ctx: ctx, store: s, rest: artifacts}
}

type concat struct {
	ctx   context.Context // of the call that opened the stream; it lives no longer
	store *Store
	rest  []Artifact
	cur   io.ReadCloser
	name  string // of cur
}

func (c *concat) Read(p []byte) (int, error) {
	for {
		if c.cur == nil {
			if len(c.rest) == 0 {
				return 0, io.EOF
			}
			r, err := c.store.OpenBlob(c.ctx, c.rest[0].Digest)
			if err != nil {
				return 0, fmt.Errorf("%s: %w", c.rest[0].Name, err)
			}
			c.cur, c.name, c.rest = r, c.rest[0].Name, c.rest[1:]
		}
		n, err := c.cur.Read(p)
		if errors.Is(err, io.EOF) {
			c.cur.Close()
			c.cur = nil
			if n == 0 {
				continue
			}
			err = nil
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", c.name, err)
		}
		return n, err
	}
}

func (c *concat) Close() error {
	if c.cur == nil {
		return nil
	}
	return c.cur.Close()
}
