package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/gymline/gymline/internal/store"
)

func objects(t *testing.T, b store.Bucket) {
	ctx := t.Context()
	if _, err := b.Get(ctx, "absent"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("get of an absent key: %v", err)
	}
	if _, err := b.Stat(ctx, "absent/below"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("stat of an absent key: %v", err)
	}
	wantKeys(t, b, "")
	put(t, b, "a/b", "first")
	put(t, b, "a/b", "the second, longer")
	if got := get(t, b, "a/b"); got != "the second, longer" {
		t.Errorf("after an overwrite: %q", got)
	}
	put(t, b, "a/b", "3")
	if size, err := b.Stat(ctx, "a/b"); err != nil || size != 1 {
		t.Errorf("stat: %d, %v", size, err)
	}
	if _, err := b.Get(ctx, "a"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("get of a key's parent: %v", err)
	}
	if _, err := b.Stat(ctx, "a"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("stat of a key's parent: %v", err)
	}
	put(t, b, "empty", "")
	if got := get(t, b, "empty"); got != "" {
		t.Errorf("empty object: %q", got)
	}
	half := bytes.NewReader([]byte("0123456789"))
	if _, err := half.Seek(5, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if err := b.Put(ctx, "half", half, 10); err != nil || get(t, b, "half") != "0123456789" {
		t.Errorf("put of a body that was read before: %v", err)
	}
	if err := b.Put(ctx, "short", bytes.NewReader([]byte("123")), 4); err == nil {
		t.Error("put of fewer bytes than announced succeeded")
	}
	if err := b.Put(ctx, "long", bytes.NewReader([]byte("12345")), 4); err == nil {
		t.Error("put of more bytes than announced succeeded")
	}
	if err := b.Create(ctx, "a/c", []byte("created")); err != nil {
		t.Fatal(err)
	}
	if err := b.Create(ctx, "a/c", []byte("again")); !errors.Is(err, store.ErrExists) {
		t.Errorf("second create: %v", err)
	}
	if err := b.Create(ctx, "a/c", []byte("created")); !errors.Is(err, store.ErrExists) {
		t.Errorf("second create of the same bytes: %v", err)
	}
	if got := get(t, b, "a/c"); got != "created" {
		t.Errorf("after a second create: %q", got)
	}
	if err := b.Create(ctx, "a/b", nil); !errors.Is(err, store.ErrExists) {
		t.Errorf("create over a put: %v", err)
	}
	wantKeys(t, b, "", "a/b", "a/c", "empty", "half")
}

// together puts many objects at once.
func together(t *testing.T, b store.Bucket) {
	all := b.(store.Together)
	put(t, b, "over/1", "of before")
	var objects []store.Object
	var keys []string
	for i := range 300 {
		key := fmt.Sprintf("over/%d", i)
		if i > 200 {
			key = fmt.Sprintf("own/%d/object", i)
		}
		objects, keys = append(objects, store.Object{Key: key, Body: bytes.Repeat([]byte(key), i)}), append(keys, key)
	}
	for _, n := range []int{0, 1, 2, len(objects)} {
		if err := all.PutAll(t.Context(), objects[:n]); err != nil {
			t.Fatalf("put %d: %v", n, err)
		}
	}
	for _, o := range objects {
		if got := get(t, b, o.Key); got != string(o.Body) {
			t.Errorf("%s has %d bytes, want %d", o.Key, len(got), len(o.Body))
		}
	}
	slices.Sort(keys)
	wantKeys(t, b, "", keys...)
	WantError(t, all.PutAll(t.Context(), []store.Object{{Key: "a/1"}, {Key: "../a/2"}, {Key: "a/3"}}), store.Refused, "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := all.PutAll(ctx, objects); !errors.Is(err, context.Canceled) {
		t.Errorf("put after a cancel: %v", err)
	}
}

// ranges reads parts of an object, to its end and beyond.
func ranges(t *testing.T, b store.Bucket) {
	if _, err := b.GetRange(t.Context(), "absent", 0, 1); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("range of an absent key: %v", err)
	}
	put(t, b, "ten", "0123456789")
	put(t, b, "empty", "")
	for _, tt := range []struct {
		key            string
		offset, length int64
		want           string
	}{
		{"ten", 0, 1, "0"}, {"ten", 0, 10, "0123456789"}, {"ten", 3, 4, "3456"}, {"ten", 9, 1, "9"}, {"ten", 8, 1 << 40, "89"},
		{"ten", 10, 1, ""}, {"ten", 1 << 40, 5, ""}, {"empty", 0, 1, ""}, {"empty", 7, 7, ""},
	} {
		r, err := b.GetRange(t.Context(), tt.key, tt.offset, tt.length)
		if err != nil {
			t.Errorf("%s from %d on: %v", tt.key, tt.offset, err)
			continue
		}
		got, err := io.ReadAll(r)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: %d bytes from %d on: %q, %v, want %q", tt.key, tt.length, tt.offset, got, err, tt.want)
		}
		r.Close()
	}
}

// keys shows that names survive the way to the server and back, in order.
func keys(t *testing.T, b store.Bucket) {
	odd := []string{
		"a-b/x", "a.json", "a/b", "a/b-c", "a/b.json", "a/bb/c", "a0",
		".hidden", "..dots/x..", "UPPER/lower", "under_score", "with space/and more", "plus+plus", "percent%25%2F",
		"quote'single", `quote"double`, "amp&eq=semi;", "tilde~", "star*", "paren(1)", "hash#1", "what?y=z", "colon:1", "comma,at@dollar$",
		"ünïcødé/日本語/🙂", "long/" + strings.Repeat("n", 240), strings.Repeat("deep/", 100) + "end",
	}
	for _, key := range odd {
		put(t, b, key, "body of "+key)
	}
	for _, key := range odd {
		if got := get(t, b, key); got != "body of "+key {
			t.Errorf("get %q: %q", key, got)
		}
		if err := b.Create(t.Context(), key, nil); !errors.Is(err, store.ErrExists) {
			t.Errorf("create %q: %v", key, err)
		}
	}
	slices.Sort(odd)
	wantKeys(t, b, "", odd...)
	wantKeys(t, b, "a/", "a/b", "a/b-c", "a/b.json", "a/bb/c")
	wantKeys(t, b, "a/b", "a/b", "a/b-c", "a/b.json", "a/bb/c")
	wantKeys(t, b, "a/bb/", "a/bb/c")
	wantKeys(t, b, "what?", "what?y=z")
	wantKeys(t, b, "nothing/here")
	wantKeys(t, b, "a/b/c/") // below a key
	for key, err := range b.List(t.Context(), "") {
		if err != nil || key != odd[0] {
			t.Errorf("first key %q, %v", key, err)
		}
		break // a listing may be left early
	}
}

// deletes removes objects, beside others and more than once.
func deletes(t *testing.T, b store.Bucket) {
	ctx := t.Context()
	for _, key := range []string{"a/b", "a/b-c", "a/c/d", "e"} {
		put(t, b, key, "body of "+key)
	}
	sizes := map[string]int64{}
	for o, err := range b.Sizes(ctx, "a/") {
		if err != nil {
			t.Fatal(err)
		}
		sizes[o.Key] = o.Bytes
	}
	if len(sizes) != 3 || sizes["a/b"] != 11 || sizes["a/b-c"] != 13 || sizes["a/c/d"] != 13 {
		t.Errorf("sizes %v", sizes)
	}
	for _, key := range []string{"a/b", "a/b", "absent", "a/c", "e/below", "e"} {
		if err := b.Delete(ctx, key); err != nil {
			t.Errorf("delete %s: %v", key, err)
		}
	}
	wantKeys(t, b, "", "a/b-c", "a/c/d")
	if _, err := b.Get(ctx, "a/b"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("get of a deleted key: %v", err)
	}
	if _, err := b.Stat(ctx, "e"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("stat of a deleted key: %v", err)
	}
	// What is deleted may be written anew, also once, by one of many.
	put(t, b, "a/b", "again")
	if err := b.Create(ctx, "e", []byte("again")); err != nil || get(t, b, "e") != "again" || get(t, b, "a/b") != "again" {
		t.Errorf("after a delete: %v", err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if err := b.Delete(cancelled, "e"); !errors.Is(err, context.Canceled) || get(t, b, "e") != "again" {
		t.Errorf("delete with a cancelled context: %v", err)
	}
}

const writers = 16

// createOnce lets 16 writers race for each of many keys.
func createOnce(t *testing.T, b store.Bucket) {
	for round := range 25 {
		key := fmt.Sprintf("race/%d/record.json", round)
		race(t, func(writer string) error { return b.Create(t.Context(), key, []byte(writer)) },
			func() (string, error) {
				data, err := fetch(t.Context(), b, key)
				return string(data), err
			})
	}
}

// commitOnce is createOnce as jobs see it.
func commitOnce(t *testing.T, b store.Bucket) {
	s := store.New(b)
	for shard := range 8 {
		rec := store.Step{Run: "race-1", Step: "generate", Shard: shard, WorkKey: "k"}
		race(t, func(writer string) error {
			rec := rec
			rec.Finished = writer
			return s.CommitStep(t.Context(), rec)
		}, func() (string, error) {
			rec, err := s.ReadStep(t.Context(), rec.Run, rec.Step, shard)
			return rec.Finished, err
		})
	}
}

// race runs 16 writers that start together: one creates, and the others read at
// once what it has written.
func race(t *testing.T, create func(writer string) error, read func() (string, error)) {
	t.Helper()
	var g errgroup.Group
	start, won := make(chan struct{}), make(chan string, writers)
	for w := range writers {
		g.Go(func() error {
			<-start
			err := create(fmt.Sprint("writer ", w))
			switch {
			case err == nil:
				won <- fmt.Sprint("writer ", w)
			case errors.Is(err, store.ErrExists):
				_, err = read()
			}
			return err
		})
	}
	close(start)
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if got, err := read(); err != nil || len(won) != 1 || got != <-won {
		t.Fatalf("%d won, and that of %q is stored (%v)", len(won), got, err)
	}
}

func cancelled(t *testing.T, b store.Bucket) {
	put(t, b, "here", "x")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	check := func(op string, err error) {
		t.Helper()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a cancelled context: %v", op, err)
		}
	}
	check("put", b.Put(ctx, "no", bytes.NewReader([]byte("x")), 1))
	check("create", b.Create(ctx, "no", []byte("x")))
	_, err := b.Get(ctx, "here")
	check("get", err)
	_, err = b.GetRange(ctx, "here", 0, 1)
	check("range", err)
	_, err = b.Stat(ctx, "here")
	check("stat", err)
	err = nil
	for _, err = range b.List(ctx, "") {
		if err != nil {
			break
		}
	}
	check("list", err)
	wantKeys(t, b, "", "here")
}

// list lists 10,000 keys, in pages that the server chooses.
func list(t *testing.T, b store.Bucket) {
	const folders, each = 60, 100 // a page has 1,000 keys, and MinIO's cache of listings 5,000 in a part
	want := make([]string, 0, folders*each)
	for f := range folders {
		for k := range each {
			want = append(want, fmt.Sprintf("memo/%02d/%04d.json", f, k))
		}
	}
	var g errgroup.Group
	g.SetLimit(64)
	for _, key := range want {
		g.Go(func() error { return b.Put(t.Context(), key, bytes.NewReader([]byte(key)), int64(len(key))) })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	wantKeys(t, b, "", want...)
	wantKeys(t, b, "memo/4", want[4000:5000]...)
	wantKeys(t, b, "memo/42/", want[4200:4300]...)
	wantKeys(t, b, "memo/42/0099", want[4299])
}
