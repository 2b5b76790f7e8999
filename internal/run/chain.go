package run

import (
	"context"
	"errors"
	"slices"

	"github.com/gymline/gymline/internal/store"
)

// mostBefore is how many runs are looked at in looking for those before one.
const mostBefore = 100

// previous are the sealed runs of an experiment that a run's seal is to bind: those since the
// last one, by number, whose binding can be read, that one, and of those that it saw open the
// ones that were sealed since. open are those of lower numbers that are not sealed yet, for
// the next one to look at: so each sealed run is bound, in whatever order they end.
func previous(ctx context.Context, st *store.Store, r store.Run) (list []store.Previous, open []store.RunID, err error) {
	ids, err := st.RunsOf(ctx, r.Experiment)
	if err != nil {
		return nil, nil, err
	}
	ids = slices.DeleteFunc(ids, func(id store.RunID) bool { return id == r.ID })
	slices.SortFunc(ids, func(a, b store.RunID) int {
		if before(a, b) {
			return 1
		}
		return -1
	})
	for _, id := range ids[:min(len(ids), mostBefore)] {
		p, of, err := endedAs(ctx, st, id, r.Experiment)
		switch {
		case err != nil:
			return nil, nil, err
		case p != nil:
			list = append(list, *p)
		case !of && before(id, r.ID):
			open = append(open, id)
		}
		if p == nil || p.Binding == "" {
			continue
		}
		b, err := st.ReadBinding(ctx, id, p.Binding)
		if e, ok := errors.AsType[*store.Error](err); ok && e.Kind == store.Transient || ctx.Err() != nil {
			return nil, nil, err
		}
		if err != nil {
			continue // it is as if it bound none
		}
		later, still, err := sealedSince(ctx, st, b.Open, r)
		return append(list, later...), append(open, still...), err
	}
	return list, open, nil
}

// sealedSince divides runs that were not sealed when another one was by whether they are now.
func sealedSince(ctx context.Context, st *store.Store, ids []store.RunID, r store.Run) (list []store.Previous, open []store.RunID, err error) {
	found := make([]*store.Previous, len(ids))
	foreign := make([]bool, len(ids))
	err = store.SideBySide(ctx, len(ids), func(i int) (err error) {
		if ids[i] != r.ID {
			found[i], foreign[i], err = endedAs(ctx, st, ids[i], r.Experiment)
		}
		return err
	})
	for i, p := range found {
		switch {
		case p != nil:
			list = append(list, *p)
		case ids[i] != r.ID && !foreign[i] && before(ids[i], r.ID) && len(open) < mostBefore:
			open = append(open, ids[i])
		}
	}
	return list, open, err
}

// endedAs is a run as the next one binds it, nil while it has no seal. foreign is one of
// another experiment, whose schedule's name begins with the name of this one.
func endedAs(ctx context.Context, st *store.Store, id store.RunID, experiment string) (p *store.Previous, foreign bool, err error) {
	bound, err := st.BindSeal(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	if other, err := st.ReadRun(ctx, id); err != nil || other.Experiment != experiment {
		return nil, true, nil
	}
	p = &store.Previous{Run: id, Seal: bound.SHA256}
	seal, err := st.ReadSeal(ctx, id)
	if e, ok := errors.AsType[*store.Error](err); ok && e.Kind == store.Transient {
		return nil, false, err
	}
	p.Binding = seal.Binding // "" of one that cannot be read
	return p, false, nil
}

// before orders the names of an experiment's runs: by number, and those that are named by
// the time of a schedule after them, by time.
func before(a, b store.RunID) bool {
	_, i := store.SplitRun(a)
	_, j := store.SplitRun(b)
	switch {
	case i > 0 && j > 0:
		return i < j
	case i > 0 || j > 0:
		return i > 0
	}
	return a < b
}
