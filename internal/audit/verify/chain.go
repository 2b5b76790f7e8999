package verify

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// A tombstone is what is left of a run that was removed.
type tombstone struct {
	Run     store.RunID  `json:"run"`
	By      string       `json:"by"`
	Seal    store.Digest `json:"seal"`
	Binding store.Digest `json:"binding"`
}

// A link is a run before, as the seal of another one binds it.
type link struct {
	store.Previous
	of store.RunID
}

// chain follows the runs before, as far as their seals bind.
func (v *verifier) chain(b store.Binding) error {
	var todo []link
	seen, open := map[store.RunID]bool{}, map[store.RunID]store.RunID{}
	follow := func(b *store.Binding) {
		for _, id := range b.Open {
			open[id] = b.Run
		}
		for _, p := range b.Previous {
			todo = append(todo, link{p, b.Run})
		}
	}
	follow(&b)
	for ; len(todo) > 0; todo = todo[1:] {
		l := todo[0]
		whole, err := v.linked(l)
		if err != nil {
			return err
		}
		if !whole || seen[l.Run] {
			continue
		}
		seen[l.Run] = true
		v.result.Chain++
		if l.Binding == "" {
			continue
		}
		next, err := v.st.ReadBinding(v.ctx, l.Run, l.Binding)
		if errors.Is(err, store.ErrNotFound) && v.stones[l.Run] {
			v.remark("the binding of run %s was removed with it: what that one bound cannot be followed", l.Run)
			continue
		}
		if err != nil {
			if err := v.bad(store.BlobKey(l.Binding), err, fmt.Sprintf("the binding of run %s, before this one, cannot be read", l.Run)); err != nil {
				return err
			}
			continue
		}
		follow(&next)
	}
	return v.opened(open)
}

// opened looks for runs that were not sealed when another one, which saw them, was.
func (v *verifier) opened(by map[store.RunID]store.RunID) error {
	for _, id := range slices.Sorted(maps.Keys(by)) {
		if !v.opt.Whole {
			return nil
		}
		key := "runs/" + string(id) + "/run.json"
		_, err := v.st.Bucket().Stat(v.ctx, key)
		if errors.Is(err, store.ErrNotFound) {
			if _, err = v.stone(id); errors.Is(err, store.ErrNotFound) {
				v.problem(key, "a run, which was there when run "+string(by[id])+" was sealed", "nothing, and no word that the run was removed", "an earlier run is gone")
				continue
			}
		}
		if err := v.bad(key, err, "nobody can tell what run was removed"); err != nil {
			return err
		}
	}
	return nil
}

// linked reports whether a run before is as the seal of another one binds it, or was removed.
func (v *verifier) linked(l link) (bool, error) {
	key := "runs/" + string(l.Run) + "/seal.json"
	now, err := v.st.BindSeal(v.ctx, l.Run)
	if errors.Is(err, store.ErrNotFound) {
		return v.removed(l)
	}
	if err != nil {
		return false, err
	}
	if now.SHA256 != l.Seal {
		v.problem(key, "sha256 "+string(l.Seal)+", as the seal of run "+string(l.of)+" binds", "sha256 "+string(now.SHA256), "the seal of an earlier run was altered, or made anew")
		return false, nil
	}
	return true, nil
}

// removed looks for the tombstone of a run that another one's seal binds.
func (v *verifier) removed(l link) (bool, error) {
	key := "removed/" + string(l.Run) + ".json"
	t, err := v.stone(l.Run)
	if errors.Is(err, store.ErrNotFound) && !v.opt.Whole {
		v.remark("run %s, which the seal of run %s names as one before, is not in this store", l.Run, l.of)
		return false, nil
	}
	if errors.Is(err, store.ErrNotFound) {
		v.problem("runs/"+string(l.Run)+"/seal.json", "sha256 "+string(l.Seal)+", as the seal of run "+string(l.of)+" binds", "nothing, and no word that the run was removed", "an earlier run is gone")
		return false, nil
	}
	if err != nil {
		return false, v.bad(key, err, "nobody can tell what run was removed")
	}
	if t.Seal != l.Seal || t.Binding != l.Binding {
		v.problem(key, "the seal "+string(l.Seal)+" and the binding "+cmp.Or(string(l.Binding), "none"), cmp.Or(string(t.Seal), "none")+" and "+cmp.Or(string(t.Binding), "none"), "the word of a run's removal was altered, or forged")
		return false, nil
	}
	return true, nil
}

// stone reads a tombstone, of which it says once that nobody signed it.
func (v *verifier) stone(id store.RunID) (t tombstone, err error) {
	data, err := v.st.ReadObject(v.ctx, "removed/"+string(id)+".json")
	if err != nil {
		return t, err
	}
	if err := json.Unmarshal(data, &t); err != nil {
		return t, fmt.Errorf("it is no tombstone: %w", err)
	}
	if !v.stones[id] {
		v.stones[id] = true
		v.remark("run %s was removed by %s, as removed/%s.json says, which nobody signed", id, cmp.Or(t.By, "somebody"), id)
	}
	return t, nil
}

// gaps looks for numbers between this run and the one before that are no run's. A run takes
// the number after the highest there is; only on a cluster a Workflow may be in its way.
func (v *verifier) gaps() error {
	name, n := store.SplitRun(v.id)
	if !v.opt.Whole || n < 2 {
		return nil
	}
	ids, err := v.st.RunsOf(v.ctx, name)
	if err != nil {
		return err
	}
	last := 0
	for _, id := range ids {
		if _, k := store.SplitRun(id); k < n {
			last = max(last, k)
		}
	}
	gone := n - 1 - last
	first := last + 1
	if gone == 0 {
		return nil
	}
	prefix := "removed/" + name + "-"
	for key, err := range v.st.Bucket().List(v.ctx, prefix) {
		if err != nil {
			return err
		}
		id := store.RunID(strings.TrimSuffix(strings.TrimPrefix(key, "removed/"), ".json"))
		of, k := store.SplitRun(id)
		if of != name || k <= last || k >= n {
			continue
		}
		if _, err := v.stone(id); err != nil {
			if err := v.bad(key, err, "nobody can tell what run was removed"); err != nil {
				return err
			}
			continue
		}
		gone--
		if k == first {
			first++
		}
	}
	how, err := run.ExecutionOf(v.record)
	switch {
	case gone == 0:
	case err == nil && how.Image != "":
		v.remark("of the numbers between %d and %d of %s nothing is told of %d: the cluster had Workflows of those names, or runs were removed", last, n, name, gone)
	default:
		v.problem(fmt.Sprintf("runs/%s-%d/run.json", name, min(first, n-1)), fmt.Sprintf("each number between %d and %d to be a run's, or of one whose removal is told of", last, n),
			fmt.Sprintf("nothing of %d of them", gone), "runs before this one are gone")
	}
	return nil
}
