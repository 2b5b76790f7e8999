package inspect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"path/filepath"
	"strings"

	"github.com/gymline/gymline/internal/fault"
)

// A folder reads an input's files by the names that people have for them: the folder's
// own and the path in it.
type folder struct {
	fs.FS
	root string // with slashes
}

func (f folder) shown(p string) string { return path.Join(f.root, p) }

// inner is the path in the folder of what has that name.
func (f folder) inner(name string) string {
	rel, err := filepath.Rel(f.root, name)
	if err != nil {
		return name
	}
	return filepath.ToSlash(rel)
}

// List implements trace.Folder. As an intake does, it leaves out what is hidden.
func (f folder) List(dir string) (names []string) {
	entries, _ := fs.ReadDir(f.FS, f.inner(dir)) // of a folder that is not there, none
	for _, e := range entries {
		if !e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, path.Join(dir, e.Name()))
		}
	}
	return names
}

// ReadAhead implements trace.Folder.
func (f folder) ReadAhead(ctx context.Context, names []string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, name := range names {
			data, err := f.read(name)
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			if !yield(data, err) {
				return
			}
		}
	}
}

// Open implements trace.Opener.
func (f folder) Open(_ context.Context, name string) (io.ReadCloser, error) {
	if err := f.plain(name); err != nil {
		return nil, err
	}
	file, err := f.FS.Open(f.inner(name))
	return file, named(name, err)
}

func (f folder) read(name string) ([]byte, error) {
	if err := f.plain(name); err != nil {
		return nil, err
	}
	data, err := fs.ReadFile(f.FS, f.inner(name))
	return data, named(name, err)
}

// plain refuses what an intake refuses: a link, or what lies behind one.
func (f folder) plain(name string) error {
	inner := f.inner(name)
	for end := range len(inner) + 1 {
		if end < len(inner) && inner[end] != '/' || end == 0 {
			continue
		}
		info, err := fs.Lstat(f.FS, inner[:end])
		if err != nil {
			return nil // opening it says why
		}
		if mode := info.Mode(); !mode.IsRegular() && !mode.IsDir() {
			return fault.New(fault.Config, fmt.Errorf("%s is not a regular file", f.shown(inner[:end])), "copy what it stands for to its place")
		}
	}
	return nil
}

// named makes of a file that cannot be read a matter of configuration.
func named(name string, err error) error {
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		return fault.New(fault.Config, fmt.Errorf("%s: %w", name, at.Err), "correct the path in the config, or put the file there")
	}
	return err
}
