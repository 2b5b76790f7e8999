package store_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gymline/gymline/internal/store"
)

// putRaw stores bytes at a key, as damage or another program would.
func putRaw(t *testing.T, s *store.Store, key, data string) {
	t.Helper()
	must(t, s.Bucket().Put(t.Context(), key, strings.NewReader(data), int64(len(data))))
}

func TestWhatCannotBeReadIsToldFromWhatIsAbsent(t *testing.T) {
	s := store.New(store.NewMem())
	for name, data := range map[string]string{
		"empty": "", "cut": `{"format":1,"run":"x-1"`, "a later format": `{"format":2,"run":"x-1"}`, "another one's": `{"format":1,"run":"x-2"}`, "null": "null",
	} {
		putRaw(t, s, "runs/x-1/run.json", data)
		if _, err := s.ReadRun(t.Context(), "x-1"); !errors.Is(err, store.ErrUnreadable) || !strings.Contains(err.Error(), "runs/x-1/run.json") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.ReadRun(t.Context(), "x-2"); errors.Is(err, store.ErrUnreadable) || !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
}

func TestAFailureThatCannotBeReadHidesNoOther(t *testing.T) {
	s := store.New(store.NewMem())
	must(t, s.PutFailure(t.Context(), "x-1", store.Failure{Step: "make", Shard: 2, Cause: "two"}))
	putRaw(t, s, "runs/x-1/failures/make/1.json", "")
	list, err := s.Failures(t.Context(), "x-1")
	if !errors.Is(err, store.ErrUnreadable) || len(list) != 1 || list[0].Cause != "two" {
		t.Errorf("%+v, %v", list, err)
	}
}

// An entry says the sum of all before it, so one that is damaged costs nothing
// unless it is the last: then a budget must not go on as if nothing were spent.
func TestASpendThatCannotBeRead(t *testing.T) {
	for n := 1; n <= 9; n++ {
		s := store.New(store.NewMem())
		for i := 1; i <= 9; i++ {
			must(t, s.AppendSpend(t.Context(), store.Spend{Account: "x-1", Number: i, USD: 1, Total: float64(i)}))
		}
		key := "runs/x-1/spend/" + string(rune('0'+n)) + ".json"
		putRaw(t, s, key, "{")
		last, err := s.LastSpend(t.Context(), "x-1", store.Spend{})
		if n < 9 && (err != nil || last.Total != 9) {
			t.Errorf("entry %d: %+v, %v", n, last, err)
		}
		if n == 9 && (!errors.Is(err, store.ErrUnreadable) || !strings.Contains(err.Error(), key)) {
			t.Errorf("the last entry: %+v, %v", last, err)
		}
	}
}

func TestWholeBlob(t *testing.T) {
	s := store.New(store.NewMem())
	w := s.NewBlob()
	defer w.Discard()
	_, err := w.Write(bytes.Repeat([]byte("some text, "), 1000))
	must(t, err)
	d, err := w.Commit(t.Context())
	must(t, err)
	whole := func(size int64) bool {
		t.Helper()
		ok, err := s.WholeBlob(t.Context(), d, size)
		must(t, err)
		return ok
	}
	key := "blobs/sha256/" + string(d[:2]) + "/" + string(d)
	data := read(t, s.Bucket(), key)
	if int64(len(data)) != w.Stored() {
		t.Errorf("%d bytes are stored, and the writer says %d", len(data), w.Stored())
	}
	if !whole(w.Stored()) || !whole(0) || !whole(w.Stored()+7) {
		t.Error("a whole blob is refused: another compressor's size is no damage")
	}
	for _, cut := range []string{"", data[:5], data[:len(data)-1], data + "x"} {
		putRaw(t, s, key, cut)
		if whole(w.Stored()) {
			t.Errorf("%d bytes of %d pass", len(cut), len(data))
		}
	}
	if putRaw(t, s, key, ""); whole(0) {
		t.Error("nothing at all passes where the size is not known")
	}
	if ok, err := s.WholeBlob(t.Context(), store.DigestOf([]byte("other")), 0); ok || err != nil {
		t.Errorf("one that is absent: %v, %v", ok, err)
	}
}

func read(t *testing.T, b store.Bucket, key string) string {
	t.Helper()
	r, err := b.Get(t.Context(), key)
	must(t, err)
	defer r.Close()
	var buf bytes.Buffer
	_, err = buf.ReadFrom(r)
	must(t, err)
	return buf.String()
}

func TestWholeExport(t *testing.T) {
	s := store.New(store.NewMem())
	w := s.NewBlob()
	defer w.Discard()
	_, err := w.Write([]byte("a row\n"))
	must(t, err)
	d, err := w.Commit(t.Context())
	must(t, err)
	a := store.Artifact{Name: "trl/train.jsonl", Digest: d, Bytes: 6}
	must(t, s.Publish(t.Context(), "x", []store.Published{{Artifact: a, Blob: w}}))
	whole := func() bool {
		t.Helper()
		ok, err := s.WholeExport(t.Context(), "x", []store.Artifact{a})
		must(t, err)
		return ok
	}
	if !whole() {
		t.Error("an export as it was published is refused")
	}
	for key, err := range s.Bucket().List(t.Context(), "exports/") {
		must(t, err)
		data := read(t, s.Bucket(), key)
		if putRaw(t, s, key, data[:len(data)-1]); whole() {
			t.Errorf("%s is cut, and the export passes", key)
		}
		if putRaw(t, s, key, data); !whole() {
			t.Error(key)
		}
	}
	if ok, err := s.WholeExport(t.Context(), "y", []store.Artifact{a}); ok || err != nil {
		t.Errorf("one that was never published: %v, %v", ok, err)
	}
}

// Bytes at hand take the place of damaged ones: a list at once, because it is read
// anyway, and files when that is asked for.
func TestAnInputHeals(t *testing.T) {
	s := store.New(store.NewMem())
	fsys := fstest.MapFS{"a": {Data: []byte("one")}, "b": {Data: []byte("two")}}
	put := func(in store.Intake) store.Digest {
		t.Helper()
		tree, err := s.PutTree(t.Context(), fsys, in)
		must(t, err)
		return tree.Digest
	}
	damage := func(d store.Digest) {
		key := "blobs/sha256/" + string(d[:2]) + "/" + string(d)
		data := []byte(read(t, s.Bucket(), key))
		data[len(data)/2] ^= 1
		putRaw(t, s, key, string(data))
	}
	tree := put(store.Intake{})
	damage(tree)
	put(store.Intake{})
	files, err := s.OpenTree(t.Context(), tree)
	must(t, err)
	damage(store.DigestOf([]byte("one")))
	put(store.Intake{Anew: true})
	data, err := files.ReadFile(context.Background(), "a")
	if err != nil || string(data) != "one" {
		t.Errorf("%q, %v", data, err)
	}
}
