package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/gymline/gymline/internal/store"
)

// maxSinglePut is S3's limit for one PUT, in bytes; what is larger goes in parts.
const maxSinglePut = 5 << 30

// Put stores an object, in place of one that may be there.
func (b *Bucket) Put(ctx context.Context, key string, body io.ReadSeeker, size int64) error {
	within, c := calling(ctx)
	defer c.end(nil)
	return b.failure(ctx, "put", key, c.failed(b.put(within, key, body, size, minio.PutObjectOptions{ContentType: "application/octet-stream"})))
}

// Create stores an object unless the key is taken.
//
// A PUT whose answer was lost is sent again, and then finds its own object. So
// when it was sent more than once and the key is taken, the object is read: if
// it holds these bytes, this call made it.
func (b *Bucket) Create(ctx context.Context, key string, body []byte) error {
	opts := minio.PutObjectOptions{ContentType: "application/json"}
	opts.SetMatchETagExcept("*")
	for attempt := 1; ; attempt++ {
		within, c := calling(ctx)
		err := c.failed(b.put(within, key, bytes.NewReader(body), int64(len(body)), opts))
		c.end(nil)
		switch code(err) {
		case minio.PreconditionFailed:
			if c.puts.Load() > 1 {
				if same, err := b.holds(ctx, key, body); same || err != nil {
					return err
				}
			}
			return fmt.Errorf("store: create %s: %w", key, store.ErrExists)
		case "ConditionalRequestConflict", "OperationAborted":
			// AWS, when two writers met: neither was stored, or the other one was.
			if attempt == attempts {
				return b.failure(ctx, "create", key, err)
			}
			select {
			case <-time.After(time.Duration(attempt) * 50 * time.Millisecond):
			case <-ctx.Done():
				return b.failure(ctx, "create", key, ctx.Err())
			}
		default:
			return b.failure(ctx, "create", key, err)
		}
	}
}

// put uploads a body in one PUT that is signed over its sha256 and carries its
// MD5: the form that every S3 server takes and checks, over TLS or not. The
// client's own default, a body in signed chunks, leaves bytes behind on some
// servers' connections, and a condition does not hold for one in parts.
func (b *Bucket) put(ctx context.Context, key string, body io.ReadSeeker, size int64, opts minio.PutObjectOptions) error {
	sum, check := sha256.New(), md5.New()
	into := io.MultiWriter(sum, check)
	known, digested := body.(store.Digested)
	if digested {
		into = check
	}
	_, err := body.Seek(0, io.SeekStart)
	var n int64
	if err == nil {
		n, err = io.Copy(into, body)
	}
	if err == nil && n != size {
		err = fmt.Errorf("the body has %d bytes, and %d were announced", n, size)
	}
	if err == nil {
		_, err = body.Seek(0, io.SeekStart)
	}
	if err != nil {
		return refusal{err}
	}
	if size > maxSinglePut {
		opts.SendContentMd5 = true
		_, err = b.client.Client.PutObject(ctx, b.name, b.prefix+key, body, size, opts)
		return err
	}
	digest := hex.EncodeToString(sum.Sum(nil))
	if digested {
		digest = string(known.Digest())
	}
	opts.DisableContentSha256 = true // in chunks
	_, err = b.client.PutObject(ctx, b.name, b.prefix+key, body, size, base64.StdEncoding.EncodeToString(check.Sum(nil)), digest, opts)
	return err
}

// Delete removes an object, and is sent once: who removes counts on it that no request
// comes late. A server refuses one that was signed a quarter of an hour ago. Where the
// bucket keeps versions its bytes stay as one.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	within, c := calling(ctx)
	defer c.end(nil)
	err := b.failure(ctx, "delete", key, c.failed(b.once.RemoveObject(within, b.name, b.prefix+key, minio.RemoveObjectOptions{})))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

func md5Of(s string) string {
	sum := md5.Sum([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// holds reports whether an object holds exactly these bytes.
func (b *Bucket) holds(ctx context.Context, key string, want []byte) (bool, error) {
	r, err := b.Get(ctx, key)
	if err != nil {
		return false, err
	}
	defer r.Close()
	got, err := io.ReadAll(io.LimitReader(r, int64(len(want))+1))
	return bytes.Equal(got, want), err
}
