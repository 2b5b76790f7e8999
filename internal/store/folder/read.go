package folder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/gymline/gymline/internal/store"
)

// file returns the file of a key.
func file(ctx context.Context, op, key string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("store: %s %s: %w", op, key, err)
	}
	if !fs.ValidPath(key) || key == "." {
		return "", &store.Error{Op: op, Key: key, Kind: store.Refused, Err: errors.New("not a key: it needs parts between slashes, none of them \".\" or \"..\"")}
	}
	return path.Join(objects, key), nil
}

// Get streams an object.
func (b *Bucket) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	return b.get(ctx, key, func(f *os.File) io.Reader { return f })
}

// GetRange streams a part of an object.
func (b *Bucket) GetRange(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	return b.get(ctx, key, func(f *os.File) io.Reader { return io.NewSectionReader(f, offset, length) })
}

func (b *Bucket) get(ctx context.Context, key string, part func(*os.File) io.Reader) (io.ReadCloser, error) {
	name, err := file(ctx, "get", key)
	if err != nil {
		return nil, err
	}
	f, err := b.root.Open(name)
	if err != nil {
		return nil, b.failure(ctx, "get", key, err)
	}
	if err := isObject(f.Stat()); err != nil {
		f.Close()
		return nil, b.failure(ctx, "get", key, err)
	}
	return struct {
		io.Reader
		io.Closer
	}{&reader{ctx, part(f), func(err error) error { return b.failure(ctx, "get", key, err) }}, f}, nil
}

// A reader reads a body while ctx lasts.
type reader struct {
	ctx  context.Context
	body io.Reader
	fail func(error) error
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, r.fail(err)
	}
	n, err := r.body.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = r.fail(err)
	}
	return n, err
}

// Stat returns an object's size in bytes.
func (b *Bucket) Stat(ctx context.Context, key string) (int64, error) {
	info, err := b.info(ctx, key)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (b *Bucket) info(ctx context.Context, key string) (fs.FileInfo, error) {
	name, err := file(ctx, "stat", key)
	if err != nil {
		return nil, err
	}
	info, err := b.root.Stat(name)
	if err := isObject(info, err); err != nil {
		return nil, b.failure(ctx, "stat", key, err)
	}
	return info, nil
}

// isObject takes a folder for absent.
func isObject(info fs.FileInfo, err error) error {
	if err == nil && info.IsDir() {
		return fs.ErrNotExist
	}
	return err
}

// absent reports that there is no such file; a key has nothing below it.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// List yields the keys that start with prefix.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return b.list(ctx, prefix, true)
}

// Folders implements store.Folders.
func (b *Bucket) Folders(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return b.list(ctx, prefix, false)
}

func (b *Bucket) list(ctx context.Context, prefix string, deep bool) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		above := prefix[:strings.LastIndexByte(prefix, '/')+1]
		if fs.ValidPath(above + "x") { // else no key starts so
			b.walk(ctx, above, prefix, deep, yield)
		}
	}
}

// walk yields the keys in a folder, "" or one with a slash at its end, that start
// with prefix: deep down, or what is right in it. It returns false when it is to be
// the last.
func (b *Bucket) walk(ctx context.Context, folder, prefix string, deep bool, yield func(string, error) bool) bool {
	keys, ok := b.entries(ctx, folder, prefix, yield)
	if !ok {
		return false
	}
	for _, key := range keys {
		if deep && strings.HasSuffix(key, "/") {
			if !b.walk(ctx, key, prefix, deep, yield) {
				return false
			}
		} else if !yield(key, nil) {
			return false
		}
	}
	return true
}

// entries returns what is right in a folder and starts with prefix, a slash at the
// end of what is a folder itself; it yields an error and returns false.
func (b *Bucket) entries(ctx context.Context, folder, prefix string, yield func(string, error) bool) ([]string, bool) {
	entries, err := fs.ReadDir(b.root.FS(), path.Join(objects, folder))
	if absent(err) {
		return nil, true
	}
	if err = errors.Join(ctx.Err(), err); err != nil {
		yield("", b.failure(ctx, "list", prefix, err))
		return nil, false
	}
	// In the order of keys: a folder "a" stands where "a/" does, behind "a-b".
	var keys []string
	for _, e := range entries {
		key := folder + e.Name()
		if e.IsDir() {
			key += "/"
		}
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys, true
}

// Sizes yields the keys that start with prefix, with sizes and times.
func (b *Bucket) Sizes(ctx context.Context, prefix string) iter.Seq2[store.Sized, error] {
	return func(yield func(store.Sized, error) bool) {
		for key, err := range b.List(ctx, prefix) {
			o := store.Sized{Key: key}
			if err == nil {
				var info fs.FileInfo
				if info, err = b.info(ctx, key); errors.Is(err, store.ErrNotFound) {
					continue // since it was listed
				}
				if err == nil {
					o.Bytes, o.Changed = info.Size(), info.ModTime()
				}
			}
			if !yield(o, err) || err != nil {
				return
			}
		}
	}
}
