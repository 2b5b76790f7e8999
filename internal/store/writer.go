package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"hash"
	"io"
	"io/fs"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Encoders and chunks hold megabytes, so they are used again. The constructor's
// only errors are those of unsuitable options.
var (
	encoders = sync.Pool{New: func() any {
		// The window is small, since a job may have dozens of outputs open. With less
		// memory still it would be moved along with each block, at half the speed.
		e, _ := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithZeroFrames(true),
			zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(false))
		return e
	}}
	chunks = sync.Pool{New: func() any { return new(chunk) }}
)

// wholeEncoder encodes what is in memory whole, for any number of callers at once.
var wholeEncoder = sync.OnceValue(func() *zstd.Encoder {
	e, _ := zstd.NewWriter(nil, zstd.WithZeroFrames(true), zstd.WithWindowSize(1<<20))
	return e
})

// A chunk is how much a blob collects before it hands it on to be hashed and
// encoded.
type chunk [256 << 10]byte

// A BlobWriter hashes and encodes a blob as it is written, each byte once. What
// is larger than a chunk is done on a goroutine of the writer's own, so that a
// job with several outputs keeps several processors busy. Nothing reaches the
// bucket before Commit; Discard (safe after Commit) frees what it holds.
type BlobWriter struct {
	bucket Bucket
	chunk  *chunk // what is not handed on yet: its first fill bytes
	fill   int
	bytes  int64
	feed   chan *chunk   // to the goroutine; nil while there is none
	done   chan struct{} // closed when the goroutine ends
	digest Digest        // "" until nothing more can be written
	stored int64         // size of the blob in the bucket, once committed

	// The goroutine's while there is one.
	hash  hash.Hash
	zw    *zstd.Encoder
	spool spool
	err   error
}

// NewBlob starts a blob.
func (s *Store) NewBlob() *BlobWriter { return newBlob(s.bucket) }

func newBlob(b Bucket) *BlobWriter {
	return &BlobWriter{bucket: b, chunk: chunks.Get().(*chunk), hash: sha256.New()}
}

// Write implements io.Writer. It may tell of an error that an earlier one met.
func (w *BlobWriter) Write(p []byte) (int, error) {
	if w.digest != "" {
		return 0, fs.ErrClosed
	}
	for n := 0; ; {
		k := copy(w.chunk[w.fill:], p[n:])
		n, w.fill, w.bytes = n+k, w.fill+k, w.bytes+int64(k)
		if w.fill < len(w.chunk) {
			return n, nil
		}
		if err := w.handOn(); err != nil {
			return n, err
		}
	}
}

// handOn gives the chunk, which is full, to the goroutine, and waits while that
// has two to do.
func (w *BlobWriter) handOn() error {
	if w.feed == nil {
		if w.err != nil {
			return w.err
		}
		w.feed, w.done = make(chan *chunk, 2), make(chan struct{})
		go w.work(w.feed, w.done)
	}
	select {
	case w.feed <- w.chunk:
		w.chunk, w.fill = chunks.Get().(*chunk), 0
		return nil
	case <-w.done: // before its time: it met an error
		return w.err
	}
}

func (w *BlobWriter) work(feed <-chan *chunk, done chan<- struct{}) {
	defer close(done)
	for c := range feed {
		w.encode(c[:])
		chunks.Put(c)
		if w.err != nil {
			return
		}
	}
}

func (w *BlobWriter) encode(p []byte) {
	if w.zw == nil {
		w.zw = encoders.Get().(*zstd.Encoder)
		w.zw.Reset(&w.spool)
	}
	w.hash.Write(p)
	_, w.err = w.zw.Write(p)
}

// rest encodes what is still to be encoded.
func (w *BlobWriter) rest() error {
	w.stop()
	if w.err == nil {
		w.encode(w.chunk[:w.fill])
		w.fill = 0
	}
	return w.err
}

// Bytes returns how many decoded bytes were written.
func (w *BlobWriter) Bytes() int64 { return w.bytes }

// Digest ends the writing and returns the digest of what was written.
func (w *BlobWriter) Digest() (Digest, error) {
	if w.digest != "" {
		return w.digest, nil
	}
	if err := w.rest(); err != nil {
		return "", err
	}
	w.err = w.zw.Close()
	w.release()
	if w.err != nil {
		return "", w.err
	}
	w.digest = sumOf(w.hash)
	return w.digest, nil
}

// Commit ends the writing and uploads the blob at its digest.
func (w *BlobWriter) Commit(ctx context.Context) (Digest, error) {
	d, err := w.Digest()
	if err != nil {
		return "", err
	}
	body, size, err := w.spool.open()
	if err != nil {
		return "", err
	}
	w.stored = size
	return d, w.bucket.Put(ctx, blobKey(d), body, size)
}

// Stored returns how many bytes the committed blob takes in the bucket.
func (w *BlobWriter) Stored() int64 { return w.stored }

// Clone returns a writer that was given the same bytes so far.
func (w *BlobWriter) Clone() (*BlobWriter, error) {
	if err := w.rest(); err != nil {
		return nil, err
	}
	if w.err = w.zw.Flush(); w.err != nil {
		return nil, w.err
	}
	c, from := newBlob(w.bucket), w.decoded()
	defer from.free()
	if _, err := io.CopyN(c, from, w.bytes); err != nil {
		c.Discard()
		return nil, err
	}
	return c, nil
}

// Discard frees the writer's memory and temporary file; it ends the writer.
func (w *BlobWriter) Discard() {
	w.stop()
	w.release()
	if w.chunk != nil {
		chunks.Put(w.chunk)
		w.chunk = nil
	}
	w.spool.free()
}

// stop ends the goroutine, once it has done what it got.
func (w *BlobWriter) stop() {
	if w.feed != nil {
		close(w.feed)
		<-w.done
		w.feed = nil
	}
}

// release gives the encoder back.
func (w *BlobWriter) release() {
	if w.zw != nil {
		w.zw.Reset(nil) // not Close: that would encode what is left
		encoders.Put(w.zw)
		w.zw = nil
	}
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

// putAll puts objects together where the bucket can, else side by side.
func (s *Store) putAll(ctx context.Context, objects []Object) error {
	if b, ok := s.bucket.(Together); ok {
		return b.PutAll(ctx, objects)
	}
	return SideBySide(ctx, len(objects), func(i int) error {
		o := objects[i]
		return s.bucket.Put(ctx, o.Key, bytes.NewReader(o.Body), int64(len(o.Body)))
	})
}
