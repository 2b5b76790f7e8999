package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/store/storetest"
)

// slow is a body that can be read quickly once, to be hashed, and then at the
// pace of the test.
type slow struct {
	io.ReadSeeker
	left int // bytes until the pace counts
	pace <-chan struct{}
}

func (s *slow) Read(p []byte) (int, error) {
	if s.left <= 0 {
		<-s.pace
	}
	n, err := s.ReadSeeker.Read(p[:min(len(p), 64<<10)])
	s.left -= n
	return n, err
}

// upload starts a Put of 8 MiB and returns once half of it is on its way.
func upload(t *testing.T, ctx context.Context, dir string, b store.Bucket, key string) (rest chan<- struct{}, result <-chan error) {
	t.Helper()
	const size = 8 << 20
	pace, done := make(chan struct{}), make(chan error, 1)
	var seed [32]byte
	body, err := io.ReadAll(io.LimitReader(rand.NewChaCha8(seed), size))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		done <- b.Put(ctx, key, &slow{ReadSeeker: strings.NewReader(string(body)), left: size + size/2, pace: pace}, size)
	}()
	for {
		left, err := os.ReadDir(filepath.Join(dir, uploads))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range left {
			if info, err := f.Info(); err == nil && info.Size() > size/4 {
				return pace, done
			}
		}
		time.Sleep(time.Millisecond)
	}
}

// TestKillWhileUploading ends the server without warning, and finds neither
// half an object nor what it left behind after its next start.
func TestKillWhileUploading(t *testing.T) {
	dir := t.TempDir()
	srv := startChild(t, dir)
	b := open(t, srv.Server, "")
	if err := b.Put(t.Context(), "before", strings.NewReader("x"), 1); err != nil {
		t.Fatal(err)
	}
	rest, result := upload(t, t.Context(), dir, b, "big/one")
	srv.kill(t)
	close(rest)
	storetest.WantError(t, <-result, store.Transient, "run again")
	if left, err := os.ReadDir(filepath.Join(dir, uploads)); err != nil || len(left) == 0 {
		t.Fatalf("the kill left no upload behind: %v, %v", left, err)
	}
	srv.resume(t)
	if _, err := b.Stat(t.Context(), "big/one"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("half an object: %v", err)
	}
	if left, err := os.ReadDir(filepath.Join(dir, uploads)); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	var keys []string
	for key, err := range b.List(t.Context(), "") {
		keys = append(keys, key)
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(keys) != 1 || keys[0] != "before" {
		t.Errorf("keys %q", keys)
	}
}

// TestCancelWhileUploading leaves nothing either.
func TestCancelWhileUploading(t *testing.T) {
	dir := t.TempDir()
	srv := startChild(t, dir)
	b := open(t, srv.Server, "")
	ctx, cancel := context.WithCancel(t.Context())
	rest, result := upload(t, ctx, dir, b, "big/one")
	cancel()
	close(rest)
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
	for {
		if left, err := os.ReadDir(filepath.Join(dir, uploads)); err != nil {
			t.Fatal(err)
		} else if len(left) == 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if _, err := b.Stat(t.Context(), "big/one"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("half an object: %v", err)
	}
}

// TestSecondProcess says who holds the folder.
func TestSecondProcess(t *testing.T) {
	dir := t.TempDir()
	srv := startChild(t, dir)
	_, err := Start(t.Context(), dir)
	storetest.WantError(t, err, store.Transient, "folder of its own")
	if want := fmt.Sprintf("process %d is using this store", srv.cmd.Process.Pid); !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
	srv.kill(t)
	start(t, dir)
}
