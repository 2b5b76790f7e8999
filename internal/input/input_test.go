package input

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
)

// A counted file system counts files that are opened.
type counted struct {
	fs.FS
	opens atomic.Int64
}

func (c *counted) Open(name string) (fs.File, error) {
	if name != "." {
		c.opens.Add(1)
	}
	return c.FS.Open(name)
}

// A desk is a folder of two files and the memory of it.
type desk struct {
	t           *testing.T
	folder, dir string
	now         time.Time
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	if _, known := stateOf(fileInfo(t, ".")); !known {
		t.Skip("this system does not tell when a file changed")
	}
	d := &desk{t: t, folder: t.TempDir(), dir: filepath.Join(t.TempDir(), "cache", "inputs"), now: time.Now().Add(time.Hour)}
	d.write("a", "one")
	d.write("b", "two")
	return d
}

func fileInfo(t *testing.T, path string) fs.FileInfo {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func (d *desk) write(name, text string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.folder, name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// reads takes the digest of the folder, as it says, and how many files that opened.
func (d *desk) reads(want map[string]string) int64 {
	d.t.Helper()
	m := open(d.dir, d.folder, d.now)
	fsys := &counted{FS: os.DirFS(d.folder)}
	tree, err := store.Intake{Known: m}.Digest(d.t.Context(), fsys)
	if err != nil {
		d.t.Fatal(err)
	}
	m.save(true)
	got := map[string]store.Digest{}
	for _, f := range tree.Files(".") {
		got[f.Path] = f.Digest
	}
	for name, text := range want {
		if got[name] != store.DigestOf([]byte(text)) {
			d.t.Errorf("%s: not the digest of %q", name, text)
		}
	}
	if len(got) != len(want) {
		d.t.Errorf("%d files, want %d", len(got), len(want))
	}
	return fsys.opens.Load()
}

func replace(t *testing.T, s, old, with string) string {
	t.Helper()
	if !strings.Contains(s, old) {
		t.Fatalf("%q is not in %s", old, s)
	}
	return strings.Replace(s, old, with, 1)
}

func (d *desk) file() string {
	d.t.Helper()
	files, err := filepath.Glob(filepath.Join(d.dir, "*"))
	if err != nil || len(files) != 1 {
		d.t.Fatalf("memories %q, %v, want one", files, err)
	}
	return files[0]
}

func TestUnchangedFilesAreNotRead(t *testing.T) {
	d := newDesk(t)
	two := map[string]string{"a": "one", "b": "two"}
	for i, want := range []int64{2, 0, 0} {
		if n := d.reads(two); n != want {
			t.Errorf("run %d read %d files, want %d", i, n, want)
		}
	}
	d.write("c", "three")
	if n := d.reads(map[string]string{"a": "one", "b": "two", "c": "three"}); n != 1 {
		t.Errorf("with a new file, %d were read", n)
	}
	if err := os.Remove(filepath.Join(d.folder, "c")); err != nil {
		t.Fatal(err)
	}
	if n := d.reads(two); n != 0 {
		t.Errorf("without it, %d were read", n)
	}
	if info := fileInfo(t, d.file()); info.Mode().Perm() != 0o600 {
		t.Errorf("the memory can be read by others: %v", info.Mode())
	}
}

// TestAChangeIsSeen whatever is done to hide it.
func TestAChangeIsSeen(t *testing.T) {
	for name, change := range map[string]func(d *desk, path string, before fs.FileInfo){
		"another size":                   func(d *desk, _ string, _ fs.FileInfo) { d.write("a", "longer") },
		"the same size, at another time": func(d *desk, _ string, _ fs.FileInfo) { d.write("a", "ONE") },
		"the time set back": func(d *desk, path string, before fs.FileInfo) {
			d.write("a", "ONE")
			if err := os.Chtimes(path, before.ModTime(), before.ModTime()); err != nil {
				d.t.Fatal(err)
			}
		},
		"another file in its place, the time set back": func(d *desk, path string, before fs.FileInfo) {
			d.write(".new", "ONE")
			fresh := filepath.Join(d.folder, ".new")
			if err := os.Chtimes(fresh, before.ModTime(), before.ModTime()); err != nil {
				d.t.Fatal(err)
			}
			if err := os.Rename(fresh, path); err != nil {
				d.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.reads(map[string]string{"a": "one", "b": "two"})
			path := filepath.Join(d.folder, "a")
			before := fileInfo(t, path)
			for state, _ := stateOf(before); ; { // a clock may be as coarse as 4 ms
				change(d, path, before)
				if now, _ := stateOf(fileInfo(t, path)); now != state {
					break
				}
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if n := d.reads(map[string]string{"a": string(text), "b": "two"}); n != 1 {
				t.Errorf("%d files were read, want 1", n)
			}
		})
	}
}

// TestAFileThatChangedJustNow is read again: a change in the same tick of a coarse
// clock could not be told.
func TestAFileThatChangedJustNow(t *testing.T) {
	d := newDesk(t)
	two := map[string]string{"a": "one", "b": "two"}
	changed, _ := stateOf(fileInfo(t, filepath.Join(d.folder, "b"))) // the later one
	old := time.Unix(0, changed.Modified).Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(d.folder, "a"), old, old); err != nil { // its change is no older
		t.Fatal(err)
	}
	d.now = time.Unix(0, changed.Changed).Add(racy - time.Millisecond)
	for range 2 {
		if n := d.reads(two); n != 2 {
			t.Errorf("%d files were read, want 2", n)
		}
	}
	d.now = d.now.Add(time.Hour)
	for _, want := range []int64{2, 0} {
		if n := d.reads(two); n != want {
			t.Errorf("an hour later %d files were read, want %d", n, want)
		}
	}
}

// TestADamagedMemoryKnowsNothing, nor does that of another folder, or one that
// cannot be written.
func TestADamagedMemoryKnowsNothing(t *testing.T) {
	two := map[string]string{"a": "one", "b": "two"}
	for name, damage := range map[string]func(data []byte) []byte{
		"empty":       func([]byte) []byte { return nil },
		"cut in half": func(data []byte) []byte { return data[:len(data)/2] },
		"another digest": func(data []byte) []byte {
			return []byte(replace(t, string(data), string(store.DigestOf([]byte("one"))), string(store.DigestOf([]byte("ONE")))))
		},
		"a later format": func(data []byte) []byte {
			_, body, _ := strings.Cut(string(data), "\n")
			body = replace(t, body, `"format":1`, `"format":2`)
			return []byte(string(store.DigestOf([]byte(body))) + "\n" + body)
		},
		"another folder's": func(data []byte) []byte {
			_, body, _ := strings.Cut(string(data), "\n")
			body = replace(t, body, `"folder":"`, `"folder":"/elsewhere`)
			return []byte(string(store.DigestOf([]byte(body))) + "\n" + body)
		},
	} {
		d := newDesk(t)
		d.reads(two)
		data, err := os.ReadFile(d.file())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(d.file(), damage(slices.Clone(data)), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, want := range []int64{2, 0} {
			if n := d.reads(two); n != want {
				t.Errorf("%s: %d files were read, want %d", name, n, want)
			}
		}
	}
	d := newDesk(t)
	d.dir = filepath.Join(d.folder, "a", "no folder")
	if n := d.reads(two); n != 2 {
		t.Errorf("without a place: %d files were read", n)
	}
}

// TestAnUnfinishedIntakeKeepsWhatIsKnown of files that it did not come to.
func TestAnUnfinishedIntakeKeepsWhatIsKnown(t *testing.T) {
	d := newDesk(t)
	two := map[string]string{"a": "one", "b": "two"}
	d.reads(two)
	m := open(d.dir, d.folder, d.now)
	m.differs = true
	m.save(false)
	if n := d.reads(two); n != 0 {
		t.Errorf("%d files were read, want none", n)
	}
}

func TestMemoriesThatNobodyUsesAreRemoved(t *testing.T) {
	d := newDesk(t)
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, age := range map[string]time.Duration{"old.json": forgotten + time.Hour, "recent.json": forgotten - time.Hour} {
		path := filepath.Join(d.dir, name)
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chtimes(path, d.now.Add(-age), d.now.Add(-age))); err != nil {
			t.Fatal(err)
		}
	}
	d.reads(map[string]string{"a": "one", "b": "two"})
	entries, err := os.ReadDir(d.dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("%v, %v", entries, err)
	}
}

// A log keeps events.
type log struct {
	mu     sync.Mutex
	events []progress.Event
}

func (l *log) Emit(e progress.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
}

// TestInputsGoInAndAreTold by name, first read and then stored, from nothing to
// the end; again they cost a look each.
func TestInputsGoInAndAreTold(t *testing.T) {
	d, l := newDesk(t), &log{}
	other := t.TempDir()
	for i := range 100 {
		if err := os.WriteFile(filepath.Join(other, fmt.Sprint(i)), fmt.Append(nil, i), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in := Inputs{Folders: map[string]string{"desk": d.folder, "other": other}, Memory: d.dir, Now: func() time.Time { return d.now }, Events: l}
	st := store.New(store.NewMem())
	trees, err := in.Put(t.Context(), st, false)
	if err != nil || trees["desk"].Files != 2 || trees["other"].Files != 100 {
		t.Fatalf("%+v, %v", trees, err)
	}
	var got []string
	for _, e := range l.events {
		got = append(got, fmt.Sprint(e.Type, " ", e.Input, " ", e.Done, "/", e.Total))
	}
	want := []string{
		"input-read desk 0/2", "input-read desk 2/2", "input-stored desk 0/2", "input-stored desk 2/2",
		"input-read other 0/100", "input-read other 100/100", "input-stored other 0/100", "input-stored other 100/100",
	}
	if !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
	in.Events = nil
	again, err := in.Put(t.Context(), st, false)
	if err != nil || again["desk"] != trees["desk"] || again["other"] != trees["other"] {
		t.Errorf("again: %+v, %v", again, err)
	}
	files, err := in.Digest(t.Context())
	if err != nil || files["other"].Digest() != trees["other"].Digest || files["other"].Bytes() != 190 {
		t.Errorf("digests alone: %+v, %v", files, err)
	}
}

func TestAnUnreadableInputIsConfiguration(t *testing.T) {
	in := Inputs{Folders: map[string]string{"x": filepath.Join(t.TempDir(), "absent")}, Now: time.Now}
	_, err := in.Digest(t.Context())
	if fault.Code(err) != fault.Config || fault.Hint(err) == "" {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d := newDesk(t)
	in.Folders["x"] = d.folder
	if _, err := in.Digest(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}
