package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// A Digest is the lower-case hex sha256 of an artifact's decoded bytes.
type Digest string

// Short is enough of a digest for a person.
func (d Digest) Short() string { return string(d[:min(12, len(d))]) }

// DigestOf returns the digest of data.
func DigestOf(data []byte) Digest {
	sum := sha256.Sum256(data)
	return Digest(hex.EncodeToString(sum[:]))
}

func sumOf(h hash.Hash) Digest { return Digest(hex.EncodeToString(h.Sum(nil))) }

// Valid reports whether d has a digest's form.
func (d Digest) Valid() bool {
	return len(d) == 64 && strings.Trim(string(d), "0123456789abcdef") == ""
}

func blobKey(d Digest) string { return "blobs/sha256/" + string(d[:2]) + "/" + string(d) }

// BlobKey is where the blob of a valid digest lies.
func BlobKey(d Digest) string { return blobKey(d) }

// In bytes.
const (
	maxWindow = 64 << 20 // of a frame, so that a damaged header cannot fill memory
	maxRead   = 1 << 30  // of a blob that is read whole
)

// Decoders hold megabytes, so they are used again. Each works on its caller's
// goroutine: shards run side by side already. The constructor's only errors are
// those of unsuitable options.
var decoders = sync.Pool{New: func() any {
	d, _ := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	return d
}}

// HasBlob reports whether a blob is stored; it does not read its bytes.
func (s *Store) HasBlob(ctx context.Context, d Digest) (bool, error) {
	_, err := s.statBlob(ctx, d)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func (s *Store) statBlob(ctx context.Context, d Digest) (int64, error) {
	if !d.Valid() {
		return 0, fmt.Errorf("store: %q is not a digest", string(d))
	}
	return s.bucket.Stat(ctx, blobKey(d))
}

// minBlob is the size of the smallest frame, which holds nothing.
const minBlob = 9

// WholeBlob reports whether a blob is stored with the size that it had, 0 where
// that is not known. Its bytes are read only where the size is another one: then
// another compressor may have written it, or it is damaged.
func (s *Store) WholeBlob(ctx context.Context, d Digest, stored int64) (bool, error) {
	size, err := s.statBlob(ctx, d)
	switch {
	case errors.Is(err, ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	case size >= minBlob && (size == stored || stored == 0):
		return true, nil
	}
	r, err := s.OpenBlob(ctx, d)
	if err == nil {
		_, err = io.Copy(io.Discard, r)
		r.Close()
	}
	if errors.Is(err, ErrCorrupt) || errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// OpenBlob streams a blob's decoded bytes. The reader fails with ErrCorrupt, in
// place of io.EOF, when they do not hash to d.
func (s *Store) OpenBlob(ctx context.Context, d Digest) (io.ReadCloser, error) {
	if !d.Valid() {
		return nil, fmt.Errorf("store: %q is not a digest", string(d))
	}
	body, err := s.bucket.Get(ctx, blobKey(d))
	if err != nil {
		return nil, err
	}
	return decoding(d, body)
}

// decoding reads the decoded bytes of a blob as it is stored.
func decoding(d Digest, body io.ReadCloser) (*blobReader, error) {
	r := &blobReader{want: d, body: body, zr: decoders.Get().(*zstd.Decoder), hash: sha256.New()}
	if err := r.zr.Reset(encoded{r}); err != nil {
		r.Close()
		return nil, fmt.Errorf("store: get %s: %w", blobKey(d), err)
	}
	return r, nil
}

// ReadBlob returns a blob's decoded and verified bytes; one above 1 GiB must be
// streamed.
func (s *Store) ReadBlob(ctx context.Context, d Digest) ([]byte, error) {
	r, err := s.OpenBlob(ctx, d)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxRead+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxRead {
		return nil, fmt.Errorf("store: get %s: larger than %d bytes", blobKey(d), maxRead)
	}
	return data, nil
}

type blobReader struct {
	want    Digest
	body    io.ReadCloser
	bodyErr error // why body failed, if it did
	zr      *zstd.Decoder
	hash    hash.Hash
}

// encoded reads a blob's encoded bytes and keeps the bucket's error, which the
// decoder may hide behind its own.
type encoded struct{ r *blobReader }

func (e encoded) Read(p []byte) (int, error) {
	n, err := e.r.body.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		e.r.bodyErr = err
	}
	return n, err
}

func (r *blobReader) Read(p []byte) (int, error) {
	if r.zr == nil {
		return 0, fs.ErrClosed
	}
	n, err := r.zr.Read(p)
	r.hash.Write(p[:n])
	switch {
	case err == nil:
		return n, nil
	case r.bodyErr != nil:
		return n, r.bodyErr // the way to the server failed, not the bytes
	case errors.Is(err, io.EOF):
		if got := sumOf(r.hash); got != r.want {
			return n, fmt.Errorf("store: get %s: got %s: %w", blobKey(r.want), got, ErrCorrupt)
		}
		return n, io.EOF
	default:
		return n, fmt.Errorf("store: get %s: %w (%w)", blobKey(r.want), ErrCorrupt, err)
	}
}

func (r *blobReader) Close() error {
	if r.zr != nil {
		_ = r.zr.Reset(nil)
		decoders.Put(r.zr)
		r.zr = nil
	}
	return r.body.Close()
}
