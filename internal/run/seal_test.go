package run

import (
	"errors"
	"testing"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/store"
)

// sealed is the error of a seal.
func sealed(_ Head, err error) error { return err }

// A run ends once, as the first says.
func TestSealHoldsOnce(t *testing.T) {
	w := newWorld(t)
	id := w.open(Execution{})
	w.ok(w.Seal(t.Context(), id, store.Interrupted))
	if err := w.Seal(t.Context(), id, store.Succeeded); !errors.Is(err, store.ErrExists) {
		t.Error(err)
	}
	digest, err := w.draft(Execution{}).Digest()
	w.ok(err)
	w.ok(sealed(w.SealOf(t.Context(), id, digest, true)))
	if head, err := ReadHead(t.Context(), w.Store, id); err != nil || head.State != store.Interrupted || head.Finished == "" {
		t.Errorf("%+v, %v", head, err)
	}
}

// A workflow seals its own run, with what its jobs left: a failure that lasts is
// the cause, and what was being tried again when it came is not.
func TestAWorkflowSealsItsRun(t *testing.T) {
	away := store.Failure{Step: "make", Shard: 0, ExitCode: fault.Temporary, Cause: "away"}
	bad := store.Failure{Step: "make", Shard: 1, ExitCode: fault.Permanent, Cause: "bad"}
	for name, c := range map[string]struct {
		left []store.Failure
		want []string
	}{
		"a failure that lasts": {[]store.Failure{away, bad}, []string{"bad"}},
		"one that might pass":  {[]store.Failure{away}, []string{"away"}},
		"nothing":              {nil, []string{"a pod ended without saying why"}},
	} {
		w := newWorld(t)
		id := w.open(Execution{})
		for _, f := range c.left {
			w.ok(w.PutFailure(t.Context(), id, f))
		}
		other, err := w.draft(Execution{InFlight: 9}).Digest()
		w.ok(err)
		w.ok(sealed(w.SealOf(t.Context(), id, other, false)))
		if head, err := ReadHead(t.Context(), w.Store, id); err != nil || head.State != Unsealed {
			t.Fatalf("%s: another workflow sealed it: %+v, %v", name, head, err)
		}
		mine, err := w.draft(Execution{}).Digest()
		w.ok(err)
		w.ok(sealed(w.SealOf(t.Context(), id, mine, false)))
		head, err := ReadHead(t.Context(), w.Store, id)
		w.ok(err)
		var causes []string
		for _, f := range head.Failures {
			causes = append(causes, f.Cause)
		}
		if head.State != store.Failed || len(causes) != len(c.want) || causes[0] != c.want[0] {
			t.Errorf("%s: %s, %q", name, head.State, causes)
		}
	}
	w := newWorld(t)
	w.ok(sealed(w.SealOf(t.Context(), "x-9", "d", true))) // it never opened
}

// A failure's exit code and hint are those of the run that it ends.
func TestFailed(t *testing.T) {
	err := Failed("x-1", store.Failure{Step: "make", Shard: 1, ExitCode: fault.Budget, Cause: "it is used up", Hint: "raise it"})
	if fault.Code(err) != fault.Budget || fault.Hint(err) != "raise it" || err.Error() != "run x-1 failed in make/1: it is used up" {
		t.Errorf("%v", err)
	}
}

// What a run finished is taken over by the next one of its plan, marked as reused.
func TestTakeOver(t *testing.T) {
	w := newWorld(t)
	from, to := w.open(Execution{}), w.open(Execution{})
	rec := w.done(from, "make", 1, "part.jsonl", "a")
	w.ok(w.TakeOver(t.Context(), w.plan, from, to))
	over, err := w.ReadStep(t.Context(), to, "make", 1)
	if err != nil || !over.Reused || over.Outputs[0] != rec.Outputs[0] || over.Finished != "1970-01-01T00:16:40.000Z" {
		t.Errorf("%+v, %v", over, err)
	}
	if _, err := w.ReadStep(t.Context(), to, "make", 0); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("what was not finished was taken over: %v", err)
	}
}
