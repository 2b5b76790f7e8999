// Package golden compares what a test makes with a file, which go test -update rewrites.
package golden

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

// Update is set where files are to be rewritten: look at their diff.
var Update = flag.Bool("update", false, "rewrite golden files and fixtures")

// Check compares got with a file.
func Check(t testing.TB, file string, got []byte) {
	t.Helper()
	Write(t, file, got)
	want, err := os.ReadFile(file)
	if err != nil {
		t.Error(err)
	} else if !bytes.Equal(got, want) {
		t.Errorf("%s differs: run go test -update and read the diff\n%s", file, got)
	}
}

// Write rewrites a file if -update is set.
func Write(t testing.TB, file string, got []byte) {
	t.Helper()
	if !*Update {
		return
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, got, 0o644); err != nil {
		t.Fatal(err)
	}
}
