//go:build !linux

package storetest

import "testing"

// Dir returns a folder for a server's data until the test ends.
func Dir(t testing.TB) string {
	t.Helper()
	return t.TempDir()
}

// SmallDisk skips: only Linux can mount a small file system for a test.
func SmallDisk(t testing.TB, _ int64) string {
	t.Helper()
	t.Skip("no small disk to fill: only Linux can mount one for a test")
	return ""
}
