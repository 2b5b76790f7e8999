package gc

import (
	"context"
	"io"
	"iter"

	"github.com/gymline/gymline/internal/store"
)

// Bucket is w as a store takes it: with what the bucket below can do besides.
func (w *Watched) Bucket() store.Bucket {
	folders, lists := w.bucket.(store.Folders)
	_, puts := w.bucket.(store.Together)
	switch {
	case lists && puts:
		return struct {
			*Watched
			store.Folders
			together
		}{w, folders, together{w}}
	case lists:
		return struct {
			*Watched
			store.Folders
		}{w, folders}
	}
	return w
}

// Put implements store.Bucket.
func (w *Watched) Put(ctx context.Context, key string, body io.ReadSeeker, size int64) error {
	return w.use(ctx, key, func() error { return w.bucket.Put(ctx, key, body, size) })
}

// Create implements store.Bucket.
func (w *Watched) Create(ctx context.Context, key string, body []byte) error {
	return w.use(ctx, key, func() error { return w.bucket.Create(ctx, key, body) })
}

// Get implements store.Bucket.
func (w *Watched) Get(ctx context.Context, key string) (body io.ReadCloser, err error) {
	err = w.use(ctx, key, func() (err error) { body, err = w.bucket.Get(ctx, key); return err })
	return open(body, err)
}

// GetRange implements store.Bucket.
func (w *Watched) GetRange(ctx context.Context, key string, offset, length int64) (body io.ReadCloser, err error) {
	err = w.use(ctx, key, func() (err error) { body, err = w.bucket.GetRange(ctx, key, offset, length); return err })
	return open(body, err)
}

func open(body io.ReadCloser, err error) (io.ReadCloser, error) {
	if err != nil && body != nil {
		body.Close()
		return nil, err
	}
	return body, err
}

// Stat implements store.Bucket.
func (w *Watched) Stat(ctx context.Context, key string) (size int64, err error) {
	err = w.use(ctx, key, func() (err error) { size, err = w.bucket.Stat(ctx, key); return err })
	return size, err
}

// List implements store.Bucket. That a key is there says nothing that anyone relies on.
func (w *Watched) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return w.bucket.List(ctx, prefix)
}

// Sizes implements store.Bucket.
func (w *Watched) Sizes(ctx context.Context, prefix string) iter.Seq2[store.Sized, error] {
	return w.bucket.Sizes(ctx, prefix)
}

// Delete implements store.Bucket.
func (w *Watched) Delete(ctx context.Context, key string) error { return w.bucket.Delete(ctx, key) }

type together struct{ w *Watched }

// PutAll implements store.Together.
func (t together) PutAll(ctx context.Context, objects []store.Object) error {
	keys := make([]string, len(objects))
	for i, o := range objects {
		keys[i] = o.Key
	}
	if err := t.w.prepare(ctx, keys...); err != nil {
		return err
	}
	return t.w.after(ctx, t.w.bucket.(store.Together).PutAll(ctx, objects))
}
