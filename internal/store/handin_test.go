package store_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/store/storetest"
)

// A part of a bucket is a bucket.
func TestAHandInIsAStore(t *testing.T) {
	storetest.Run(t, func(t testing.TB) store.Bucket {
		return handIn(t, store.New(store.NewMem())).Bucket()
	}, 0)
}

func handIn(t testing.TB, s *store.Store) *store.Store {
	t.Helper()
	in, err := s.HandIn("run-1", "agent")
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// What is handed in lies below its own prefix alone, and no name leads out of it.
func TestAHandInStaysInItsPlace(t *testing.T) {
	b := store.NewMem()
	s := store.New(b)
	tree, err := handIn(t, s).PutTree(t.Context(), fstest.MapFS{"model.gguf": {Data: []byte("GGUF")}}, store.Intake{Anew: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := handIn(t, s).PutCheckpoint(t.Context(), store.Checkpoint{Run: "run-1", Name: "agent", Tree: tree}); err != nil {
		t.Fatal(err)
	}
	n := 0
	for key := range b.List(t.Context(), "") {
		if n++; !strings.HasPrefix(key, "handin/run-1/agent/") {
			t.Errorf("it wrote %s", key)
		}
	}
	if _, err := s.ReadCheckpoint(t.Context(), "run-1", "agent"); n != 3 || !errors.Is(err, store.ErrNotFound) {
		t.Errorf("%d objects, %v", n, err)
	}
	for _, name := range []string{"", "..", "a/b", "../agent"} {
		if _, err := s.HandIn("run-1", name); err == nil {
			t.Errorf("%q is a hand-in", name)
		}
		if _, err := s.HandIn(store.RunID(name), "agent"); err == nil {
			t.Errorf("a run %q has one", name)
		}
	}
}

// What is adopted is what was handed in, as a tree, as a folder and taken in again.
func TestAdopt(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		folder := randomFolder(r)
		s := store.New(store.NewMem())
		in := handIn(t, s)
		tree, err := in.PutTree(t.Context(), folder, store.Intake{Anew: true})
		if err != nil {
			t.Fatal(err)
		}
		given, err := in.OpenTree(t.Context(), tree.Digest)
		if err != nil {
			t.Fatal(err)
		}
		adopted, err := s.Adopt(t.Context(), given)
		if err != nil {
			t.Fatal(err)
		}
		fsys := adopted.FS(t.Context())
		var names []string
		for _, f := range adopted.Files(".") {
			names = append(names, f.Path)
		}
		if err := fstest.TestFS(fsys, names...); err != nil {
			t.Error(err)
		}
		again, err := s.PutTree(t.Context(), fsys, store.Intake{Known: adopted.Known()})
		if err != nil || again != tree {
			t.Errorf("%+v, %v, want %+v", again, err, tree)
		}
	}
}

// Nothing that a hand-in says of itself is believed.
func TestALyingHandIn(t *testing.T) {
	ctx := t.Context()
	good := store.DigestOf([]byte("data"))
	for name, c := range map[string]struct{ list, want string }{
		"up":       {`[{"path":"../a","digest":"` + string(good) + `","bytes":4}]`, `"../a"`},
		"absolute": {`[{"path":"/a","digest":"` + string(good) + `","bytes":4}]`, `"/a"`},
		"digest":   {`[{"path":"a","digest":"../../x","bytes":4}]`, `"a"`},
		"twice":    {`[{"path":"a","digest":"` + string(good) + `","bytes":4},{"path":"a","digest":"` + string(good) + `","bytes":4}]`, "out of its place"},
		"larger":   {`[{"path":"a","digest":"` + string(good) + `","bytes":5}]`, "not of the 5 bytes"},
		"smaller":  {`[{"path":"a","digest":"` + string(good) + `","bytes":3}]`, "not of the 3 bytes"},
		"negative": {`[{"path":"a","digest":"` + string(good) + `","bytes":-1}]`, `"a"`},
		"other":    {`[{"path":"a","digest":"` + string(store.DigestOf([]byte("another"))) + `","bytes":4}]`, "a: "},
		"absent":   {`[{"path":"a","digest":"` + string(store.DigestOf([]byte("absent"))) + `","bytes":4}]`, "a: "},
	} {
		s := store.New(store.NewMem())
		in := handIn(t, s)
		if _, err := in.PutBlob(ctx, []byte("data")); err != nil {
			t.Fatal(err)
		}
		if err := misplace(ctx, in, store.DigestOf([]byte("another")), good); err != nil {
			t.Fatal(err)
		}
		d, err := in.PutBlob(ctx, []byte(c.list))
		if err != nil {
			t.Fatal(err)
		}
		tree, err := in.OpenTree(ctx, d)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Adopt(ctx, tree); err == nil || !strings.Contains(err.Error(), c.want) || !errors.Is(err, store.ErrCorrupt) && !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
		for _, d := range []store.Digest{good, store.DigestOf([]byte("another"))} {
			if there, err := s.HasBlob(ctx, d); there || err != nil {
				t.Errorf("%s: the store has %s, %v", name, d, err)
			}
		}
	}
}

// misplace copies the object of a blob to where another one should be.
func misplace(ctx context.Context, s *store.Store, to, from store.Digest) error {
	key := func(d store.Digest) string { return "blobs/sha256/" + string(d[:2]) + "/" + string(d) }
	r, err := s.Bucket().Get(ctx, key(from))
	if err != nil {
		return err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return s.Bucket().Put(ctx, key(to), strings.NewReader(string(data)), int64(len(data)))
}

// Names between others, which sort otherwise as paths than as names.
func TestATreesFolders(t *testing.T) {
	s := store.New(store.NewMem())
	folder := fstest.MapFS{}
	for _, name := range []string{"a/x", "a-b", "a.c", "a/y/z", "b", "a0"} {
		folder[name] = &fstest.MapFile{Data: []byte(name)}
	}
	tree, err := s.PutTree(t.Context(), folder, store.Intake{})
	if err != nil {
		t.Fatal(err)
	}
	opened, err := s.OpenTree(t.Context(), tree.Digest)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	entries, err := fs.ReadDir(opened.FS(t.Context()), ".")
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := []string{"a", "a-b", "a.c", "a0", "b"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("%q, %v", names, err)
	}
}
