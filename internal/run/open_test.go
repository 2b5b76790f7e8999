package run

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// Runs are numbered without a gap, however many open at once; an ID that
// something else than the store has is left out.
func TestOpenClaimsTheNextNumber(t *testing.T) {
	w := newWorld(t)
	var wg sync.WaitGroup
	ids := make([]store.RunID, 12)
	for i := range ids {
		wg.Go(func() {
			var err error
			if ids[i], err = w.Open(t.Context(), w.draft(Execution{}), nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if all, err := w.Runs(t.Context()); err != nil || len(all) != 12 || all[11] != "x-12" || len(slices.Compact(slices.Sorted(slices.Values(ids)))) != 12 {
		t.Errorf("%v, %v", all, err)
	}
	id, err := w.Open(t.Context(), w.draft(Execution{}), func(id store.RunID) (bool, error) { return id == "x-13", nil })
	if err != nil || id != "x-14" {
		t.Errorf("%s, %v", id, err)
	}
	away := errors.New("the cluster is away")
	if _, err := w.Open(t.Context(), w.draft(Execution{}), func(store.RunID) (bool, error) { return false, away }); !errors.Is(err, away) {
		t.Error(err)
	}
	r, err := w.ReadRun(t.Context(), "x-14")
	if err != nil || r.Created != "1970-01-01T00:16:40.000Z" || r.Version != "v1" || r.Experiment != "x" {
		t.Errorf("%+v, %v", r, err)
	}
	// The time that storing inputs took is the run's.
	early := w.Registry
	early.Began = early.Now().Add(-time.Minute)
	if id, err = early.Open(t.Context(), w.draft(Execution{}), nil); err != nil {
		t.Error(err)
	}
	if r, err = w.ReadRun(t.Context(), id); err != nil || r.Created != "1970-01-01T00:15:40.000Z" {
		t.Errorf("%+v, %v", r, err)
	}
	if p, err := ReadPlan(t.Context(), w.Store, "x-14"); err != nil || len(p.Steps) != 2 {
		t.Errorf("%+v, %v", p, err)
	}
}

// An account goes on until a run succeeds, also beside one that is under way.
func TestAccountOfTheNextRun(t *testing.T) {
	w := newWorld(t)
	next := func(state string) store.RunID {
		t.Helper()
		id := w.open(Execution{})
		if state != Unsealed {
			w.ok(w.Seal(t.Context(), id, state))
		}
		r, err := w.ReadRun(t.Context(), id)
		w.ok(err)
		return r.Spending()
	}
	var got []store.RunID
	for _, state := range []string{store.Failed, Unsealed, store.Interrupted, store.Succeeded, store.Succeeded, Unsealed, Unsealed} {
		got = append(got, next(state))
	}
	if want := []store.RunID{"x-1", "x-1", "x-1", "x-1", "x-5", "x-6", "x-6"}; !slices.Equal(got, want) {
		t.Errorf("the accounts are %q, want %q", got, want)
	}
	// A pod that opens the run from its draft finds it, account and all.
	r, err := w.ReadRun(t.Context(), "x-7")
	w.ok(err)
	d, _, err := DraftOf(t.Context(), w.Store, r)
	w.ok(err)
	if err := w.OpenAs(t.Context(), "x-7", d); err != nil {
		t.Error(err)
	}
	digest, err := d.Digest()
	same, wantErr := w.draft(Execution{}).Digest()
	if err != nil || wantErr != nil || digest != same || r.Account != "x-6" {
		t.Errorf("the draft of a run with an account is another one: %s, want %s", digest, same)
	}
}

// A night is opened from the draft that all nights have, as of its own time, any
// number of times, and sealed from the same.
func TestOpenANight(t *testing.T) {
	w := newWorld(t)
	d := w.draft(Execution{})
	if _, err := d.AsOf("2026-01-02T03:00:00Z"); err == nil {
		t.Error("the plan asks nobody anew, and is as of a night")
	}
	p, err := plan.Decode(d.plan)
	w.ok(err)
	p, err = p.AskAnew([]string{plan.AnewJudge}, "")
	w.ok(err)
	d, err = NewDraft(p, nil, Execution{}, false)
	w.ok(err)
	var digests []store.Digest
	for _, night := range []string{"2026-01-02T03:00:00Z", "2026-01-03T03:00:00Z"} {
		id := store.RunID("x-" + night[:10])
		mine, err := d.AsOf(night)
		w.ok(err)
		for range 2 {
			w.ok(w.OpenAs(t.Context(), id, mine))
		}
		r, err := Read(t.Context(), w.Store, id)
		w.ok(err)
		if r.Plan.Anew == nil || r.Plan.Anew.AsOf != night {
			t.Errorf("%s is as of %+v", id, r.Plan.Anew)
		}
		digest, err := mine.Digest()
		w.ok(err)
		digests = append(digests, digest)
		for _, from := range digests { // another night's seals nothing
			w.ok(sealed(w.SealOf(t.Context(), id, from, true)))
		}
		if head, err := ReadHead(t.Context(), w.Store, id); err != nil || head.State != store.Succeeded {
			t.Errorf("%+v, %v", head, err)
		}
	}
	if digests[0] == digests[1] {
		t.Error("two nights are one")
	}
}

// A pod opens a run from one digest, any number of times; a run that was opened
// from another draft is not touched.
func TestOpenFromADraft(t *testing.T) {
	w := newWorld(t)
	d := w.draft(Execution{InFlight: 3})
	want, err := d.Digest()
	w.ok(err)
	if _, err := ReadDraft(t.Context(), w.Store, want); fault.Code(err) != fault.Permanent || !strings.Contains(err.Error(), "no draft") {
		t.Errorf("of a draft that was not put: %v", err)
	}
	if got, err := d.Put(t.Context(), w.Store); err != nil || got != want {
		t.Fatalf("%s, %v; want %s", got, err, want)
	}
	read, err := ReadDraft(t.Context(), w.Store, want)
	w.ok(err)
	for range 2 {
		w.ok(w.OpenAs(t.Context(), "nightly-123", read))
	}
	r, err := w.ReadRun(t.Context(), "nightly-123")
	w.ok(err)
	back, p, err := DraftOf(t.Context(), w.Store, r)
	w.ok(err)
	if got, _ := back.Digest(); got != want || p.Experiment != "x" || r.Account != "" {
		t.Errorf("the run's draft is %s, want %s: %+v", got, want, r)
	}
	if err := w.OpenAs(t.Context(), "nightly-123", w.draft(Execution{InFlight: 4})); fault.Code(err) != fault.Permanent || !strings.Contains(err.Error(), "another experiment") {
		t.Errorf("another draft took the run: %v", err)
	}
	if how, err := ExecutionOf(r); err != nil || how.InFlight != 3 {
		t.Errorf("%+v, %v", how, err)
	}
}

// There is no run after the highest number, and none has another experiment's sign.
func TestNoNumberIsLeft(t *testing.T) {
	w := newWorld(t)
	if err := w.CreateRun(t.Context(), store.Run{ID: "x-9007199254740992", Experiment: "x"}); err != nil {
		t.Fatal(err)
	}
	if id, err := w.Open(t.Context(), w.draft(Execution{}), nil); err == nil || !strings.Contains(err.Error(), "there is no number after it") {
		t.Error(id, err)
	}
	if err := w.CreateRun(t.Context(), store.Run{ID: "x-9223372036854775807", Experiment: "x"}); err != nil {
		t.Fatal(err)
	}
	if n, err := w.LastRun(t.Context(), "x"); err != nil || n != 1<<53 {
		t.Error(n, err)
	}
}
