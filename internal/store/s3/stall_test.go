package s3_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/store/s3"
	"github.com/gymline/gymline/internal/store/storetest"
)

// stalling is a server that stops at some point of its answers, once it is told to.
func stalling(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, stop func())) (*s3.Bucket, *atomic.Bool) {
	t.Helper()
	on, gone := new(atomic.Bool), make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !on.Load() {
			_, _ = io.Copy(io.Discard, r.Body)
			return
		}
		answer(w, r, func() {
			select {
			case <-gone:
			case <-r.Context().Done():
			}
		})
	}))
	t.Cleanup(srv.Close)
	t.Cleanup(func() { close(gone) })
	b := open(t, s3.Config{Endpoint: srv.URL, Bucket: "b-1", Region: "us-east-1", AccessKey: "a", SecretKey: "b"})
	b.Stall(100 * time.Millisecond)
	on.Store(true)
	return b, on
}

// A server that stalls, wherever it does, ends a call: for a while.
func TestStalls(t *testing.T) {
	t.Parallel()
	head := func(w http.ResponseWriter, size int) {
		w.Header().Set("Content-Length", fmt.Sprint(size))
		w.Header().Set("Last-Modified", "Wed, 01 Jan 2025 00:00:00 GMT")
		w.Header().Set("ETag", `"x"`)
		w.WriteHeader(http.StatusOK)
	}
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request, stop func()){
		"before it reads": func(_ http.ResponseWriter, _ *http.Request, stop func()) { stop() },
		"before a body": func(_ http.ResponseWriter, r *http.Request, stop func()) {
			_, _ = io.Copy(io.Discard, r.Body)
			stop()
		},
		"within a body": func(w http.ResponseWriter, r *http.Request, stop func()) {
			_, _ = io.Copy(io.Discard, r.Body)
			head(w, 100)
			_, _ = io.WriteString(w, "<ListBucketResult>")
			_ = http.NewResponseController(w).Flush()
			stop()
		},
		"after a body, before its end": func(w http.ResponseWriter, r *http.Request, stop func()) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Last-Modified", "Wed, 01 Jan 2025 00:00:00 GMT")
			w.WriteHeader(http.StatusOK)
			_, _ = io.WriteString(w, "all of it, but for the last chunk")
			_ = http.NewResponseController(w).Flush()
			stop()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, _ := stalling(t, answer)
			get := func() error {
				r, err := b.Get(t.Context(), "k")
				if err != nil {
					return err
				}
				defer r.Close()
				_, err = io.ReadAll(r)
				return err
			}
			list := func() (err error) {
				for _, err = range b.List(t.Context(), "k") {
				}
				return err
			}
			big := make([]byte, 16<<20)
			calls := map[string]func() error{"get": get}
			if !strings.HasPrefix(name, "after") {
				calls["list"] = list
				if !strings.HasPrefix(name, "within") {
					calls["put"] = func() error { return b.Put(t.Context(), "k", bytes.NewReader(big), int64(len(big))) }
					calls["create"] = func() error { return b.Create(t.Context(), "k", []byte("x")) }
					calls["stat"] = func() error { _, err := b.Stat(t.Context(), "k"); return err }
				}
			}
			for call, do := range calls {
				err := do()
				if err == nil {
					t.Errorf("%s: no error", call)
					continue
				}
				storetest.WantError(t, err, store.Transient, "")
				if !strings.Contains(err.Error(), "stalled") {
					t.Errorf("%s: %v", call, err)
				}
			}
		})
	}
}

// A connection that died unseen stalls too: the request is sent once more.
func TestOneStallIsBorne(t *testing.T) {
	var n atomic.Int64
	b, _ := stalling(t, func(w http.ResponseWriter, r *http.Request, stop func()) {
		_, _ = io.Copy(io.Discard, r.Body)
		if n.Add(1) == 1 {
			stop()
		}
	})
	b.Stall(time.Second)
	if err := b.Create(t.Context(), "k", []byte("x")); err != nil || n.Load() != 2 {
		t.Errorf("%v after %d requests", err, n.Load())
	}
}

// A reader that takes its time is no stall.
func TestASlowReaderIsNoStall(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("x", 4<<20)
	b, _ := stalling(t, func(w http.ResponseWriter, _ *http.Request, _ func()) {
		w.Header().Set("Content-Length", fmt.Sprint(len(text)))
		w.Header().Set("Last-Modified", "Wed, 01 Jan 2025 00:00:00 GMT")
		_, _ = io.WriteString(w, text)
	})
	b.Stall(time.Second)
	r, err := b.Get(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	time.Sleep(1500 * time.Millisecond)
	if data, err := io.ReadAll(r); err != nil || len(data) != len(text) {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}
