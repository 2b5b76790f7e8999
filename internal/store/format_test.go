package store_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/gymline/gymline/internal/golden"
	"github.com/gymline/gymline/internal/store"
)

// What testdata/format1 holds: one of every kind of object, as written by the
// first release. It must load for ever.
var (
	blob    = []byte("{\"id\":1}\n{\"id\":2}\n")
	plan    = []byte(`{"version":1,"steps":[]}`)
	folder  = fstest.MapFS{"traces/a.json": {Data: []byte("[]\n")}, "README": {Data: []byte("small\n")}}
	episode = store.Artifact{Name: "episodes.jsonl", Digest: store.DigestOf(blob), Bytes: 18, Rows: 2, MediaType: "application/x-ndjson"}
	run     = store.Run{
		Format: 1, ID: "quickstart-1", Experiment: "quickstart", Digest: store.DigestOf([]byte("spec")), Plan: store.DigestOf(plan),
		Inputs:  map[string]store.Tree{"traces": {Digest: treeDigest, Files: 2, Bytes: 9}},
		Created: "2026-03-01T10:00:00.5Z", Version: "v0.1.0", Fresh: true, Execution: json.RawMessage(`{"parallelism": 8}`),
	}
	step = store.Step{
		Format: 1, Run: "quickstart-1", Step: "generate", Shard: 1,
		WorkKey: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", Reused: true,
		Inputs:  []store.Artifact{{Name: "traces", Digest: treeDigest, MediaType: "application/json"}},
		Outputs: []store.Artifact{episode},
		Started: "2026-03-01T10:00:01Z", Finished: "2026-03-01T10:00:02.25Z", Usage: json.RawMessage(`{"calls": 3}`),
	}
	images = []store.Image{{Step: "generate", Container: "main", Image: "example.com/gymline:v1", Digest: "sha256:" + string(store.DigestOf([]byte("image")))}}

	seal = store.Seal{
		Format: 1, Run: "quickstart-1", State: store.Failed, Finished: "2026-03-01T10:00:03Z",
		Failures: []store.Failure{{Step: "reward", Shard: 0, ExitCode: 65, Cause: "rows.jsonl:7: not a JSON row", Hint: "mend it"}},
	}
	// Since format 1 was extended.
	tuned = store.Checkpoint{
		Format: 1, Run: "quickstart-1", Name: "tuned", Tree: store.Tree{Digest: treeDigest, Files: 2, Bytes: 9},
		Kind: "lora", Base: "Qwen/Qwen2.5-7B-Instruct", Architecture: "Qwen2ForCausalLM", Put: "2026-03-01T10:00:02.5Z",
	}
	spend = store.Spend{
		Format: 1, Account: "quickstart-1", Number: 1, Run: "quickstart-1", Step: "generate", Shard: 1,
		USD: 0.125, Total: 0.125, UsedUp: 0.1, At: "2026-03-01T10:00:01.5Z",
	}
	failure = store.Failure{Step: "reward", Shard: 0, ExitCode: 65, Cause: "rows.jsonl:7: not a JSON row", Hint: "mend it"}
)

// Digests are for ever: what is stored under them, and what they identify,
// outlives every release.
const (
	treeDigest   = "1fc86be6ab94c6b5e0f6dfcc961386c3bf109894899f61d9daa7b6820cfb3fdf"
	exportDigest = "7d298437b1ca996c7c356e2030088e0d11a52fdfe6239e77b15c8edea7e8403a"
)

func TestDigestStability(t *testing.T) {
	s := store.New(store.NewMem())
	tree, err := s.PutTree(t.Context(), folder, store.Intake{})
	if err != nil {
		t.Fatal(err)
	}
	publishEpisode(t, s)
	var published []string
	for key, err := range s.Bucket().List(t.Context(), "exports/") {
		if err != nil {
			t.Fatal(err)
		}
		published = append(published, key)
	}
	for what, c := range map[string][2]string{
		"nothing": {string(store.DigestOf(nil)), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		"a blob":  {string(store.DigestOf(blob)), "c63f6dd68b68601e7315ea40d28bc34e55379e4fa65f82b1d32228429aeafcde"},
		"a tree":  {string(tree.Digest), treeDigest},
		"export":  {published[0], "exports/quickstart/" + exportDigest + "/episodes.jsonl"},
	} {
		if c[0] != c[1] {
			t.Errorf("the digest of %s became %s, want %s", what, c[0], c[1])
		}
	}
}

// TestFormat1 loads what the first release wrote.
func TestFormat1(t *testing.T) {
	dir := filepath.Join("testdata", "format1")
	if *golden.Update { // only while format 1 is not yet released
		writeFormat1(t, dir)
	}
	b, ctx := store.NewMem(), t.Context()
	err := fs.WalkDir(os.DirFS(dir), ".", func(key string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(key)))
		if err != nil {
			return err
		}
		return b.Put(ctx, key, bytes.NewReader(data), int64(len(data)))
	})
	if err != nil {
		t.Fatal(err)
	}
	s := store.New(b)
	if ids, err := s.Runs(ctx); err != nil || !slices.Equal(ids, []store.RunID{"quickstart-1"}) {
		t.Errorf("runs %q, %v", ids, err)
	}
	loads(t, run)(s.ReadRun(ctx, "quickstart-1"))
	loads(t, plan)(s.ReadPlan(ctx, "quickstart-1"))
	loads(t, step)(s.ReadStep(ctx, "quickstart-1", "generate", 1))
	loads(t, step)(s.ReadMemo(ctx, step.WorkKey))
	loads(t, seal)(s.ReadSeal(ctx, "quickstart-1"))
	loads(t, tuned)(s.ReadCheckpoint(ctx, "quickstart-1", "tuned"))
	loads(t, spend)(s.LastSpend(ctx, "quickstart-1", store.Spend{}))
	loads(t, []store.Failure{failure})(s.Failures(ctx, "quickstart-1"))
	loads(t, images)(s.Images(ctx, "quickstart-1"))
	loads(t, blob)(s.ReadBlob(ctx, episode.Digest))
	files, err := s.OpenTree(ctx, treeDigest)
	if err != nil {
		t.Fatal(err)
	}
	loads(t, []byte("[]\n"))(files.ReadFile(ctx, "traces/a.json"))
	if all := files.Files("."); len(all) != 2 || all[0].Path != "README" || all[1].Bytes != 3 {
		t.Errorf("tree %+v", all)
	}
}

func loads[T any](t *testing.T, want T) func(T, error) {
	t.Helper()
	return func(got T, err error) {
		t.Helper()
		g, gerr := json.Marshal(got) // raw JSON is equal whatever its white space
		w, werr := json.Marshal(want)
		must(t, errors.Join(err, gerr, werr))
		if !bytes.Equal(g, w) {
			t.Errorf("\n got %s\nwant %s", g, w)
		}
	}
}

func writeFormat1(t *testing.T, dir string) {
	t.Helper()
	b, ctx := store.NewMem(), t.Context()
	s := store.New(b)
	_, err := s.PutTree(ctx, folder, store.Intake{})
	must(t, err)
	must(t, s.CreateRun(ctx, run))
	must(t, s.PutPlan(ctx, run.ID, plan))
	must(t, s.PutMemo(ctx, step))
	must(t, s.CommitStep(ctx, step))
	must(t, s.PutCheckpoint(ctx, tuned))
	must(t, s.PutFailure(ctx, run.ID, failure))
	must(t, s.AppendSpend(ctx, spend))
	must(t, s.SealRun(ctx, seal))
	must(t, s.PutImages(ctx, run.ID, images))
	publishEpisode(t, s)
	must(t, os.RemoveAll(dir))
	for key, err := range b.List(ctx, "") {
		must(t, err)
		r, err := b.Get(ctx, key)
		must(t, err)
		var data bytes.Buffer
		_, err = data.ReadFrom(r)
		must(t, err)
		name := filepath.Join(dir, filepath.FromSlash(key))
		must(t, os.MkdirAll(filepath.Dir(name), 0o755))
		must(t, os.WriteFile(name, data.Bytes(), 0o644))
	}
}

func publishEpisode(t *testing.T, s *store.Store) {
	t.Helper()
	w := s.NewBlob()
	defer w.Discard()
	_, err := w.Write(blob)
	must(t, err)
	_, err = w.Commit(t.Context())
	must(t, err)
	must(t, s.Publish(t.Context(), "quickstart", []store.Published{{Artifact: episode, Blob: w}}))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
