package folder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/store/storetest"
)

func opened(t testing.TB, dir string) *Bucket {
	t.Helper()
	b, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return b
}

func names(t testing.TB, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestSuite(t *testing.T) {
	dir := storetest.Dir(t)
	var n int
	next := func(t testing.TB) *Bucket { n++; return opened(t, filepath.Join(dir, fmt.Sprint(n))) }
	storetest.Run(t, func(t testing.TB) store.Bucket { return next(t) }, 64<<20)
	for i := range n {
		if left := names(t, filepath.Join(dir, fmt.Sprint(i+1), uploads)); len(left) > 0 {
			t.Errorf("left in uploads: %q", left)
		}
	}
}

// TestWithoutLinks creates records where the file system has no hard links.
func TestWithoutLinks(t *testing.T) {
	b := opened(t, t.TempDir())
	b.link = func(from, to string) error {
		return &os.LinkError{Op: "linkat", Old: from, New: to, Err: syscall.EPERM}
	}
	if err := errors.Join(b.Create(t.Context(), "a/b", []byte("first")), b.Put(t.Context(), "a/c", strings.NewReader("put"), 3)); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a/b", "a/c"} {
		if err := b.Create(t.Context(), key, []byte("second")); !errors.Is(err, store.ErrExists) {
			t.Errorf("create %s again: %v", key, err)
		}
	}
	if file, err := os.ReadFile(filepath.Join(b.dir, "objects/a/b")); err != nil || string(file) != "first" {
		t.Errorf("the object's file: %q, %v", file, err)
	}
	if left := names(t, filepath.Join(b.dir, uploads)); len(left) > 0 {
		t.Errorf("left in uploads: %q", left)
	}
}

func BenchmarkWrite(b *testing.B) { storetest.Bench(b, opened(b, b.TempDir())) }

func TestOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", ".gymline")
	if _, err := OpenReadOnly(dir); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("read-only where nothing is: %v", err)
	}
	if _, err := os.Stat(filepath.Dir(dir)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("looking made a folder: %v", err)
	}
	b := opened(t, dir)
	if err := b.Create(t.Context(), "runs/a-1/run.json", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(dir, "objects/runs/a-1/run.json"))
	if err != nil || string(file) != "{}" {
		t.Errorf("the object's file: %q, %v", file, err)
	}
	for name, want := range map[string]fs.FileMode{"": 0o700, "objects": 0o700, "objects/runs/a-1": 0o700, "uploads": 0o700, "objects/runs/a-1/run.json": 0o600} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%q: %v, %v, want %v", name, info.Mode().Perm(), err, want)
		}
	}
	r, err := OpenReadOnly(dir) // beside a writer
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if size, err := r.Stat(t.Context(), "runs/a-1/run.json"); err != nil || size != 2 {
		t.Errorf("stat: %d, %v", size, err)
	}
	storetest.WantError(t, r.Create(t.Context(), "b", nil), store.Refused, "")
	storetest.WantError(t, r.Put(t.Context(), "b", strings.NewReader(""), 0), store.Refused, "")
}

func TestUnusable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below"), filepath.Join(file, "below", "that")} {
		_, err := Open(dir)
		storetest.WantError(t, err, store.Misconfigured, "give a folder in place of")
	}
	b := opened(t, t.TempDir())
	for _, key := range []string{"", ".", "..", "../up", "/abs", "a//b", "a/", "a/./b"} {
		storetest.WantError(t, b.Create(t.Context(), key, nil), store.Refused, "")
		_, err := b.Stat(t.Context(), key)
		storetest.WantError(t, err, store.Refused, "")
	}
	// A link in the folder leads nowhere outside of it.
	if err := os.Symlink(filepath.Dir(file), filepath.Join(b.dir, objects, "out")); err != nil {
		t.Fatal(err)
	}
	if err := b.Create(t.Context(), "out/created", nil); err == nil {
		t.Error("an object lies outside the folder")
	}
	if got := names(t, filepath.Dir(file)); !slices.Equal(got, []string{"file"}) {
		t.Errorf("files outside the folder: %q", got)
	}
}

// TestRemedies says what to do about what file systems say.
func TestRemedies(t *testing.T) {
	b := opened(t, t.TempDir())
	for errno, want := range map[error]struct {
		kind store.Kind
		fix  string
	}{
		syscall.ENOSPC:       {store.Transient, "free space"},
		syscall.EDQUOT:       {store.Transient, "free space"},
		syscall.EACCES:       {store.Misconfigured, "permissions"},
		syscall.EROFS:        {store.Misconfigured, "permissions"},
		syscall.EXDEV:        {store.Misconfigured, "one file system"},
		syscall.EMFILE:       {store.Transient, "ulimit"},
		syscall.EIO:          {store.Transient, "look at the disk"},
		syscall.ENOENT:       {store.Transient, "in place while it is in use"},
		syscall.ENAMETOOLONG: {store.Refused, ""},
	} {
		b.link = func(from, to string) error {
			return &os.LinkError{Op: "linkat", Old: from, New: to, Err: errno.(syscall.Errno)}
		}
		err := b.Create(t.Context(), "k", []byte("x"))
		storetest.WantError(t, err, want.kind, want.fix)
		if !errors.Is(err, errno) {
			t.Errorf("%v hides %v", err, errno)
		}
	}
	if left := names(t, filepath.Join(b.dir, uploads)); len(left) > 0 {
		t.Errorf("left in uploads: %q", left)
	}
	storetest.WantError(t, b.failure(t.Context(), "create", "k", errLinkless), store.Misconfigured, "hard links")
}

// TestPermissions holds for users that permissions bind.
func TestPermissions(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("permissions do not bind root; TestRemedies knows the error")
	}
	dir := t.TempDir()
	opened(t, dir)
	if err := os.Chmod(filepath.Join(dir, objects), 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(filepath.Join(dir, objects), 0o700)
	storetest.WantError(t, opened(t, dir).Create(t.Context(), "a/b", nil), store.Misconfigured, "permissions")
}

func TestFullDisk(t *testing.T) {
	dir := storetest.SmallDisk(t, 32<<20)
	storetest.FullDisk(t, opened(t, dir))
	if left := names(t, filepath.Join(dir, uploads)); len(left) > 0 {
		t.Errorf("left in uploads: %q", left)
	}
}

// TestCancelWhileWriting leaves nothing.
func TestCancelWhileWriting(t *testing.T) {
	b := opened(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	body := &cancelling{bytes.NewReader(make([]byte, 1<<20)), cancel}
	if err := b.Put(ctx, "big/one", body, 1<<20); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
	if _, err := b.Stat(t.Context(), "big/one"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("half an object: %v", err)
	}
	if left := names(t, filepath.Join(b.dir, uploads)); len(left) > 0 {
		t.Errorf("left in uploads: %q", left)
	}
}

// cancelling is a body whose context ends while it is read.
type cancelling struct {
	*bytes.Reader
	cancel func()
}

func (c *cancelling) Read(p []byte) (int, error) {
	c.cancel()
	return c.Reader.Read(p[:min(len(p), 1000)])
}

// TestSweep removes what nobody has written to for a day, and nothing else.
func TestSweep(t *testing.T) {
	b, now := opened(t, t.TempDir()), time.Now()
	if err := b.Create(t.Context(), "a", []byte("1")); err != nil {
		t.Fatal(err)
	}
	for name, age := range map[string]time.Duration{"young": time.Minute, "day": 23 * time.Hour, "old": 25 * time.Hour, "ahead": -time.Hour} {
		file := filepath.Join(b.dir, uploads, name)
		if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Chtimes(file, time.Time{}, now.Add(-age))); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Sweep(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	if got := names(t, filepath.Join(b.dir, uploads)); !slices.Equal(got, []string{"ahead", "day", "young"}) {
		t.Errorf("after a sweep: %q", got)
	}
	if _, err := b.Stat(t.Context(), "a"); err != nil {
		t.Error(err)
	}
}
