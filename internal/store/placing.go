package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
)

// Files above large bytes are stored abreastLarge at once: writers of large files hold
// megabytes, and keep processors and the line busy as it is. Others are stored
// together, so many or so many bytes of them, in memory, at a time; both were tuned
// for a folder on a plain disk.
const (
	large         = 1 << 20
	abreastLarge  = 4
	together      = 4096
	togetherBytes = 32 << 20
)

// putFiles stores the files of t that the store lacks, or all, and then their list. A file
// that changed since its digest was taken goes in, and is listed, as it is now.
func (s *Store) putFiles(ctx context.Context, fsys fs.FS, t *TreeFS, in Intake) (Digest, error) {
	have, err := s.stored(ctx, in)
	if err != nil {
		return "", err
	}
	var small, huge [][]int // of files with equal bytes; the first of each says which
	places := map[Digest]int{}
	for i, f := range t.files {
		if have[f.Digest] {
			continue
		}
		group := &small
		if f.Bytes > large {
			group = &huge
		}
		at, ok := places[f.Digest]
		if !ok {
			at = len(*group)
			places[f.Digest], *group = at, append(*group, nil)
		}
		(*group)[at] = append((*group)[at], i)
	}
	p := &placing{store: s, fsys: fsys, files: t.files, anew: in.Anew, done: in.counter(true, len(small)+len(huge))}
	if err := p.small(ctx, small); err != nil {
		return "", err
	}
	if err := p.large(ctx, huge); err != nil {
		return "", err
	}
	data, err := encode(t.files)
	if err != nil {
		return "", err
	}
	return s.PutBlob(ctx, data)
}

// stored returns digests of files that are stored, because the tree that the
// folder was stored as last is.
func (s *Store) stored(ctx context.Context, in Intake) (map[Digest]bool, error) {
	have := map[Digest]bool{}
	if in.Anew || s.sparse() || in.Known == nil || in.Known.Stored() == "" {
		return have, nil
	}
	last, err := s.OpenTree(ctx, in.Known.Stored())
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrCorrupt) {
		return have, nil
	}
	if err != nil {
		return nil, err
	}
	for _, f := range last.files {
		have[f.Digest] = true
	}
	return have, nil
}

// A placing stores files of a folder, and lists in files what they are by then. Equal
// files make a group, of which one is stored.
type placing struct {
	store *Store
	fsys  fs.FS
	files []TreeFile
	anew  bool   // stores also what the store has
	done  func() // called for each group
}

// small stores groups of small files, many together.
func (p *placing) small(ctx context.Context, groups [][]int) error {
	most := together
	if _, ok := p.store.bucket.(Together); !ok {
		most = 2 * abreast // more would only show less of how far it is
	}
	for len(groups) > 0 {
		n, held := 0, int64(0)
		for n < min(len(groups), most) && held < togetherBytes {
			held += p.files[groups[n][0]].Bytes
			n++
		}
		var mu sync.Mutex
		var objects []Object
		err := SideBySide(ctx, n, func(g int) error {
			return p.place(ctx, groups[g], func(i int) error {
				return p.encode(ctx, i, func(o Object) {
					mu.Lock()
					defer mu.Unlock()
					objects = append(objects, o)
				})
			})
		})
		if err == nil {
			err = p.store.putAll(ctx, objects)
		}
		if err != nil {
			return err
		}
		for range n {
			p.done()
		}
		groups = groups[n:]
	}
	return nil
}

// large stores groups of large files, one by one.
func (p *placing) large(ctx context.Context, groups [][]int) error {
	slots := make(chan struct{}, abreastLarge)
	return SideBySide(ctx, len(groups), func(g int) error {
		defer p.done()
		slots <- struct{}{}
		defer func() { <-slots }()
		return p.place(ctx, groups[g], func(i int) error { return p.stream(ctx, i) })
	})
}

// place stores a file of a group that the store lacks, with put: the first that still
// has the group's bytes, and those before it as they are now.
func (p *placing) place(ctx context.Context, group []int, put func(i int) error) error {
	want := p.files[group[0]].Digest
	if !p.anew {
		if there, err := p.store.HasBlob(ctx, want); err != nil || there {
			return err
		}
	}
	for _, i := range group {
		if err := put(i); err != nil || p.files[i].Digest == want {
			return err
		}
	}
	return nil
}

// encode gives a small file's blob to hold.
func (p *placing) encode(ctx context.Context, i int, hold func(Object)) error {
	f, err := p.fsys.Open(p.files[i].Path)
	if err != nil {
		return err
	}
	defer f.Close()
	data := make([]byte, min(p.files[i].Bytes, large)+1)
	n, err := io.ReadFull(f, data)
	switch {
	case err == nil: // it grew
		return p.stream(ctx, i)
	case !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF):
		return fmt.Errorf("read %s: %w", p.files[i].Path, err)
	}
	d := DigestOf(data[:n])
	p.files[i].Digest, p.files[i].Bytes = d, int64(n)
	hold(Object{blobKey(d), wholeEncoder().EncodeAll(data[:n], nil)})
	return nil
}

// stream stores a file of any size.
func (p *placing) stream(ctx context.Context, i int) error {
	f, err := p.fsys.Open(p.files[i].Path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := p.store.NewBlob()
	defer w.Discard()
	if _, err := io.Copy(w, f); err != nil {
		return fmt.Errorf("read %s: %w", p.files[i].Path, err)
	}
	p.files[i].Bytes = w.Bytes()
	p.files[i].Digest, err = w.Commit(ctx)
	return err
}
