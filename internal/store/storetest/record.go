package storetest

import (
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
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

// commit writes an artifact and returns it with its writer, which is open until
// the test ends.
func commit(t *testing.T, s *store.Store, name string, r io.Reader) store.Published {
	t.Helper()
	w := s.NewBlob()
	t.Cleanup(w.Discard)
	_, err := io.Copy(w, r)
	d, err2 := w.Commit(t.Context())
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	return store.Published{Artifact: store.Artifact{Name: name, Digest: d, Bytes: w.Bytes()}, Blob: w}
}

// publish writes artifacts as plain files, the large ones too, and one writer's
// bytes under two names.
func publish(t *testing.T, b store.Bucket) {
	s, ctx := store.New(b), t.Context()
	small := commit(t, s, "info.csv", strings.NewReader("a,b\n"))
	large := commit(t, s, "llama/train.jsonl", noise(9, 9*mib))
	files := []store.Published{large, small, {Artifact: large.Artifact, Blob: large.Blob}}
	files[2].Name = "qwen/train.jsonl"
	for range 2 {
		if err := s.Publish(ctx, "demo", files); err != nil {
			t.Fatal(err)
		}
	}
	keys := listed(t, b, "exports/demo/")
	if len(keys) != 4 {
		t.Fatalf("published %q", keys)
	}
	prefix := keys[0][:len("exports/demo/")+64+1]
	wantKeys(t, b, "exports/", prefix+"gymline.json", prefix+"info.csv", prefix+"llama/train.jsonl", prefix+"qwen/train.jsonl")
	var list []store.Artifact
	if err := json.Unmarshal([]byte(get(t, b, prefix+"gymline.json")), &list); err != nil || len(list) != len(files) {
		t.Errorf("list %+v, %v", list, err)
	}
	for i, a := range list { // a published file is its artifact
		if got := digestOf(t, strings.NewReader(get(t, b, prefix+a.Name))); a != files[i].Artifact || got != a.Digest {
			t.Errorf("published %+v with digest %s, want %+v", a, got, files[i].Artifact)
		}
	}
	named := func(name string, f store.Published) store.Published {
		f.Name = name
		return f
	}
	for _, bad := range [][]store.Published{
		{named("../up", small)}, {named("/abs", small)}, {named("gymline.json", small)}, {named("", small)},
		{named("twice", small), named("twice", small)}, {{Artifact: small.Artifact, Blob: large.Blob}},
		{{Artifact: store.Artifact{Name: "open"}, Blob: s.NewBlob()}},
	} {
		if err := s.Publish(ctx, "demo", bad); err == nil {
			t.Errorf("published %v", bad)
		}
	}
	if err := s.Publish(ctx, "../demo", files); err == nil {
		t.Error("published under ../demo")
	}
	wantKeys(t, b, "exports/", keys...)
}
