package store_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gymline/gymline/internal/store"
)

// randomFolder has a few hundred files, some alike, and names that sort another
// way than folders are walked.
func randomFolder(r *rand.Rand) fstest.MapFS {
	fsys, names := fstest.MapFS{}, []string{"a", "a-b", "a.b", "a0", "b", "ü", "z z"}
	for range r.IntN(300) {
		p := fmt.Sprint(names[r.IntN(len(names))], ".", r.IntN(50))
		for range r.IntN(3) {
			p = path.Join(names[r.IntN(len(names))], p)
		}
		fsys[p] = &fstest.MapFile{Data: bytes.Repeat([]byte{byte(r.IntN(5))}, r.IntN(3000))}
	}
	return fsys
}

// oneByOne is the tree of a folder as FORMAT.md has it.
func oneByOne(t *testing.T, fsys fstest.MapFS) (list []store.TreeFile, d store.Digest) {
	t.Helper()
	for _, p := range slices.Sorted(maps.Keys(fsys)) {
		list = append(list, store.TreeFile{Path: p, Digest: store.DigestOf(fsys[p].Data), Bytes: int64(len(fsys[p].Data))})
	}
	data, err := json.MarshalIndent(list, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return list, store.DigestOf(append(data, '\n'))
}

// TestTreesAreThoseOfOneByOne: side by side or not, a folder has one tree; it is
// stored whole, and told to its end.
func TestTreesAreThoseOfOneByOne(t *testing.T) {
	for seed := range uint64(20) {
		fsys := randomFolder(rand.New(rand.NewPCG(seed, 0)))
		if seed == 0 {
			clear(fsys)
		} else {
			fsys["x/only"] = &fstest.MapFile{Data: []byte("x")}
		}
		list, want := oneByOne(t, fsys)
		var told atomic.Int64
		s := store.New(store.NewMem())
		tree, err := s.PutTree(t.Context(), fsys, store.Intake{Told: func(storing bool, done, all int) {
			if !storing && done == all {
				told.Store(int64(all))
			}
		}})
		if err != nil || tree.Digest != want || tree.Files != len(list) {
			t.Fatalf("seed %d: %+v, %v, want %s of %d files", seed, tree, err, want, len(list))
		}
		if told.Load() != int64(len(list)) {
			t.Errorf("seed %d: it was told of %d files, want %d", seed, told.Load(), len(list))
		}
		files, err := s.OpenTree(t.Context(), want)
		if err != nil || !slices.Equal(files.Files("."), list) {
			t.Fatalf("seed %d: %+v, %v", seed, files, err)
		}
		for p, f := range fsys {
			if data, err := files.ReadFile(t.Context(), p); err != nil || !bytes.Equal(data, f.Data) {
				t.Errorf("seed %d: %s: %d bytes, %v", seed, p, len(data), err)
			}
		}
		for _, dir := range []string{"a", "a-b", "a/a-b", "b", "ü", "x/only", "x", "none", "a.b/a"} {
			var below, right []string
			for _, f := range list {
				if f.Path == dir || strings.HasPrefix(f.Path, dir+"/") {
					below = append(below, f.Path)
				}
				if path.Dir(f.Path) == dir {
					right = append(right, f.Path)
				}
			}
			var got []string
			for _, f := range files.Files(dir) {
				got = append(got, f.Path)
			}
			if !slices.Equal(got, below) || !slices.Equal(files.List(dir+"/"), right) {
				t.Errorf("seed %d: below %q: %q, want %q; right in it: %q, want %q", seed, dir, got, below, files.List(dir), right)
			}
		}
	}
}

// A hostileFS cannot open some files, and changes one while it is taken in.
type hostileFS struct {
	fstest.MapFS
	broken map[string]bool
	opens  *atomic.Int64
}

func (h hostileFS) Open(name string) (fs.File, error) {
	if h.opens != nil && path.Ext(name) != "" {
		h.opens.Add(1)
	}
	if h.broken[name] {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return h.MapFS.Open(name)
}

// TestTheFirstErrorByPath is told, whichever file failed first, and nothing is listed.
func TestTheFirstErrorByPath(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 1))
		h := hostileFS{MapFS: fstest.MapFS{}, broken: map[string]bool{}}
		for i := range 200 {
			p := fmt.Sprintf("f/%03d.x", i)
			h.MapFS[p] = &fstest.MapFile{Data: []byte(p)}
			h.broken[p] = r.IntN(20) == 0
		}
		h.broken["f/150.x"] = true
		first := slices.Min(slices.Collect(func(yield func(string) bool) {
			for p, broken := range h.broken {
				if broken && !yield(p) {
					return
				}
			}
		}))
		b := store.NewMem()
		_, err := store.New(b).PutTree(t.Context(), h, store.Intake{})
		if pathErr, ok := errors.AsType[*fs.PathError](err); !ok || pathErr.Path != first {
			t.Errorf("seed %d: %v, want one of %s", seed, err, first)
		}
		for key := range b.List(t.Context(), "") {
			t.Errorf("seed %d: %s is stored", seed, key)
		}
	}
}

func TestACancelledIntake(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	fsys := fstest.MapFS{}
	for i := range 500 {
		fsys[fmt.Sprintf("%03d.x", i)] = &fstest.MapFile{Data: fmt.Append(nil, i)}
	}
	var after atomic.Int64
	_, err := store.New(store.NewMem()).PutTree(ctx, fsys, store.Intake{Told: func(storing bool, done, _ int) {
		if storing && done == 50 {
			cancel()
		}
		if storing {
			after.Store(int64(done))
		}
	}})
	if !errors.Is(err, context.Canceled) || after.Load() > 100 {
		t.Errorf("%v after %d files", err, after.Load())
	}
}

// A countedBucket counts what is asked of it.
type countedBucket struct {
	*store.Mem
	stats, puts atomic.Int64
}

func (b *countedBucket) Stat(ctx context.Context, key string) (int64, error) {
	b.stats.Add(1)
	return b.Mem.Stat(ctx, key)
}

func (b *countedBucket) Put(ctx context.Context, key string, body io.ReadSeeker, size int64) error {
	b.puts.Add(1)
	return b.Mem.Put(ctx, key, body, size)
}

func (b *countedBucket) asked() (stats, puts int64) { return b.stats.Swap(0), b.puts.Swap(0) }

// A memory knows what it was told, and counts as nothing what it was not.
type memory struct {
	mu     sync.Mutex
	files  map[string]store.Digest
	stored store.Digest
}

func (m *memory) Digest(path string, _ fs.FileInfo) (store.Digest, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, ok := m.files[path]
	return d, ok
}

func (m *memory) Keep(path string, before, after fs.FileInfo, d store.Digest) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.files == nil {
		m.files = map[string]store.Digest{}
	}
	m.files[path] = d
}

func (m *memory) Stored() store.Digest      { return m.stored }
func (m *memory) KeepStored(d store.Digest) { m.stored = d }

// TestWhatTheStoreHas costs the reading of the tree where it has that, and a look
// where a file is new; each file is written when that is wanted.
func TestWhatTheStoreHas(t *testing.T) {
	fsys := hostileFS{MapFS: fstest.MapFS{}, opens: new(atomic.Int64)}
	for i := range 300 {
		fsys.MapFS[fmt.Sprintf("%03d.x", i)] = &fstest.MapFile{Data: fmt.Append(nil, i/2)}
	}
	b, known := &countedBucket{Mem: store.NewMem()}, &memory{}
	s := store.New(b)
	put := func(what string, in store.Intake, wantStats, wantPuts, wantOpens int64) {
		t.Helper()
		fsys.opens.Store(0)
		tree, err := s.PutTree(t.Context(), fsys, in)
		if _, want := oneByOne(t, fsys.MapFS); err != nil || tree.Digest != want {
			t.Fatalf("%s: %+v, %v, want %s", what, tree, err, want)
		}
		if stats, puts := b.asked(); stats != wantStats || puts != wantPuts || fsys.opens.Load() != wantOpens {
			t.Errorf("%s: %d looks, %d puts, %d files opened, want %d, %d and %d", what, stats, puts, fsys.opens.Load(), wantStats, wantPuts, wantOpens)
		}
	}
	put("the first time", store.Intake{Known: known}, 150, 150+1, 300+150)
	put("again", store.Intake{Known: known}, 0, 0, 0)
	put("again, by who knows no digests", store.Intake{}, 0, 0, 300)
	put("anew", store.Intake{Known: known, Anew: true}, 0, 150+1, 150)
	fsys.MapFS["new.x"] = &fstest.MapFile{Data: []byte("new")}
	put("with a new file", store.Intake{Known: known}, 1, 1+1, 1+1)
	s = store.New(&countedBucket{Mem: store.NewMem()})
	b = s.Bucket().(*countedBucket)
	put("into another store", store.Intake{Known: known}, 151, 151+1, 151)
}

// changing is a folder with a file that says something else each time it is read.
type changing struct {
	fstest.MapFS
	reads *atomic.Int64
}

func (c changing) Open(name string) (fs.File, error) {
	if name == "b" {
		return fstest.MapFS{"b": {Data: fmt.Append(nil, "version ", c.reads.Add(1))}}.Open("b")
	}
	return c.MapFS.Open(name)
}

// TestAFileThatChangesMeanwhile is stored as it was read last, and so are those
// that were equal to it.
func TestAFileThatChangesMeanwhile(t *testing.T) {
	fsys := changing{fstest.MapFS{"a": {Data: []byte("a")}, "b": {}, "c": {Data: []byte("version 1")}}, new(atomic.Int64)}
	s := store.New(store.NewMem())
	tree, err := s.PutTree(t.Context(), fsys, store.Intake{})
	if err != nil {
		t.Fatal(err)
	}
	files, err := s.OpenTree(t.Context(), tree.Digest)
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]string{"a": "a", "b": "version 2", "c": "version 1"} {
		if data, err := files.ReadFile(t.Context(), p); err != nil || string(data) != want {
			t.Errorf("%s: %q, %v, want %q", p, data, err, want)
		}
	}
}

// A slowBucket answers nobody until so many ask at once.
type slowBucket struct {
	*store.Mem
	mu         sync.Mutex
	open, most int
	want       int
	reached    chan struct{}
}

func (b *slowBucket) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	b.mu.Lock()
	b.open++
	b.most = max(b.most, b.open)
	if b.most == b.want && b.open == b.want {
		close(b.reached)
		b.want = 0
	}
	b.mu.Unlock()
	select {
	case <-b.reached:
	case <-time.After(10 * time.Second): // and then the test fails
	}
	b.mu.Lock()
	b.open--
	b.mu.Unlock()
	return b.Mem.Get(ctx, key)
}

func (b *slowBucket) expect(n int) { b.open, b.most, b.want, b.reached = 0, 0, n, make(chan struct{}) }

// TestReadAhead reads side by side, in order, and holds no more than it may.
func TestReadAhead(t *testing.T) {
	b := &slowBucket{Mem: store.NewMem()}
	b.expect(1)
	s, fsys := store.New(b), fstest.MapFS{}
	for i := range 200 {
		fsys[fmt.Sprintf("small/%03d", i)] = &fstest.MapFile{Data: fmt.Append(nil, "file ", i)}
	}
	for i := range 4 {
		fsys[fmt.Sprint("large/", i)] = &fstest.MapFile{Data: make([]byte, 30<<20)}
	}
	tree, err := s.PutTree(t.Context(), fsys, store.Intake{})
	if err != nil {
		t.Fatal(err)
	}
	files, err := s.OpenTree(t.Context(), tree.Digest)
	if err != nil {
		t.Fatal(err)
	}
	for dir, most := range map[string]int{"small": 32, "large": 2} {
		paths, i := files.List(dir), 0
		b.expect(most)
		for data, err := range files.ReadAhead(t.Context(), paths) {
			if err != nil || !bytes.Equal(data, fsys[paths[i]].Data) {
				t.Fatalf("%s: %d bytes, %v", paths[i], len(data), err)
			}
			i++
		}
		if i != len(paths) || b.most != most {
			t.Errorf("%s: %d of %d files, %d at once, want %d", dir, i, len(paths), b.most, most)
		}
	}
	var got []string
	for data, err := range files.ReadAhead(t.Context(), []string{"small/001", "absent", "small/000"}) {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		got = append(got, string(data))
	}
	if !slices.Equal(got, []string{"file 1", "", "file 0"}) {
		t.Errorf("with an absent file: %q", got)
	}
	for range files.ReadAhead(t.Context(), files.List("small")) {
		break
	}
	if b.open != 0 {
		t.Errorf("%d files are still being read", b.open)
	}
}

// A crowdedBucket knows how many large objects were being put at once.
type crowdedBucket struct {
	*store.Mem
	now, most atomic.Int64
}

func (b *crowdedBucket) Put(ctx context.Context, key string, body io.ReadSeeker, size int64) error {
	if size > 1<<20 {
		n := b.now.Add(1)
		defer b.now.Add(-1)
		for most := b.most.Load(); n > most && !b.most.CompareAndSwap(most, n); most = b.most.Load() {
		}
		time.Sleep(50 * time.Millisecond) // for others to come
	}
	return b.Mem.Put(ctx, key, body, size)
}

// TestLargeFilesGoInAFewAtOnce, so that memory is bounded by their number.
func TestLargeFilesGoInAFewAtOnce(t *testing.T) {
	fsys := fstest.MapFS{}
	for i := range uint64(12) {
		data := make([]byte, 3<<19)
		_, _ = rand.NewChaCha8([32]byte{byte(i)}).Read(data)
		fsys[fmt.Sprint(i)] = &fstest.MapFile{Data: data}
	}
	b := &crowdedBucket{Mem: store.NewMem()}
	if tree, err := store.New(b).PutTree(t.Context(), fsys, store.Intake{}); err != nil || tree.Files != 12 {
		t.Fatalf("%+v, %v", tree, err)
	}
	if n := b.most.Load(); n < 1 || n > 4 {
		t.Errorf("%d at once, want at most 4", n)
	}
}
