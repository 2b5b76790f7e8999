package s3

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/gymline/gymline/internal/store"
)

// This file is what can be asked of a server beside the objects of a bucket, for
// who checks whether it will do.

// What a bucket is asked, each with a right of its own.
const (
	askVersioning = "ask the versioning of"
	askLock       = "ask the object lock of"
)

// Date is the server's clock when it answered last; zero before it did.
func (b *Bucket) Date() time.Time {
	if s := b.transport.date.Load(); s != 0 {
		return time.Unix(s, 0)
	}
	return time.Time{}
}

// Versioned reports whether the bucket keeps what is replaced.
func (b *Bucket) Versioned(ctx context.Context) (bool, error) {
	within, c := calling(ctx)
	defer c.end(nil)
	v, err := b.client.GetBucketVersioning(within, b.name)
	return v.Enabled(), b.failure(ctx, askVersioning, "", c.failed(err))
}

// Locked is how objects are kept from being removed: the lock's mode, or "".
func (b *Bucket) Locked(ctx context.Context) (string, error) {
	within, c := calling(ctx)
	defer c.end(nil)
	lock, mode, _, _, err := b.client.GetObjectLockConfig(within, b.name)
	if code(err) == "ObjectLockConfigurationNotFoundError" {
		return "", nil
	}
	if mode != nil {
		lock += ", " + mode.String()
	}
	return lock, b.failure(ctx, askLock, "", c.failed(err))
}

// PutAltered sends an object other than its checksums say, as damage on the way
// would, and reports whether the server noticed.
func (b *Bucket) PutAltered(ctx context.Context, key string) (noticed bool, err error) {
	within, c := calling(ctx)
	defer c.end(nil)
	const said, sent = "what was meant", "what was heard"
	sum := store.DigestOf([]byte(said))
	_, err = b.client.PutObject(within, b.name, b.prefix+key, bytes.NewReader([]byte(sent)), int64(len(sent)), md5Of(said), string(sum),
		minio.PutObjectOptions{DisableContentSha256: true})
	if answer, ok := errors.AsType[minio.ErrorResponse](err); ok && answer.StatusCode >= 400 && answer.StatusCode < 500 && answer.Code != minio.AccessDenied {
		return true, nil
	}
	return false, b.failure(ctx, "put", key, c.failed(err))
}
