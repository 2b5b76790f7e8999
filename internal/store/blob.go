package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
)

// A Digest is the lower-case hex sha256 of an artifact's decoded bytes.
type Digest string

// DigestOf returns the digest of data.
func DigestOf(data []byte) Digest {
	sum := sha256.Sum256(data)
	return Digest(hex.EncodeToString(sum[:]))
}

// Valid reports whether d has a digest's form.
func (d Digest) Valid() bool {
	if len(d) != 64 {
		return false
	}
	for _, c := range d {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func blobKey(d Digest) string { return "blobs/sha256/" + string(d[:2]) + "/" + string(d) }

// spoolLimit is how much encoded data is held in memory before a temporary
// file takes over, in bytes.
const spoolLimit = 4 << 20

// A BlobWriter encodes and hashes a blob as it is written. Nothing reaches the
// bucket before Commit; Discard (safe after Commit) frees what it holds.
type BlobWriter struct {
	bucket Bucket
	hash   hash.Hash
	zw     *zstd.Encoder
	spool  spool
	bytes  int64
}

// NewBlob starts a blob.
func (s *Store) NewBlob() *BlobWriter {
	w := &BlobWriter{bucket: s.bucket, hash: sha256.New()}
	// One goroutine a writer: shards run side by side already.
	w.zw, _ = zstd.NewWriter(&w.spool, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault))
	return w
}

func (w *BlobWriter) Write(p []byte) (int, error) {
	w.hash.Write(p)
	n, err := w.zw.Write(p)
	w.bytes += int64(n)
	if err != nil {
		return n, spoolError(err)
	}
	return n, nil
}

// Bytes returns how many decoded bytes were written.
func (w *BlobWriter) Bytes() int64 { return w.bytes }

// Commit uploads the blob at its digest.
func (w *BlobWriter) Commit(ctx context.Context) (Digest, error) {
	if err := w.zw.Close(); err != nil {
		return "", spoolError(err)
	}
	d := Digest(hex.EncodeToString(w.hash.Sum(nil)))
	body, size, err := w.spool.reader()
	if err != nil {
		return "", spoolError(err)
	}
	return d, w.bucket.Put(ctx, blobKey(d), body, size)
}

// Discard frees the writer's memory and temporary file.
func (w *BlobWriter) Discard() {
	w.zw.Close()
	w.spool.free()
}

func spoolError(err error) error {
	return &Error{Op: "spool", Key: os.TempDir(), Kind: Transient, Err: err,
		Fix: "free space in the temporary directory, or point TMPDIR at a larger disk, and run again"}
}

// PutBlob stores data and returns its digest.
func (s *Store) PutBlob(ctx context.Context, data []byte) (Digest, error) {
	w := s.NewBlob()
	defer w.Discard()
	if _, err := w.Write(data); err != nil {
		return "", err
	}
	return w.Commit(ctx)
}

// HasBlob reports whether a blob is stored; it does not read its bytes.
func (s *Store) HasBlob(ctx context.Context, d Digest) (bool, error) {
	_, err := s.bucket.Stat(ctx, blobKey(d))
	if errors.Is(err, ErrNotFound) {
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
	zr, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1))
	if err != nil {
		body.Close()
		return nil, fmt.Errorf("store: get %s: %w", blobKey(d), err)
	}
	return &blobReader{want: d, body: body, zr: zr, hash: sha256.New()}, nil
}

// ReadBlob returns a small blob's decoded and verified bytes.
func (s *Store) ReadBlob(ctx context.Context, d Digest) ([]byte, error) {
	r, err := s.OpenBlob(ctx, d)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

type blobReader struct {
	want Digest
	body io.ReadCloser
	zr   *zstd.Decoder
	hash hash.Hash
}

func (r *blobReader) Read(p []byte) (int, error) {
	n, err := r.zr.Read(p)
	r.hash.Write(p[:n])
	switch {
	case err == nil:
		return n, nil
	case err == io.EOF:
		if got := Digest(hex.EncodeToString(r.hash.Sum(nil))); got != r.want {
			return n, fmt.Errorf("store: get %s: got %s: %w", blobKey(r.want), got, ErrCorrupt)
		}
		return n, io.EOF
	case errors.As(err, new(*Error)), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return n, err // the way to the server failed, not the bytes
	default:
		return n, fmt.Errorf("store: get %s: %w (%w)", blobKey(r.want), ErrCorrupt, err)
	}
}

func (r *blobReader) Close() error {
	r.zr.Close()
	return r.body.Close()
}

// A spool holds encoded bytes: in memory while small, then in an unnamed file.
type spool struct {
	buf  bytes.Buffer
	file *os.File
}

func (s *spool) Write(p []byte) (int, error) {
	if s.file == nil && s.buf.Len()+len(p) <= spoolLimit {
		return s.buf.Write(p)
	}
	if s.file == nil {
		f, err := os.CreateTemp("", "gymline-blob-*")
		if err != nil {
			return 0, err
		}
		os.Remove(f.Name()) // the open handle keeps it; nothing is left behind by a crash
		s.file = f
		if _, err := f.Write(s.buf.Bytes()); err != nil {
			return 0, err
		}
		s.buf = bytes.Buffer{}
	}
	return s.file.Write(p)
}

func (s *spool) reader() (io.ReadSeeker, int64, error) {
	if s.file == nil {
		return bytes.NewReader(s.buf.Bytes()), int64(s.buf.Len()), nil
	}
	size, err := s.file.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, 0, err
	}
	_, err = s.file.Seek(0, io.SeekStart)
	return s.file, size, err
}

func (s *spool) free() {
	s.buf = bytes.Buffer{}
	if s.file != nil {
		s.file.Close()
	}
}
