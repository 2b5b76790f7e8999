package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/store/s3"
	"github.com/gymline/gymline/internal/store/storetest"
)

func start(t testing.TB, dir string) *Server {
	t.Helper()
	s, err := Start(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func open(t testing.TB, s *Server, prefix string) *s3.Bucket {
	t.Helper()
	c := s.Config()
	c.Prefix = prefix
	b, err := s3.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func TestSuite(t *testing.T) {
	srv := startChild(t, storetest.Dir(t))
	var n atomic.Int64
	storetest.Run(t, func(t testing.TB) store.Bucket { return open(t, srv.Server, fmt.Sprint("t", n.Add(1))) }, storetest.Options{
		Server: &storetest.Server{Memory: 64 << 20, Kill: srv.kill, Resume: srv.resume},
	})
}

func TestStart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", ".gymline")
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	s := start(t, dir)
	t.Logf("started in %v", time.Since(began))
	if now, err := os.Getwd(); err != nil || now != wd {
		t.Errorf("the working directory became %s, %v", now, err)
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder %v, %v", info.Mode(), err)
	}
	b := open(t, s, "")
	if err := b.Create(t.Context(), "runs/a-1/run.json", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(dir, "objects/runs/a-1/run.json"))
	if err != nil || string(file) != "{}" {
		t.Errorf("the object's file: %q, %v", file, err)
	}
	began = time.Now()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("closed in %v with a connection open", time.Since(began))
	again := start(t, dir)
	if again.Config().SecretKey == s.Config().SecretKey {
		t.Error("two servers have one secret")
	}
	if _, err := open(t, again, "").Stat(t.Context(), "runs/a-1/run.json"); err != nil {
		t.Error(err)
	}
}

func TestOneInAProcess(t *testing.T) {
	start(t, t.TempDir())
	other := t.TempDir()
	_, err := Start(t.Context(), other)
	storetest.WantError(t, err, store.Transient, "")
}

func TestCancelledStart(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	if s, err := Start(ctx, dir); err == nil {
		s.Close() // it listened before the context was looked at
	} else if !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
	start(t, dir)
}

func TestReadOnly(t *testing.T) {
	dir := t.TempDir()
	if _, err := StartReadOnly(t.Context(), dir); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("read-only over an empty folder: %v", err)
	}
	s, err := Start(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := open(t, s, "").Create(t.Context(), "a", []byte("1")); err != nil {
		t.Fatal(err)
	}
	s.Close()
	held, err := acquire(filepath.Join(dir, lockFile)) // a writer is at work
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	r, err := StartReadOnly(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b := open(t, r, "")
	if size, err := b.Stat(t.Context(), "a"); err != nil || size != 1 {
		t.Errorf("stat: %d, %v", size, err)
	}
	if err := b.Create(t.Context(), "b", []byte("2")); err == nil {
		t.Error("a read-only server stored an object")
	}
}

func TestWrongKeys(t *testing.T) {
	s := start(t, t.TempDir())
	for _, change := range []func(*s3.Config){
		func(c *s3.Config) { c.SecretKey = "wrong" },
		func(c *s3.Config) { c.AccessKey = "wrong" },
	} {
		c := s.Config()
		change(&c)
		_, err := s3.Open(t.Context(), c)
		storetest.WantError(t, err, store.Misconfigured, "access key")
	}
}

func TestUnusableFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), file)
	storetest.WantError(t, err, store.Misconfigured, "folder")
	_, err = Start(t.Context(), filepath.Join(file, "below"))
	storetest.WantError(t, err, store.Misconfigured, "folder")
}

func TestFullDisk(t *testing.T) {
	dir := storetest.SmallDisk(t, 32<<20)
	storetest.FullDisk(t, open(t, start(t, dir), ""))
	if left, err := os.ReadDir(filepath.Join(dir, uploads)); err != nil || len(left) > 0 {
		t.Errorf("uploads left over: %v, %v", left, err)
	}
}
