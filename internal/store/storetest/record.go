package storetest

import (
	"errors"
	"io"
	"reflect"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/gymline/gymline/internal/store"
)

// records writes and reads every kind of record.
func records(t *testing.T, b store.Bucket) {
	s, ctx := store.New(b), t.Context()
	d := store.DigestOf([]byte("x"))
	run := store.Run{Format: 1, ID: "quick-9", Experiment: "quick", Digest: d, Plan: d, Created: "2026-01-02T03:04:05Z", Version: "v1",
		Inputs: map[string]store.Tree{"in": {Digest: d, Files: 1, Bytes: 2}}}
	step := store.Step{Format: 1, Run: "quick-9", Step: "generate", Shard: 3, WorkKey: "abc", Inputs: []store.Artifact{},
		Outputs: []store.Artifact{{Name: "episodes.jsonl", Digest: d, Bytes: 1, Rows: 2, MediaType: "application/x-ndjson"}}}
	seal := store.Seal{Format: 1, Run: "quick-9", State: store.Failed, Finished: "2026-01-02T03:04:06Z",
		Failures: []store.Failure{{Step: "generate", Shard: 1, ExitCode: 65, Cause: "bad row", Hint: "mend it"}}}

	if _, err := s.ReadSeal(ctx, "quick-9"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("seal of a run that is open: %v", err)
	}
	for name, create := range map[string]func() error{
		"run":  func() error { return s.CreateRun(ctx, run) },
		"step": func() error { return s.CommitStep(ctx, step) },
		"seal": func() error { return s.SealRun(ctx, seal) },
	} {
		if err := create(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := create(); !errors.Is(err, store.ErrExists) {
			t.Errorf("%s again: %v, want ErrExists", name, err)
		}
	}
	if err := errors.Join(s.PutMemo(ctx, step), s.PutMemo(ctx, step), s.PutPlan(ctx, "quick-9", []byte("{}"))); err != nil {
		t.Fatal(err)
	}
	same(t, run)(s.ReadRun(ctx, "quick-9"))
	same(t, step)(s.ReadStep(ctx, "quick-9", "generate", 3))
	same(t, step)(s.ReadMemo(ctx, "abc"))
	same(t, seal)(s.ReadSeal(ctx, "quick-9"))
	same(t, []byte("{}"))(s.ReadPlan(ctx, "quick-9"))

	for _, id := range []store.RunID{"quick-10", "quick", "quick.b-1", "other-2"} {
		if err := s.CreateRun(ctx, store.Run{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	ids, err := s.Runs(ctx)
	if want := []store.RunID{"other-2", "quick", "quick-9", "quick-10", "quick.b-1"}; err != nil || !slices.Equal(ids, want) {
		t.Errorf("runs %q, want %q (%v)", ids, want, err)
	}
	tree, err := s.PutTree(ctx, fstest.MapFS{"b.txt": {Data: []byte("b")}, "a/1": {Data: []byte("one")}, ".git/x": {Data: []byte("no")}}, store.Intake{})
	if err != nil || tree.Files != 2 || tree.Bytes != 4 {
		t.Fatalf("tree %+v, %v", tree, err)
	}
	files, err := s.OpenTree(ctx, tree.Digest)
	if err != nil {
		t.Fatal(err)
	}
	same(t, []byte("one"))(files.ReadFile(ctx, "a/1"))
}

func same[T any](t *testing.T, want T) func(T, error) {
	t.Helper()
	return func(got T, err error) {
		t.Helper()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("\n got %+v\nwant %+v\n(%v)", got, want, err)
		}
	}
}

// publish copies blobs to plain files, the large ones too.
func publish(t *testing.T, b store.Bucket) {
	s, ctx := store.New(b), t.Context()
	small, err := s.PutBlob(ctx, []byte("a,b\n"))
	if err != nil {
		t.Fatal(err)
	}
	const size = 9 * mib
	large, err := putBlob(ctx, s, noise(9, size))
	if err != nil {
		t.Fatal(err)
	}
	files := []store.Artifact{{Name: "llama/train.jsonl", Digest: large, Bytes: size}, {Name: "info.csv", Digest: small, Bytes: 4}}
	for range 2 {
		if err := s.Publish(ctx, "demo", files); err != nil {
			t.Fatal(err)
		}
	}
	keys := listed(t, b, "exports/demo/")
	if len(keys) != 3 {
		t.Fatalf("published %q", keys)
	}
	prefix := keys[0][:len("exports/demo/")+64+1]
	wantKeys(t, b, "exports/", prefix+"gymline.json", prefix+"info.csv", prefix+"llama/train.jsonl")
	if got := get(t, b, prefix+"info.csv"); got != "a,b\n" {
		t.Errorf("published %q", got)
	}
	r, err := b.Get(ctx, prefix+"llama/train.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got := digestOf(t, io.Reader(r)); got != large {
		t.Errorf("published digest %s, want %s", got, large)
	}
	for _, bad := range [][]store.Artifact{
		{{Name: "../up", Digest: small}}, {{Name: "/abs", Digest: small}}, {{Name: "gymline.json", Digest: small}},
		{{Name: "", Digest: small}}, {{Name: "twice", Digest: small}, {Name: "twice", Digest: small}},
	} {
		if err := s.Publish(ctx, "demo", bad); err == nil {
			t.Errorf("published %v", bad)
		}
	}
	if err := s.Publish(ctx, "../demo", files); err == nil {
		t.Error("published under ../demo")
	}
}
