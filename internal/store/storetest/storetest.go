// Package storetest is the other half of store.Bucket's contract: one suite
// that every implementation passes.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/gymline/gymline/internal/store"
)

// Run runs the suite. open returns an empty bucket of its own at each call; memory
// is by how many bytes the process may grow while a 200 MiB blob is written and
// read, 0 for a bucket that holds its objects in memory.
func Run(t *testing.T, open func(t testing.TB) store.Bucket, memory uint64) {
	t.Run("Objects", func(t *testing.T) { objects(t, open(t)) })
	if _, ok := open(t).(store.Together); ok {
		t.Run("Together", func(t *testing.T) { together(t, open(t)) })
	}
	t.Run("Ranges", func(t *testing.T) { ranges(t, open(t)) })
	t.Run("Keys", func(t *testing.T) { keys(t, open(t)) })
	t.Run("CreateOnce", func(t *testing.T) { createOnce(t, open(t)) })
	t.Run("CommitOnce", func(t *testing.T) { commitOnce(t, open(t)) })
	t.Run("Blobs", func(t *testing.T) { blobs(t, open(t), memory) })
	t.Run("Altered", func(t *testing.T) { altered(t, open(t)) })
	t.Run("Readers", func(t *testing.T) { readers(t, open(t)) })
	t.Run("Records", func(t *testing.T) { records(t, open(t)) })
	t.Run("Publish", func(t *testing.T) { publish(t, open(t)) })
	t.Run("Cancel", func(t *testing.T) { cancelled(t, open(t)) })
	t.Run("Delete", func(t *testing.T) { deletes(t, open(t)) })
	t.Run("List", func(t *testing.T) { list(t, open(t)) })
	if memory > 0 {
		t.Run("CancelReading", func(t *testing.T) { cancelReading(t, open(t)) })
	}
}

func put(t testing.TB, b store.Bucket, key, body string) {
	t.Helper()
	if err := b.Put(t.Context(), key, bytes.NewReader([]byte(body)), int64(len(body))); err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
}

func get(t testing.TB, b store.Bucket, key string) string {
	t.Helper()
	data, err := fetch(t.Context(), b, key)
	if err != nil {
		t.Fatalf("get %s: %v", key, err)
	}
	return string(data)
}

func fetch(ctx context.Context, b store.Bucket, key string) ([]byte, error) {
	r, err := b.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func listed(t testing.TB, b store.Bucket, prefix string) []string {
	t.Helper()
	var keys []string
	for key, err := range b.List(t.Context(), prefix) {
		if err != nil {
			t.Fatalf("list %q: %v", prefix, err)
		}
		keys = append(keys, key)
	}
	return keys
}

func wantKeys(t testing.TB, b store.Bucket, prefix string, want ...string) {
	t.Helper()
	if got := listed(t, b, prefix); !slices.Equal(got, want) {
		t.Errorf("list %q\n got %q\nwant %q", prefix, got, want)
	}
}

// WantError asserts an *store.Error of that kind, with a Fix that contains fix.
func WantError(t testing.TB, err error, kind store.Kind, fix string) {
	t.Helper()
	e, ok := errors.AsType[*store.Error](err)
	if !ok {
		t.Fatalf("got error %v (%T), want a *store.Error", err, err)
	}
	if e.Kind != kind {
		t.Errorf("kind %d of %v, want %d", e.Kind, err, kind)
	}
	if !bytes.Contains([]byte(e.Fix), []byte(fix)) {
		t.Errorf("fix %q of %v, want it to contain %q", e.Fix, err, fix)
	}
}
