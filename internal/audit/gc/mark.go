package gc

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gymline/gymline/internal/audit/closure"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// Drafts is where the drafts are named that a schedule may open runs from:
// drafts/<digest>.json.
const Drafts = "drafts/"

func draftOf(key string) store.Digest {
	return store.Digest(strings.TrimSuffix(strings.TrimPrefix(key, Drafts), ".json"))
}

// kinds are what is removed when nothing reaches it. The ledger is not among them:
// recorded answers were paid for.
var kinds = []string{"memo/", "exports/", "handin/", "blobs/"} // memos first

// besides are where records of one run lie, in folders of its name.
var besides = []string{"runs/", "notes/", "pins/", "signatures/"}

// reachable walks all roots.
func reachable(ctx context.Context, st *store.Store) (*closure.Set, error) {
	seen := &closure.Set{}
	ids, err := st.Runs(ctx)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if err := reachedBy(ctx, st, id, seen); err != nil {
			return nil, err
		}
	}
	for k, err := range st.Bucket().List(ctx, Drafts) {
		if err == nil {
			err = closure.Walk{Store: st, Seen: seen}.Draft(ctx, draftOf(k), visitor(k, seen))
		}
		if err != nil {
			return nil, err
		}
	}
	withdrawn, err := st.Withdrawals(ctx)
	for _, w := range withdrawn {
		keep(seen, w.Affected, w.Signed)
	}
	return seen, errors.Join(err, stones(ctx, st, seen))
}

// stones are the bindings of runs that were removed: chains lead through them.
func stones(ctx context.Context, st *store.Store, seen *closure.Set) error {
	for k, err := range st.Bucket().List(ctx, "removed/") {
		if err != nil {
			return err
		}
		t, err := st.ReadTombstone(ctx, removedRun(k))
		if errors.Is(err, store.ErrUnreadable) {
			continue
		}
		if err != nil {
			return err
		}
		keep(seen, t.Binding)
	}
	return nil
}

// keep has blobs reached that a record names, where it names one.
func keep(seen *closure.Set, list ...store.Digest) {
	for _, d := range list {
		if d.Valid() {
			seen.Add(store.BlobKey(d))
		}
	}
}

func removedRun(key string) store.RunID {
	return store.RunID(strings.TrimSuffix(strings.TrimPrefix(key, "removed/"), ".json"))
}

func reachedBy(ctx context.Context, st *store.Store, id store.RunID, seen *closure.Set) error {
	r, err := st.ReadRun(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil // what is left of a run, or not yet whole
	}
	seal, unsealed := st.ReadSeal(ctx, id)
	if err == nil {
		visit := visitor("run "+string(id), seen)
		err = closure.Walk{Store: st, Seen: seen}.Run(ctx, id, func(o closure.Object) error {
			if errors.Is(o.Err, store.ErrNotFound) && errors.Is(unsealed, store.ErrNotFound) {
				return nil // who opened it found that it is gone, and went no further
			}
			return visit(o)
		})
	}
	if err != nil {
		if _, gone := st.ReadRun(ctx, id); errors.Is(gone, store.ErrNotFound) {
			return nil // it was removed meanwhile
		}
		return stuck(id, err)
	}
	if seal.State != store.Succeeded { // what was handed in for one that was cut off may still be of use
		for k, err := range st.Bucket().List(ctx, "handin/"+string(id)+"/") {
			if err != nil {
				return err
			}
			seen.Add(k)
		}
	}
	if errors.Is(unsealed, store.ErrNotFound) {
		// Its pods open it from its draft.
		if d, _, err := run.DraftOf(ctx, st, r); err == nil {
			digest, err := d.Digest()
			if err != nil {
				return err
			}
			seen.Add(store.BlobKey(digest))
		}
		return nil
	}
	return nil
}

// visitor ends a walk that cannot see all, and keeps memos of work that is there.
func visitor(root string, seen *closure.Set) func(closure.Object) error {
	return func(o closure.Object) error {
		if o.Err != nil {
			return fmt.Errorf("%s: %s (%s): %w", root, o.Key, o.Why, o.Err)
		}
		if o.Work != "" {
			seen.Add("memo/" + string(o.Work) + ".json")
		}
		return nil
	}
}

// A Stuck error is that what a run reaches is not known, so that nothing can be removed.
type Stuck struct {
	Run store.RunID
	Err error
}

func (s *Stuck) Error() string {
	return fmt.Sprintf("what run %s reaches is not known: %v", s.Run, s.Err)
}
func (s *Stuck) Unwrap() error { return s.Err }

func stuck(id store.RunID, err error) error {
	if e, ok := errors.AsType[*store.Error](err); ok && e.Kind != store.Refused || errors.Is(err, context.Canceled) {
		return err
	}
	return &Stuck{id, err}
}

// unreached calls fn with each object that is not in seen and may be removed.
func unreached(ctx context.Context, st *store.Store, seen *closure.Set, fn func(store.Sized) error) error {
	prefixes := append([]string(nil), kinds...)
	for k, err := range st.Bucket().List(ctx, "removed/") {
		if err != nil {
			return err
		}
		id := removedRun(k)
		if _, err := st.ReadRun(ctx, id); errors.Is(err, store.ErrNotFound) { // else it was unpacked anew, or is about to go
			for _, folder := range besides {
				prefixes = append(prefixes, folder+string(id)+"/")
			}
		}
	}
	for _, prefix := range prefixes {
		for o, err := range st.Bucket().Sizes(ctx, prefix) {
			if err != nil {
				return err
			}
			if seen.Has(o.Key) {
				continue
			}
			if err := fn(o); err != nil {
				return err
			}
		}
	}
	return nil
}
