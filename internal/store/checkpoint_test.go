package store_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/store"
)

func TestACheckpointIsPutOnce(t *testing.T) {
	s, ctx := store.New(store.NewMem()), t.Context()
	if _, err := s.ReadCheckpoint(ctx, "r-1", "tuned"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	first := store.Checkpoint{Run: "r-1", Name: "tuned", Kind: "full", Put: "2026-03-01T10:00:00Z"}
	must(t, s.PutCheckpoint(ctx, first))
	if err := s.PutCheckpoint(ctx, store.Checkpoint{Run: "r-1", Name: "tuned", Kind: "lora"}); !errors.Is(err, store.ErrExists) {
		t.Error(err)
	}
	first.Format = 1
	loads(t, first)(s.ReadCheckpoint(ctx, "r-1", "tuned"))
	must(t, s.PutCheckpoint(ctx, store.Checkpoint{Run: "r-2", Name: "tuned"}))
	for _, bad := range []string{"", "..", "a/b", ".a"} {
		for op, err := range map[string]error{
			"put, name":  s.PutCheckpoint(ctx, store.Checkpoint{Run: "r-1", Name: bad}),
			"put, run":   s.PutCheckpoint(ctx, store.Checkpoint{Run: store.RunID(bad), Name: "a"}),
			"read, name": second(s.ReadCheckpoint(ctx, "r-1", bad)),
			"read, run":  second(s.ReadCheckpoint(ctx, store.RunID(bad), "a")),
		} {
			if err == nil || errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s took %q: %v", op, bad, err)
			}
		}
	}
}

func TestACheckpointOfAnotherRunIsRefused(t *testing.T) {
	b, ctx := store.NewMem(), t.Context()
	moved := `{"format":1,"run":"r-2","name":"tuned"}`
	must(t, b.Put(ctx, "runs/r-1/checkpoints/tuned.json", strings.NewReader(moved), int64(len(moved))))
	if _, err := store.New(b).ReadCheckpoint(ctx, "r-1", "tuned"); err == nil || !strings.Contains(err.Error(), "moved or altered") {
		t.Error(err)
	}
}

func TestFailures(t *testing.T) {
	b, ctx := store.NewMem(), t.Context()
	s := store.New(b)
	for _, f := range []store.Failure{
		{Step: "predict", Shard: 10, ExitCode: 65, Cause: "ten"},
		{Step: "predict", Shard: 9, ExitCode: 75, Cause: "first"},
		{Step: "predict", Shard: 9, ExitCode: 65, Cause: "nine", Hint: "mend it"},
		{Step: "generate", Shard: 2, ExitCode: 65, Cause: "two"},
		{Step: "generate", Shard: 1, ExitCode: 65, Cause: "done since"},
	} {
		must(t, s.PutFailure(ctx, "r-1", f))
	}
	must(t, s.PutFailure(ctx, "r-10", store.Failure{Step: "generate"}))
	must(t, s.CommitStep(ctx, store.Step{Run: "r-1", Step: "generate", Shard: 1}))
	for _, other := range []string{"notes.txt", "generate/x.json", "generate/07.json", "generate/1.json/2.json"} {
		must(t, b.Put(ctx, "runs/r-1/failures/"+other, bytes.NewReader(nil), 0))
	}
	loads(t, []store.Failure{
		{Step: "generate", Shard: 2, ExitCode: 65, Cause: "two"},
		{Step: "predict", Shard: 9, ExitCode: 65, Cause: "nine", Hint: "mend it"},
		{Step: "predict", Shard: 10, ExitCode: 65, Cause: "ten"},
	})(s.Failures(ctx, "r-1"))
	loads(t, []store.Failure(nil))(s.Failures(ctx, "r-2"))
	if err := errors.Join(s.PutFailure(ctx, "../x", store.Failure{Step: "s"}), s.PutFailure(ctx, "r-1", store.Failure{Step: "a/b"})); err == nil {
		t.Error("took a path for a name")
	}
	if _, err := s.Failures(ctx, "a/b"); err == nil {
		t.Error("took a path for a run")
	}
	must(t, b.Put(ctx, "runs/r-3/failures/a/0.json", strings.NewReader(`{"format":2}`), 12))
	if _, err := s.Failures(ctx, "r-3"); err == nil || !strings.Contains(err.Error(), "use a newer gymline") {
		t.Error(err)
	}
}
