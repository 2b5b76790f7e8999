package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"

	"github.com/gymline/gymline/internal/store"
)

const mib = 1 << 20

// random holds more bytes than an encoder's window, so that what repeats them
// does not compress.
var random = sync.OnceValue(func() []byte {
	p := make([]byte, 24*mib)
	_, _ = rand.NewChaCha8([32]byte{}).Read(p) // it never fails
	return p
})

// noise is a stream of n bytes that do not compress, the same for each seed.
func noise(seed uint64, n int64) io.Reader {
	return io.LimitReader(&cycle{at: int(seed) * 1001}, n)
}

// cycle reads random round and round.
type cycle struct{ at int }

func (c *cycle) Read(p []byte) (int, error) {
	n := copy(p, random()[c.at%len(random()):])
	c.at += n
	return n, nil
}

func digestOf(t testing.TB, r io.Reader) store.Digest {
	t.Helper()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		t.Fatal(err)
	}
	return store.Digest(hex.EncodeToString(h.Sum(nil)))
}

func putBlob(ctx context.Context, s *store.Store, r io.Reader) (store.Digest, error) {
	w := s.NewBlob()
	defer w.Discard()
	if _, err := io.Copy(w, r); err != nil {
		return "", err
	}
	return w.Commit(ctx)
}

func readBlob(ctx context.Context, s *store.Store, d store.Digest, w io.Writer) (int64, error) {
	r, err := s.OpenBlob(ctx, d)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	return io.Copy(w, r)
}

func blobs(t *testing.T, b store.Bucket, memory uint64) {
	s := store.New(b)
	for i, size := range []int64{0, 1, 5*mib - 1, 5 * mib, 16*mib + 1, 64 * mib, 200 * mib} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			want := digestOf(t, noise(uint64(i), size))
			grown := growth()
			d, err := putBlob(t.Context(), s, noise(uint64(i), size))
			if err != nil || d != want {
				t.Fatalf("put: digest %s, want %s (%v)", d, want, err)
			}
			h := sha256.New()
			n, err := readBlob(t.Context(), s, d, h)
			if got := store.Digest(hex.EncodeToString(h.Sum(nil))); err != nil || n != size || got != want {
				t.Errorf("read %d bytes with digest %s, want %d with %s (%v)", n, got, size, want, err)
			}
			if most := grown(); memory > 0 && most > memory {
				t.Errorf("memory grew by %d MiB, want at most %d", most/mib, memory/mib)
			}
			if ok, err := s.HasBlob(t.Context(), d); err != nil || !ok {
				t.Errorf("has: %v, %v", ok, err)
			}
		})
	}
	if ok, err := s.HasBlob(t.Context(), store.DigestOf([]byte("never put"))); err != nil || ok {
		t.Errorf("has a blob that was never put: %v, %v", ok, err)
	}
	if _, err := s.ReadBlob(t.Context(), store.DigestOf([]byte("never put"))); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("read of a blob that was never put: %v", err)
	}
}

// growth samples the heap until the returned function is called, which gives
// the most that it grew by, in bytes.
func growth() func() uint64 {
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse
	}
	runtime.GC()
	base := heap()
	var most atomic.Uint64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			most.Store(max(most.Load(), heap()))
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() uint64 {
		close(stop)
		<-stopped
		return most.Load() - min(base, most.Load())
	}
}

// altered writes other bytes under a blob's key; every one must be refused.
func altered(t *testing.T, b store.Bucket) {
	s := store.New(b)
	body, err := io.ReadAll(noise(77, 300<<10))
	if err != nil {
		t.Fatal(err)
	}
	written := commit(t, s, "f", bytes.NewReader(body))
	d := written.Digest
	key := "blobs/sha256/" + string(d[:2]) + "/" + string(d)
	stored := []byte(get(t, b, key))
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	frame := func(p []byte) []byte { return enc.EncodeAll(p, nil) }
	flip := func(at int) []byte {
		p := bytes.Clone(stored)
		p[at] ^= 1
		return p
	}
	cases := map[string][]byte{
		"empty":               {},
		"one byte":            stored[:1],
		"header only":         stored[:8],
		"half":                stored[:len(stored)/2],
		"last byte cut":       stored[:len(stored)-1],
		"first byte flipped":  flip(0),
		"middle byte flipped": flip(len(stored) / 2),
		"last byte flipped":   flip(len(stored) - 1),
		"trailing garbage":    append(bytes.Clone(stored), "garbage"...),
		"trailing zero":       append(bytes.Clone(stored), 0),
		"second frame":        append(bytes.Clone(stored), frame([]byte("more"))...),
		"frame twice":         append(bytes.Clone(stored), stored...),
		"another blob":        frame([]byte("another")),
		"not encoded":         body,
		"part, well encoded":  frame(body[:len(body)-1]),
		"window of 128 MiB":   {0x28, 0xb5, 0x2f, 0xfd, 0x00, 17 << 3, 1, 0, 0},
	}
	for name, bad := range cases {
		t.Run(name, func(t *testing.T) {
			put(t, b, key, string(bad))
			if _, err := s.ReadBlob(t.Context(), d); !errors.Is(err, store.ErrCorrupt) {
				t.Errorf("read: %v, want ErrCorrupt", err)
			}
			stream := s.Concat(t.Context(), []store.Artifact{{Name: "episodes.jsonl", Digest: d}})
			defer stream.Close()
			if _, err := io.Copy(io.Discard, stream); !errors.Is(err, store.ErrCorrupt) {
				t.Errorf("concat: %v, want ErrCorrupt", err)
			}
			// What is published comes from the writer, so it is right all the same.
			if err := s.Publish(t.Context(), "x", []store.Published{written}); err != nil {
				t.Errorf("publish: %v", err)
			}
			if files := listed(t, b, "exports/x/"); len(files) != 2 || get(t, b, files[0]) != string(body) {
				t.Errorf("published %q with other bytes", files)
			}
		})
	}
	put(t, b, key, string(frame(body))) // another encoding of the same bytes is the same blob
	if got, err := s.ReadBlob(t.Context(), d); err != nil || !bytes.Equal(got, body) {
		t.Errorf("re-encoded: %v", err)
	}
}

// readers read one blob side by side while it is put again.
func readers(t *testing.T, b store.Bucket) {
	s := store.New(b)
	const size = 3 * mib
	d, err := putBlob(t.Context(), s, noise(5, size))
	if err != nil {
		t.Fatal(err)
	}
	var g errgroup.Group
	for i := range 12 {
		g.Go(func() error {
			if i%4 == 0 {
				_, err := putBlob(t.Context(), s, noise(5, size))
				return err
			}
			n, err := readBlob(t.Context(), s, d, io.Discard)
			if err == nil && n != size {
				err = fmt.Errorf("read %d bytes", n)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

// cancelReading ends a context while a body is read.
func cancelReading(t *testing.T, b store.Bucket) {
	s := store.New(b)
	d, err := putBlob(t.Context(), s, noise(6, 24*mib))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := s.OpenBlob(ctx, d)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.CopyN(io.Discard, r, mib); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.Copy(io.Discard, r); !errors.Is(err, context.Canceled) {
		t.Errorf("reading on: %v, want context.Canceled", err)
	}
}
