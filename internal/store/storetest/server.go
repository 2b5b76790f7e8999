package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gymline/gymline/internal/store"
)

// restart takes the server down between operations.
func restart(t *testing.T, b store.Bucket, srv *Server) {
	s := store.New(b)
	put(t, b, "put", "before")
	if err := b.Create(t.Context(), "created", []byte("before")); err != nil {
		t.Fatal(err)
	}
	d, err := putBlob(t.Context(), s, noise(8, 24*mib))
	if err != nil {
		t.Fatal(err)
	}
	reading, err := s.OpenBlob(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	defer reading.Close()
	if _, err := io.CopyN(io.Discard, reading, mib); err != nil {
		t.Fatal(err)
	}
	srv.Kill(t)
	// The body is larger than what is under way in buffers, so that it is cut.
	_, err = io.Copy(io.Discard, reading)
	WantError(t, err, store.Transient, "run again")
	_, err = b.Stat(t.Context(), "put")
	WantError(t, err, store.Transient, "run again")
	srv.Resume(t)
	for key, want := range map[string]string{"put": "before", "created": "before"} {
		if got := get(t, b, key); got != want {
			t.Errorf("%s: %q after a restart", key, got)
		}
	}
	if err := b.Create(t.Context(), "created", []byte("after")); !errors.Is(err, store.ErrExists) {
		t.Errorf("create after a restart: %v", err)
	}
	if _, err := readBlob(t.Context(), s, d, io.Discard); err != nil {
		t.Errorf("blob after a restart: %v", err)
	}
}

// restartInTheMiddle takes the server down under writers. What they were told
// is stored must be there; what failed must be whole or absent, and can be done
// again.
func restartInTheMiddle(t *testing.T, b store.Bucket, srv *Server) {
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
	if got := len(listed(t, b, "w")); got != len(stored)+len(failed) {
		t.Errorf("%d keys, want %d", got, len(stored)+len(failed))
	}
}

// FullDisk writes to a bucket until its disk is full, and then asserts a
// Transient error with a Fix, and nothing half visible.
func FullDisk(t *testing.T, b store.Bucket) {
	const size = 3 * mib
	s := store.New(b)
	want := map[string]bool{}
	for i := range uint64(200) {
		d, err := putBlob(t.Context(), s, noise(i, size))
		if err == nil {
			want["blobs/sha256/"+string(d[:2])+"/"+string(d)] = true
			continue
		}
		WantError(t, err, store.Transient, "full")
		d = digestOf(t, noise(i, size))
		if ok, err := s.HasBlob(t.Context(), d); err != nil || ok {
			t.Errorf("the blob that did not fit: %v, %v", ok, err)
		}
		for key := range want {
			if _, err := readBlob(t.Context(), s, store.Digest(key[strings.LastIndexByte(key, '/')+1:]), io.Discard); err != nil {
				t.Errorf("a blob from before: %v", err)
			}
		}
		if got := listed(t, b, ""); len(got) != len(want) || len(want) == 0 {
			t.Errorf("%d keys are listed, want %d", len(got), len(want))
		}
		return
	}
	t.Fatal("the disk was never full")
}
