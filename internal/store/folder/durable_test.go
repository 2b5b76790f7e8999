package folder

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/store/storetest"
)

// A syncLog keeps what was synced, and whether an object was at its key then.
type syncLog struct {
	top, object string
	synced      []string
	fail        error
	failAt      string
}

func (l *syncLog) sync(f *os.File) error {
	name, err := filepath.Rel(l.top, f.Name())
	if err != nil {
		return err
	}
	if strings.HasPrefix(filepath.Base(filepath.Dir(name)), uploads) {
		name = "file"
	}
	if _, err := os.Stat(l.object); err == nil {
		name += " with"
	}
	l.synced = append(l.synced, name)
	if name == l.failAt {
		return l.fail
	}
	return f.Sync()
}

func (l *syncLog) want(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(l.synced, want) {
		t.Errorf("synced\n got %q\nwant %q", l.synced, want)
	}
	l.synced = nil
}

// TestSynced holds the order that makes a write durable: each folder that is
// made, before anything is put into it; the file, before it has its name; its
// folder, before the call returns.
func TestSynced(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "a", "b")
	log := &syncLog{top: top, object: filepath.Join(dir, objects, "runs/r-1/run.json")}
	opens := func() *Bucket {
		t.Helper()
		b, err := open(dir, log.sync)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.Close() })
		return b
	}
	create := func(b *Bucket, key string, want error) {
		t.Helper()
		if err := b.Create(t.Context(), key, []byte("{}")); !errors.Is(err, want) {
			t.Fatalf("create %s: %v", key, err)
		}
	}
	b := opens()
	log.want(t, ".", "a", "a/b")
	create(b, "runs/r-1/run.json", nil)
	log.want(t, "file", "a/b/objects", "a/b/objects/runs", "a/b/objects/runs/r-1 with")
	create(b, "runs/r-1/seal.json", nil)
	log.want(t, "file with", "a/b/objects/runs/r-1 with")
	if err := b.Put(t.Context(), "runs/r-1/plan.json", strings.NewReader("{}"), 2); err != nil {
		t.Fatal(err)
	}
	log.want(t, "file with", "a/b/objects/runs/r-1 with")

	// What another process made is taken as it is once something lies in it,
	// and synced when not: its maker may not have come to it.
	if err := os.MkdirAll(filepath.Join(dir, objects, "memo/just"), 0o700); err != nil {
		t.Fatal(err)
	}
	b = opens()
	create(b, "runs/r-1/steps.json", nil)
	log.want(t, "file with", "a/b/objects/runs/r-1 with")
	create(b, "memo/just/made.json", nil)
	log.want(t, "file with", "a/b/objects/memo with", "a/b/objects/memo/just with")

	// Also a record of another's is synced before anyone builds on it.
	create(b, "runs/r-1/run.json", store.ErrExists)
	log.want(t, "file with", "a/b/objects/runs/r-1 with")
}

// TestSyncFails gives no object a name whose bytes are not there for good, and
// calls nothing stored that may be lost.
func TestSyncFails(t *testing.T) {
	for failAt, visible := range map[string]bool{"file": false, "objects": false, "objects/k": true} {
		dir := t.TempDir()
		log := &syncLog{top: dir, fail: syscall.EIO, failAt: failAt}
		b, err := open(dir, log.sync)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		storetest.WantError(t, b.Create(t.Context(), "k/1", []byte("x")), store.Transient, "look at the disk")
		if _, err := os.Stat(filepath.Join(dir, "objects/k/1")); errors.Is(err, fs.ErrNotExist) == visible {
			t.Errorf("%s fails: the object's file: %v", failAt, err)
		}
		if left := names(t, filepath.Join(dir, uploads)); len(left) > 0 {
			t.Errorf("%s fails: left in uploads: %q", failAt, left)
		}
	}
}
