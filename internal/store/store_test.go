package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gymline/gymline/internal/store"
)

// TestNames refuses every name that could lead out of its place in the bucket.
func TestNames(t *testing.T) {
	b := store.NewMem()
	s, ctx := store.New(b), t.Context()
	for _, bad := range []string{"", ".", "..", "../x", "a/b", "/a", "a/", ".hidden", "-flag", "a b", "a\x00b", "a\n", "ünder", "a\\b", "a%2fb", strings.Repeat("n", 201)} {
		id, step, work := store.RunID(bad), store.StepName(bad), store.WorkKey(bad)
		for op, err := range map[string]error{
			"CreateRun":        s.CreateRun(ctx, store.Run{ID: id}),
			"PutPlan":          s.PutPlan(ctx, id, nil),
			"CommitStep, run":  s.CommitStep(ctx, store.Step{Run: id, Step: "s"}),
			"CommitStep, step": s.CommitStep(ctx, store.Step{Run: "r-1", Step: step}),
			"SealRun":          s.SealRun(ctx, store.Seal{Run: id}),
			"PutMemo":          s.PutMemo(ctx, store.Step{WorkKey: work}),
			"Publish":          s.Publish(ctx, bad, nil),
			"ReadRun":          second(s.ReadRun(ctx, id)),
			"ReadPlan":         second(s.ReadPlan(ctx, id)),
			"ReadStep":         second(s.ReadStep(ctx, "r-1", step, 0)),
			"ReadSeal":         second(s.ReadSeal(ctx, id)),
			"ReadMemo":         second(s.ReadMemo(ctx, work)),
			"HasBlob":          second(s.HasBlob(ctx, store.Digest(bad))),
			"OpenBlob":         second(s.OpenBlob(ctx, store.Digest(bad))),
			"OpenTree":         second(s.OpenTree(ctx, store.Digest(bad))),
		} {
			if err == nil || errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s took the name %q: %v", op, bad, err)
			}
		}
	}
	if err := s.CommitStep(ctx, store.Step{Run: "r-1", Step: "s", Shard: -1}); err == nil {
		t.Error("took shard -1")
	}
	for key := range b.List(ctx, "") {
		t.Errorf("stored %s", key)
	}
	for _, good := range []store.RunID{"a", "quickstart-12", "My.Run_2", store.RunID(strings.Repeat("n", 200))} {
		if err := s.CreateRun(ctx, store.Run{ID: good}); err != nil {
			t.Error(err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestDamagedRecords says what is wrong instead of using them.
func TestDamagedRecords(t *testing.T) {
	const good = `{"format":1,"run":"r-1","step":"s","shard":0,"workKey":"k"}`
	for name, c := range map[string]struct{ record, want string }{
		"empty":           {"", "damaged"},
		"cut in half":     {good[:len(good)/2], "damaged"},
		"not an object":   {"[]", "damaged"},
		"wrong type":      {`{"format":1,"run":"r-1","step":"s","shard":"zero"}`, "damaged"},
		"no format":       {`{"run":"r-1","step":"s","shard":0}`, "format 0"},
		"later format":    {`{"format":2,"run":{"id":"r-1"}}`, "use a newer gymline"},
		"another run's":   {strings.Replace(good, "r-1", "r-2", 1), "another one's"},
		"another shard's": {strings.Replace(good, `"shard":0`, `"shard":1`, 1), "another one's"},
	} {
		t.Run(name, func(t *testing.T) {
			b := store.NewMem()
			if err := b.Create(t.Context(), "runs/r-1/steps/s/0.json", []byte(c.record)); err != nil {
				t.Fatal(err)
			}
			_, err := store.New(b).ReadStep(t.Context(), "r-1", "s", 0)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "runs/r-1/steps/s/0.json") {
				t.Errorf("%v, want it to say %q and where", err, c.want)
			}
		})
	}
	b := store.NewMem()
	if err := b.Create(t.Context(), "memo/other.json", []byte(good)); err != nil {
		t.Fatal(err)
	}
	if _, err := store.New(b).ReadMemo(t.Context(), "other"); err == nil {
		t.Error("took another work key's memo")
	}
}

func TestTree(t *testing.T) {
	s, ctx := store.New(store.NewMem()), t.Context()
	fsys := fstest.MapFS{
		"z.txt": {Data: []byte("last")}, "a-b/x": {Data: []byte("1")}, "a/b": {Data: []byte("22")}, "a.json": {},
		".git/config": {Data: []byte("no")}, "a/.DS_Store": {Data: []byte("no")},
	}
	tree, err := s.PutTree(ctx, fsys, store.Intake{})
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.PutTree(ctx, fsys, store.Intake{}); err != nil || again != tree {
		t.Errorf("put again: %+v, %v", again, err)
	}
	files, err := s.OpenTree(ctx, tree.Digest)
	if err != nil {
		t.Fatal(err)
	}
	paths := func(dir string) (got []string) {
		for _, f := range files.Files(dir) {
			got = append(got, f.Path)
		}
		return got
	}
	for dir, want := range map[string]string{".": "a-b/x a.json a/b z.txt", "": "a-b/x a.json a/b z.txt", "a": "a/b", "z.txt": "z.txt", "no": ""} {
		if got := strings.Join(paths(dir), " "); got != want {
			t.Errorf("files below %q: %q, want %q", dir, got, want)
		}
	}
	for path, want := range map[string]string{"a/b": "22", "a-b/x": "1", "a.json": "", "z.txt": "last"} {
		if got, err := files.ReadFile(ctx, path); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	if _, err := files.Open(ctx, "a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open of a folder: %v", err)
	}
	if _, err := s.PutTree(ctx, fstest.MapFS{"link": {Mode: fs.ModeSymlink}}, store.Intake{}); err == nil || !strings.Contains(err.Error(), "link") {
		t.Errorf("a link: %v", err)
	}
	if _, err := s.PutTree(ctx, os.DirFS("testdata/absent"), store.Intake{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent folder: %v", err)
	}
}

func TestConcat(t *testing.T) {
	s, ctx := store.New(store.NewMem()), t.Context()
	var parts []store.Artifact
	for _, body := range []string{"one\n", "", "two\n"} {
		d, err := s.PutBlob(ctx, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, store.Artifact{Name: "rows.jsonl", Digest: d})
	}
	r := s.Concat(ctx, parts)
	if got, err := io.ReadAll(r); err != nil || string(got) != "one\ntwo\n" {
		t.Errorf("%q, %v", got, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	parts[1].Digest = store.DigestOf([]byte("absent"))
	if got, err := io.ReadAll(s.Concat(ctx, parts)); !errors.Is(err, store.ErrNotFound) || string(got) != "one\n" || !strings.Contains(err.Error(), "rows.jsonl") {
		t.Errorf("with an absent part: %q, %v", got, err)
	}
}

// farBucket is 20 ms away, and knows how many reads of it were under way at most.
type farBucket struct {
	store.Bucket
	mu        sync.Mutex
	now, most int
}

func (b *farBucket) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	b.mu.Lock()
	b.now++
	b.most = max(b.most, b.now)
	b.mu.Unlock()
	time.Sleep(20 * time.Millisecond)
	b.mu.Lock()
	b.now--
	b.mu.Unlock()
	return b.Bucket.Get(ctx, key)
}

// Many small artifacts of a store that is far away are read side by side; large
// ones are opened in their turn, and a stream that is closed leaves nothing behind.
func TestConcatReadsAhead(t *testing.T) {
	mem := store.NewMem()
	var parts []store.Artifact
	want := ""
	for i := range 320 {
		body := fmt.Sprintf("row %d\n", i)
		d, err := store.New(mem).PutBlob(t.Context(), []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, store.Artifact{Name: "rows.jsonl", Digest: d, Bytes: int64(len(body))})
		want += body
	}
	read := func(bytes int64, parts []store.Artifact, want string) int {
		t.Helper()
		for i := range parts {
			parts[i].Bytes = bytes
		}
		far := &farBucket{Bucket: mem}
		r := store.New(far).Concat(t.Context(), parts)
		got, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil || string(got) != want {
			t.Fatalf("%d bytes: %v", len(got), err)
		}
		r = store.New(far).Concat(t.Context(), parts)
		if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil || far.now != 0 {
			t.Errorf("%v, %d reads are under way when the stream is closed", err, far.now)
		}
		return far.most
	}
	start := time.Now()
	if most := read(8, parts, want); most != 32 {
		t.Errorf("%d reads of small ones at once", most)
	}
	if took := time.Since(start); took > 320*20*time.Millisecond/2 {
		t.Errorf("it took %v", took)
	}
	if most := read(1<<20+1, parts[:10], "row 0\nrow 1\nrow 2\nrow 3\nrow 4\nrow 5\nrow 6\nrow 7\nrow 8\nrow 9\n"); most != 1 {
		t.Errorf("%d reads of large ones at once", most)
	}
}

// brokenBucket fails in the middle of a body.
type brokenBucket struct{ store.Bucket }

func (b brokenBucket) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	r, err := b.Bucket.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(io.MultiReader(io.LimitReader(r, 200), brokenReader{})), nil
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) {
	return 0, &store.Error{Op: "get", Kind: store.Transient, Err: io.ErrUnexpectedEOF}
}

// TestBrokenBody tells a way that failed from bytes that are wrong.
func TestBrokenBody(t *testing.T) {
	s, ctx := store.New(brokenBucket{store.NewMem()}), t.Context()
	d, err := s.PutBlob(ctx, bytes.Repeat([]byte("a line that is long enough, and another\n"), 1))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.ReadBlob(ctx, d)
	if e, ok := errors.AsType[*store.Error](err); !ok || !e.Temporary() || errors.Is(err, store.ErrCorrupt) {
		t.Errorf("%v, want a transient error", err)
	}
}

// TestDiscard frees a writer at any point, and commits nothing.
func TestDiscard(t *testing.T) {
	b := store.NewMem()
	s := store.New(b)
	w := s.NewBlob()
	if _, err := w.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	w.Discard()
	w.Discard()
	done := s.NewBlob()
	d, err := done.Commit(t.Context())
	done.Discard()
	if err != nil || d != store.DigestOf(nil) {
		t.Errorf("an empty blob: %s, %v", d, err)
	}
	n := 0
	for range b.List(t.Context(), "") {
		n++
	}
	if n != 1 {
		t.Errorf("%d objects, want the committed one", n)
	}
}

// TestNoRoomToSpool names the folder that is full or absent.
func TestNoRoomToSpool(t *testing.T) {
	t.Setenv("TMPDIR", "/nonexistent/tmp")
	w := store.New(store.NewMem()).NewBlob()
	defer w.Discard()
	noise := bytes.NewReader(incompressible(8 << 20))
	_, err := io.Copy(w, noise)
	if err == nil {
		_, err = w.Commit(t.Context())
	}
	if e, ok := errors.AsType[*store.Error](err); !ok || !e.Temporary() || !strings.Contains(e.Hint(), "TMPDIR") {
		t.Errorf("%v, want a transient error that names TMPDIR", err)
	}
}

func incompressible(n int) []byte {
	p := make([]byte, n)
	x := uint64(88172645463325252)
	for i := range p {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		p[i] = byte(x)
	}
	return p
}

// A number that none can follow is no run's.
func TestRunNumbers(t *testing.T) {
	for id, want := range map[store.RunID]int{"x-7": 7, "x-9007199254740992": 1 << 53, "x-9007199254740993": 0, "x-9223372036854775807": 0, "x-y": 0} {
		if _, n := store.SplitRun(id); n != want {
			t.Errorf("%s: %d", id, n)
		}
	}
	for id, want := range map[store.RunID]bool{"x-7": false, "x": false, "x-y": false, "x-20261129131500": false, "x-9007199254740992": true, "x-99999999999999999999": true} {
		if store.Overnumbered(id) != want {
			t.Error(id)
		}
	}
}
