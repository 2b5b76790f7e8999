package input

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gymline/gymline/internal/store"
)

// TestNamesThatAreNoText: the store cannot hold such a name, and what to do is said in
// a text that every terminal takes.
func TestNamesThatAreNoText(t *testing.T) {
	for _, name := range []string{"caf\xe9.json", "caf\xe9/a.json"} {
		dir := t.TempDir()
		path := filepath.Join(dir, name)
		if err := cmp.Or(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600)); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skipf("this file system takes no such name: %v", err)
		}
		in := Inputs{Folders: map[string]string{"s": dir}, Now: time.Now}
		_, digestErr := in.Digest(t.Context())
		_, putErr := in.Put(t.Context(), store.New(store.NewMem()), false)
		for _, err := range []error{digestErr, putErr} {
			if err == nil || !utf8.ValidString(err.Error()) || !strings.Contains(err.Error(), `input s: the name "caf\xe9`) || !strings.Contains(err.Error(), "is not UTF-8 text: rename it") {
				t.Errorf("%q: %v", name, err)
			}
		}
	}
}

// TestHiddenFilesAreTold: they are left out, and somebody hears of it.
func TestHiddenFilesAreTold(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.json", ".b.json", ".git/config", "c/._d.json", ".caf\xe9"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil && utf8.ValidString(name) {
			t.Fatal(err)
		}
	}
	var heard []string
	in := Inputs{Folders: map[string]string{"s": dir}, Now: time.Now, LeftOut: func(name, path string) { heard = append(heard, name+"/"+path) }}
	trees, err := in.Digest(t.Context())
	if err != nil || len(trees["s"].Files(".")) != 1 {
		t.Fatal(trees, err)
	}
	heard = slices.DeleteFunc(heard, func(s string) bool { return !utf8.ValidString(s) })
	if want := []string{"s/.b.json", "s/.git", "s/c/._d.json"}; !slices.Equal(heard, want) {
		t.Errorf("heard of %q, want %q", heard, want)
	}
}
