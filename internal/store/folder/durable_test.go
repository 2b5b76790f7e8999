package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
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

// TestSyncedTogether holds the order that makes many objects durable: their bytes, at
// once, before any has its name; and their names, at once, before the call returns.
func TestSyncedTogether(t *testing.T) {
	var objects []store.Object
	for i := range 100 {
		objects = append(objects, store.Object{Key: fmt.Sprintf("blobs/%d/b", i%7) + fmt.Sprint(i), Body: fmt.Append(nil, i)})
	}
	for name, tt := range map[string]struct {
		fails error
		at    int    // the wait that fails, from 1
		waits string // how many objects are there at each wait
		there int    // at the end
	}{
		"well":              {waits: "[0 100]", there: 100},
		"bytes are lost":    {fails: syscall.EIO, at: 1, waits: "[0]", there: 0},
		"names may be lost": {fails: syscall.EIO, at: 2, waits: "[0 100]", there: 100},
		"one by one":        {fails: syscall.ENOSYS, at: 1, waits: "[0]", there: 100},
	} {
		t.Run(name, func(t *testing.T) {
			b := opened(t, t.TempDir())
			there := func() (n int) {
				for _, err := range b.List(t.Context(), "blobs/") {
					if err != nil {
						t.Fatal(err)
					}
					n++
				}
				return n
			}
			var waits []int
			var files atomic.Int64
			b.syncAll = func(*os.File) error {
				if waits = append(waits, there()); len(waits) == tt.at {
					return tt.fails
				}
				return nil
			}
			b.fsync = func(f *os.File) error {
				if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
					files.Add(1)
				}
				return f.Sync()
			}
			err := b.PutAll(t.Context(), objects)
			if got := fmt.Sprint(waits); got != tt.waits || there() != tt.there {
				t.Errorf("at the waits %s objects were there, want %s; at the end %d, want %d", got, tt.waits, there(), tt.there)
			}
			if lost := tt.fails == syscall.EIO; lost {
				storetest.WantError(t, err, store.Transient, "look at the disk")
			} else if err != nil {
				t.Error(err)
			}
			if each := files.Load() == int64(len(objects)); each != (tt.fails == syscall.ENOSYS) {
				t.Errorf("%d files were synced one by one", files.Load())
			}
			if left := names(t, filepath.Join(b.dir, uploads)); len(left) > 0 {
				t.Errorf("left in uploads: %q", left)
			}
		})
	}
}
