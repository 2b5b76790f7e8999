package folder

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/store"
)

// TestEmbedded reads and goes on with a folder as the S3 server inside an earlier
// gymline left it: with its lock, and with an upload that a crash cut off.
func TestEmbedded(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".gymline")
	if err := os.CopyFS(dir, os.DirFS("testdata/embedded")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "lock")); err != nil {
		t.Fatal(err)
	}
	r, err := OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	readTiny(t, store.New(r))

	b := opened(t, dir)
	cut := filepath.Join(dir, uploads, "3")
	if err := os.Chtimes(cut, time.Time{}, time.Now().Add(-48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := b.Sweep(t.Context(), time.Now()); err != nil || len(names(t, filepath.Join(dir, uploads))) > 0 {
		t.Errorf("the upload that was cut off is left (%v)", err)
	}
	s := store.New(b)
	readTiny(t, s)
	if err := s.CreateRun(t.Context(), store.Run{ID: "tiny-1"}); !errors.Is(err, store.ErrExists) {
		t.Errorf("the run is opened again: %v", err)
	}
	if err := s.CreateRun(t.Context(), store.Run{ID: "tiny-2"}); err != nil {
		t.Error(err)
	}
	if ids, err := s.Runs(t.Context()); err != nil || !slices.Equal(ids, []store.RunID{"tiny-1", "tiny-2"}) {
		t.Errorf("runs %q, %v", ids, err)
	}
}

// readTiny reads all that the one run of the fixture left.
func readTiny(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	run, err := s.ReadRun(ctx, "tiny-1")
	if err != nil {
		t.Fatal(err)
	}
	plan, err := s.ReadPlan(ctx, "tiny-1")
	if err != nil || store.DigestOf(plan) != run.Plan {
		t.Errorf("plan %s, want %s (%v)", store.DigestOf(plan), run.Plan, err)
	}
	if seal, err := s.ReadSeal(ctx, "tiny-1"); err != nil || seal.State != store.Succeeded {
		t.Errorf("seal %+v, %v", seal, err)
	}
	tree, err := s.OpenTree(ctx, run.Inputs["samples"].Digest)
	if err != nil {
		t.Fatal(err)
	}
	if seeds, err := tree.ReadFile(ctx, "seeds.yaml"); err != nil || len(seeds) == 0 {
		t.Errorf("seeds: %d bytes, %v", len(seeds), err)
	}
	read := 0
	for _, name := range []store.StepName{"generate", "report"} {
		step, err := s.ReadStep(ctx, "tiny-1", name, 0)
		if err != nil {
			t.Fatal(err)
		}
		if memo, err := s.ReadMemo(ctx, step.WorkKey); err != nil || memo.WorkKey != step.WorkKey {
			t.Errorf("memo of %s: %+v, %v", name, memo, err)
		}
		for _, out := range step.Outputs {
			if p, err := s.ReadBlob(ctx, out.Digest); err != nil || int64(len(p)) != out.Bytes {
				t.Errorf("%s: %d bytes, want %d (%v)", out.Name, len(p), out.Bytes, err)
			}
			read++
		}
	}
	if read < 5 {
		t.Errorf("%d outputs, want all that generate and report made", read)
	}
}
