package folder

import (
	"cmp"
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
	f, err := b.open(ctx, key)
	if err != nil {
		return nil, err
	}
	return &object{b, ctx, key, f, f}, nil
}

// GetRange streams a part of an object.
func (b *Bucket) GetRange(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	f, err := b.open(ctx, key)
	if err != nil {
		return nil, err
	}
	return &object{b, ctx, key, f, io.NewSectionReader(f, offset, length)}, nil
}

func (b *Bucket) open(ctx context.Context, key string) (*os.File, error) {
	name, err := file(ctx, "get", key)
	if err != nil {
		return nil, err
	}
	f, err := b.root.Open(name)
	if err != nil {
		return nil, b.failure(ctx, "get", key, err)
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fs.ErrNotExist
	}
	if err != nil {
		f.Close()
		return nil, b.failure(ctx, "get", key, err)
	}
	return f, nil
}

// An object is the body of a Get while ctx lasts.
type object struct {
	bucket *Bucket
	ctx    context.Context
	key    string
	file   *os.File
	body   io.Reader
}

func (o *object) Read(p []byte) (int, error) {
	if err := o.ctx.Err(); err != nil {
		return 0, o.bucket.failure(o.ctx, "get", o.key, err)
	}
	n, err := o.body.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = o.bucket.failure(o.ctx, "get", o.key, err)
	}
	return n, err
}

func (o *object) Close() error { return o.file.Close() }

// Stat returns an object's size in bytes.
func (b *Bucket) Stat(ctx context.Context, key string) (int64, error) {
	name, err := file(ctx, "stat", key)
	if err != nil {
		return 0, err
	}
	info, err := b.root.Stat(name)
	if err == nil && info.IsDir() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return 0, b.failure(ctx, "stat", key, err)
	}
	return info.Size(), nil
}

// List yields the keys that start with prefix.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		above := path.Clean(prefix[:strings.LastIndexByte(prefix, '/')+1] + ".")
		if !fs.ValidPath(above) {
			return // no key starts so
		}
		if err := b.walk(ctx, above, prefix, yield); err != nil && !errors.Is(err, errEnough) {
			yield("", b.failure(ctx, "list", prefix, err))
		}
	}
}

// errEnough ends a listing that was left early.
var errEnough = errors.New("enough")

// walk yields the keys below a folder that start with prefix.
func (b *Bucket) walk(ctx context.Context, folder, prefix string, yield func(string, error) bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := b.entries(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		key := path.Join(folder, e.Name())
		if e.IsDir() {
			if strings.HasPrefix(key+"/", prefix) || strings.HasPrefix(prefix, key+"/") {
				err = b.walk(ctx, key, prefix, yield)
			}
		} else if strings.HasPrefix(key, prefix) && !yield(key, nil) {
			err = errEnough
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// entries lists a folder in the order of the keys below it: a folder "a" stands
// where "a/" does, behind "a-b".
func (b *Bucket) entries(folder string) ([]fs.DirEntry, error) {
	f, err := b.root.Open(path.Join(objects, folder))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	slices.SortFunc(entries, func(x, y fs.DirEntry) int { return cmp.Compare(sortKey(x), sortKey(y)) })
	return entries, err
}

func sortKey(e fs.DirEntry) string {
	if e.IsDir() {
		return e.Name() + "/"
	}
	return e.Name()
}
