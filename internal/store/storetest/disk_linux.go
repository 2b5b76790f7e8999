package storetest

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// enough is how much memory a test's data may take, in bytes.
const enough = 2 << 30

// Dir returns a folder for a server's data until the test ends: in memory where
// there is enough, because servers sync every object and the suite stores
// 10,000, else on disk.
func Dir(t testing.TB) string {
	t.Helper()
	const memory = "/dev/shm"
	var fs unix.Statfs_t
	if unix.Statfs(memory, &fs) != nil || fs.Type != unix.TMPFS_MAGIC || fs.Bavail*uint64(fs.Bsize) < enough {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(memory, "gymline-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// SmallDisk mounts a file system of that many bytes until the test ends, or
// skips where that is not permitted.
func SmallDisk(t testing.TB, size int64) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		t.Skipf("no small disk to fill: mounting one needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return dir
}
