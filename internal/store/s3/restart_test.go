package s3_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/store/miniotest"
	"github.com/gymline/gymline/internal/store/storetest"
)

// TestRestart takes the server down between operations.
func TestRestart(t *testing.T) {
	t.Parallel()
	srv := miniotest.Start(t)
	b := open(t, srv.Config("restart"))
	s := store.New(b)
	put := b.Put(t.Context(), "put", strings.NewReader("before"), 6)
	if err := errors.Join(put, b.Create(t.Context(), "created", []byte("before"))); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, 24<<20)
	_, _ = rand.NewChaCha8([32]byte{8}).Read(body) // it does not compress
	d, err := s.PutBlob(t.Context(), body)
	if err != nil {
		t.Fatal(err)
	}
	reading, err := s.OpenBlob(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	defer reading.Close()
	if _, err := io.CopyN(io.Discard, reading, 1<<20); err != nil {
		t.Fatal(err)
	}
	srv.Kill(t)
	// The body is larger than what is under way in buffers, so that it is cut.
	_, err = io.Copy(io.Discard, reading)
	storetest.WantError(t, err, store.Transient, "run again")
	_, err = b.Stat(t.Context(), "put")
	storetest.WantError(t, err, store.Transient, "run again")
	srv.Resume(t)
	for key, want := range map[string]string{"put": "before", "created": "before"} {
		if got := get(t, b, key); got != want {
			t.Errorf("%s: %q after a restart", key, got)
		}
	}
	if err := b.Create(t.Context(), "created", []byte("after")); !errors.Is(err, store.ErrExists) {
		t.Errorf("create after a restart: %v", err)
	}
	if _, err := s.ReadBlob(t.Context(), d); err != nil {
		t.Errorf("blob after a restart: %v", err)
	}
}

// TestRestartInTheMiddle takes the server down under writers. What they were told
// is stored must be there; what failed must be whole or absent, and can be done
// again.
func TestRestartInTheMiddle(t *testing.T) {
	t.Parallel()
	srv := miniotest.Start(t)
	b := open(t, srv.Config("restart"))
	const inFlight = 8
	var mu sync.Mutex
	stored, failed := map[string]string{}, map[string]string{}
	var done atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var g errgroup.Group
	for w := range inFlight {
		g.Go(func() error {
			for i := 0; ctx.Err() == nil; i++ {
				key := fmt.Sprintf("w%d/%d", w, i)
				body := strings.Repeat(key+" ", 1+i%2*20000)
				var err error
				if i%3 == 0 {
					err = b.Put(t.Context(), key, strings.NewReader(body), int64(len(body)))
				} else {
					err = b.Create(t.Context(), key, []byte(body))
				}
				mu.Lock()
				if err == nil {
					stored[key] = body
				} else {
					failed[key] = body
				}
				mu.Unlock()
				done.Add(1)
				if e, ok := errors.AsType[*store.Error](err); err != nil && (!ok || e.Kind != store.Transient) {
					return fmt.Errorf("write %s: %w", key, err)
				}
			}
			return nil
		})
	}
	for done.Load() < 4*inFlight {
		time.Sleep(time.Millisecond)
	}
	srv.Kill(t)
	srv.Resume(t)
	for after := done.Load(); done.Load() < after+4*inFlight; {
		time.Sleep(time.Millisecond)
	}
	stop()
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	for key, want := range stored {
		if get(t, b, key) != want {
			t.Errorf("%s is not what was stored", key)
		}
	}
	for key, want := range failed {
		if err := b.Create(t.Context(), key, []byte(want)); err != nil && !errors.Is(err, store.ErrExists) {
			t.Errorf("again %s: %v", key, err)
		}
		if get(t, b, key) != want {
			t.Errorf("%s is half visible", key)
		}
	}
	keys := 0
	for _, err := range b.List(t.Context(), "w") {
		if err != nil {
			t.Fatal(err)
		}
		keys++
	}
	if keys != len(stored)+len(failed) {
		t.Errorf("%d keys, want %d", keys, len(stored)+len(failed))
	}
}

func get(t *testing.T, b store.Bucket, key string) string {
	t.Helper()
	r, err := b.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("get %s: %v", key, err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("get %s: %v", key, err)
	}
	return string(data)
}
