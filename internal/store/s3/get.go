package s3

import (
	"cmp"
	"context"
	"errors"
	"io"
	"iter"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/gymline/gymline/internal/store"
)

// Get streams an object; ctx governs it until its body is closed.
func (b *Bucket) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	return b.get(ctx, key, minio.GetObjectOptions{})
}

// GetRange streams a part of an object, like Get.
func (b *Bucket) GetRange(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	var opt minio.GetObjectOptions
	if err := opt.SetRange(offset, offset+length-1); err != nil {
		return nil, b.failure(ctx, "get", key, refusal{err})
	}
	r, err := b.get(ctx, key, opt)
	if code(err) == minio.InvalidRange { // the object ends before
		return io.NopCloser(strings.NewReader("")), nil
	}
	return r, err
}

func (b *Bucket) get(ctx context.Context, key string, opt minio.GetObjectOptions) (io.ReadCloser, error) {
	within, c := calling(ctx)
	body, _, _, err := b.client.GetObject(within, b.name, b.prefix+key, opt)
	if err != nil {
		err = b.failure(ctx, "get", key, c.failed(err))
		c.end(nil)
		return nil, err
	}
	return &reader{ctx: ctx, call: c, bucket: b, key: key, body: body}, nil
}

// reader classifies what goes wrong while a body is read.
type reader struct {
	ctx    context.Context // of the Get that opened the stream; it lives no longer
	call   *call
	bucket *Bucket
	key    string
	body   io.ReadCloser
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = r.bucket.failure(r.ctx, "get", r.key, err)
	}
	return n, err
}

func (r *reader) Close() error {
	defer r.call.end(nil)
	return r.body.Close()
}

// Stat returns an object's size in bytes.
func (b *Bucket) Stat(ctx context.Context, key string) (int64, error) {
	within, c := calling(ctx)
	defer c.end(nil)
	info, err := b.client.StatObject(within, b.name, b.prefix+key, minio.StatObjectOptions{})
	return info.Size, b.failure(ctx, "stat", key, c.failed(err))
}

// List yields the keys that start with prefix, a page of 1,000 at a time.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return b.ListPages(ctx, prefix, 0)
}

// ListPages is List with so many keys a page; 0 leaves it to the server.
func (b *Bucket) ListPages(ctx context.Context, prefix string, page int) iter.Seq2[string, error] {
	return b.list(ctx, prefix, minio.ListObjectsOptions{Recursive: true, MaxKeys: page})
}

// Folders implements store.Folders.
func (b *Bucket) Folders(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return b.list(ctx, prefix, minio.ListObjectsOptions{})
}

// Sizes yields the keys that start with prefix, with sizes and times, which cost nothing here.
func (b *Bucket) Sizes(ctx context.Context, prefix string) iter.Seq2[store.Sized, error] {
	return b.sizes(ctx, prefix, minio.ListObjectsOptions{Recursive: true})
}

func (b *Bucket) list(ctx context.Context, prefix string, opts minio.ListObjectsOptions) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for o, err := range b.sizes(ctx, prefix, opts) {
			if !yield(o.Key, err) {
				return
			}
		}
	}
}

func (b *Bucket) sizes(ctx context.Context, prefix string, opts minio.ListObjectsOptions) iter.Seq2[store.Sized, error] {
	opts.Prefix = b.prefix + prefix
	return func(yield func(store.Sized, error) bool) {
		// The client's iterator leaves a request behind unless its context ends.
		pages, c := calling(ctx)
		defer c.end(nil)
		for object := range b.client.ListObjectsIter(pages, b.name, opts) {
			if err := cmp.Or(ctx.Err(), c.failed(object.Err)); err != nil {
				yield(store.Sized{}, b.failure(ctx, "list", prefix, err))
				return
			}
			if !yield(store.Sized{Key: strings.TrimPrefix(object.Key, b.prefix), Bytes: object.Size, Changed: object.LastModified}, nil) {
				return
			}
		}
		if err := c.failed(pages.Err()); err != nil {
			yield(store.Sized{}, b.failure(ctx, "list", prefix, err))
		}
	}
}
