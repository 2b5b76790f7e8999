package input

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/store"
)

// A file's digest is that of its bytes, whether it is read or remembered, and one that
// changed is read again.
func TestDigestOf(t *testing.T) {
	memory, file := t.TempDir(), filepath.Join(t.TempDir(), "program")
	for _, content := range []string{"one", "two, another"} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			later := time.Now().Add(time.Hour) // the file is old enough to be remembered
			if d, err := DigestOf(memory, file, later); err != nil || d != store.DigestOf([]byte(content)) {
				t.Errorf("%s, %v", d, err)
			}
		}
	}
	if _, err := DigestOf("", filepath.Join(memory, "none"), time.Now()); err == nil {
		t.Error("of no file")
	}
}
