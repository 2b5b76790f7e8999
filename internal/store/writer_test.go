package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gymline/gymline/internal/store"
)

// chunk is how much a writer hands on to its goroutine at once.
const chunk = 256 << 10

// TestSizes: blobs about the size of one chunk and of several, written in pieces
// of any size, are what was written.
func TestSizes(t *testing.T) {
	all := append(bytes.Repeat([]byte("a line, and the next\n"), 40_000), incompressible(5<<20)...)
	for _, size := range []int{0, 1, chunk - 1, chunk, chunk + 1, 2 * chunk, 3*chunk + 7, len(all)} {
		for _, piece := range []int{999, chunk, len(all)} {
			s := store.New(store.NewMem())
			w := s.NewBlob()
			for rest := all[:size]; len(rest) > 0; {
				n, err := w.Write(rest[:min(piece, len(rest))])
				must(t, err)
				rest = rest[n:]
			}
			sum, err := w.Digest()
			must(t, err)
			d, err := w.Commit(t.Context())
			must(t, err)
			if d != sum || d != store.DigestOf(all[:size]) || w.Bytes() != int64(size) {
				t.Errorf("%d bytes in pieces of %d: %s, %s and %d", size, piece, sum, d, w.Bytes())
			}
			w.Discard()
			if got, err := s.ReadBlob(t.Context(), d); err != nil || !bytes.Equal(got, all[:size]) {
				t.Errorf("%d bytes in pieces of %d: read %d, %v", size, piece, len(got), err)
			}
		}
	}
}

// TestClone: a clone has what was written before, and each goes on by itself.
func TestClone(t *testing.T) {
	noise := incompressible(5 << 20) // beyond what a spool holds in memory
	for _, size := range []int{0, 1, chunk, 3*chunk + 7, len(noise)} {
		s := store.New(store.NewMem())
		w := s.NewBlob()
		defer w.Discard()
		_, err := w.Write(noise[:size])
		must(t, err)
		c, err := w.Clone()
		must(t, err)
		defer c.Discard()
		for text, w := range map[string]*store.BlobWriter{"one end": w, strings.Repeat("another end", chunk/2): c} {
			_, err := w.Write([]byte(text))
			must(t, err)
			d, err := w.Commit(t.Context())
			must(t, err)
			if want := string(noise[:size]) + text; d != store.DigestOf([]byte(want)) || w.Bytes() != int64(len(want)) {
				t.Errorf("%d bytes and then %.12q: %s, %d bytes", size, text, d, w.Bytes())
			}
			if got, err := s.ReadBlob(t.Context(), d); err != nil || store.DigestOf(got) != d {
				t.Errorf("%d bytes and then %.12q: %v", size, text, err)
			}
		}
	}
}

// TestWriterEnds: nothing is written after the digest was told, and a writer's
// goroutine ends with it, wherever it was.
func TestWriterEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which fails where a goroutine is left
		s := store.New(store.NewMem())
		w := s.NewBlob()
		_, err := w.Write(make([]byte, 5*chunk))
		must(t, err)
		_, err = w.Digest()
		must(t, err)
		if _, err := w.Write([]byte("late")); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("a late write: %v", err)
		}
		w.Discard()
		w = s.NewBlob()
		_, err = w.Write(make([]byte, 5*chunk))
		must(t, err)
		w.Discard()
	})
}

// A dyingBucket takes so many puts, and then none.
type dyingBucket struct {
	store.Bucket
	left chan struct{}
}

func (b *dyingBucket) Put(ctx context.Context, key string, body io.ReadSeeker, size int64) error {
	select {
	case <-b.left:
		return b.Bucket.Put(ctx, key, body, size)
	default:
		return &store.Error{Op: "put", Key: key, Kind: store.Transient, Err: io.ErrUnexpectedEOF}
	}
}

// TestPublishInTheMiddle stops a publication after each number of files: the list
// is there only with all of them, and publishing again makes it whole.
func TestPublishInTheMiddle(t *testing.T) {
	const files = 6
	mem := store.NewMem()
	var list []store.Published
	for i := range files {
		w := store.New(mem).NewBlob()
		defer w.Discard()
		_, err := fmt.Fprintf(w, "file %d\n", i)
		must(t, err)
		d, err := w.Commit(t.Context())
		must(t, err)
		list = append(list, store.Published{Artifact: store.Artifact{Name: fmt.Sprintf("f/%d", i), Digest: d, Bytes: w.Bytes()}, Blob: w})
	}
	for puts := range files + 2 {
		b := &dyingBucket{store.NewMem(), make(chan struct{}, files+1)}
		for range puts {
			b.left <- struct{}{}
		}
		err := store.New(b).Publish(t.Context(), "x", list)
		if e, ok := errors.AsType[*store.Error](err); puts <= files && (!ok || !e.Temporary()) {
			t.Errorf("after %d puts: %v", puts, err)
		}
		keys := under(t, b.Bucket, "exports/")
		if whole := len(keys) > 0 && strings.HasSuffix(keys[len(keys)-1], "/gymline.json"); len(keys) != puts || whole != (puts == files+1) {
			t.Errorf("after %d puts: %q", puts, keys)
		}
		must(t, store.New(b.Bucket).Publish(t.Context(), "x", list))
		if keys := under(t, b.Bucket, "exports/"); len(keys) != files+1 {
			t.Errorf("published again after %d puts: %q", puts, keys)
		}
	}
}

func under(t *testing.T, b store.Bucket, prefix string) (keys []string) {
	t.Helper()
	for key, err := range b.List(t.Context(), prefix) {
		must(t, err)
		keys = append(keys, key)
	}
	return keys
}
