package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
)

func begun(t *testing.T, dir string, id store.RunID) *Journal {
	t.Helper()
	j, err := Begin(dir, "default", id, func() time.Time { return time.Unix(1000, 0) })
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func read(t *testing.T, dir string, id store.RunID) (said []string) {
	t.Helper()
	if err := Read(dir, "default", id, func(l Line) error {
		if l.Event != nil {
			l.Text = l.Event.State
		}
		said = append(said, l.Text)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return said
}

func TestJournal(t *testing.T) {
	dir := t.TempDir()
	j := begun(t, dir, "x-1")
	j.Emit(progress.Event{Type: progress.StepState, State: progress.Running})
	j.Emit(progress.Event{Type: progress.Progress, State: "no"})
	fmt.Fprintf(j, "a \"line\"\n")
	if got := read(t, dir, "x-1"); !slices.Equal(got, []string{"Running", `a "line"`}) { // while it goes on
		t.Errorf("%q", got)
	}
	j.Close()
	info, err := os.Stat(path(dir, "default", "x-1"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	// A process that was killed may have written half a line.
	file, err := os.OpenFile(path(dir, "default", "x-1"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(file, `{"at":"2026`)
	file.Close()
	if got := read(t, dir, "x-1"); len(got) != 2 {
		t.Errorf("%q", got)
	}
	if err := Read(dir, "default", "x-2", nil); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "x-2") {
		t.Error(err)
	}
	var none *Journal
	none.Emit(progress.Event{Type: progress.StepState})
	none.Close()
}

// The folder does not grow without end, nor does a file.
func TestBounds(t *testing.T) {
	dir := t.TempDir()
	for n := range Kept + 5 {
		id := store.RunID(fmt.Sprintf("x-%02d", n))
		begun(t, dir, id).Close()
		at := time.Unix(int64(1000+n), 0)
		if err := os.Chtimes(path(dir, "default", id), at, at); err != nil {
			t.Fatal(err)
		}
	}
	j := begun(t, dir, "last-1")
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != Kept || entries[0].Name() != "default.last-1.jsonl" || entries[1].Name() != "default.x-06.jsonl" {
		t.Fatalf("%d journals, %v, %v", len(entries), entries[:2], err)
	}
	long := strings.Repeat("x", 1<<20)
	for range 20 {
		fmt.Fprintln(j, long)
	}
	fmt.Fprintln(j, "short")
	j.Emit(progress.Event{Type: progress.RunEnded, State: progress.Failed}) // which is what people look for
	j.Close()
	got := read(t, dir, "last-1")
	if len(got) != 18 || got[15] != long || got[16] != "… jobs said more than 16 MiB; the rest is left out" || got[17] != progress.Failed {
		t.Errorf("%d lines, the last %.80q", len(got), got[len(got)-2:])
	}
}

// Runs of one name in two stores are two.
func TestStores(t *testing.T) {
	dir := t.TempDir()
	for _, profile := range []string{"default", "minio"} {
		j, err := Begin(dir, profile, "x-1", time.Now)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(j, profile)
		j.Close()
	}
	if got := read(t, dir, "x-1"); !slices.Equal(got, []string{"default"}) {
		t.Errorf("%q", got)
	}
}
