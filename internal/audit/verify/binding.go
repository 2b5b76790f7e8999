package verify

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// binding holds the records against the seal's binding, and the seal against the chain.
func (v *verifier) binding() error {
	bound, err := v.st.BindSeal(v.ctx, v.id)
	if err != nil || v.seal == nil {
		if errors.Is(err, store.ErrNotFound) {
			err = nil
		}
		return err
	}
	v.result.Seal = bound.SHA256
	if err := v.summary(); err != nil {
		return err
	}
	if v.seal.Binding == "" {
		v.unbound()
		return nil
	}
	b, err := v.st.ReadBinding(v.ctx, v.id, v.seal.Binding)
	if err != nil {
		return v.bad(store.BlobKey(v.seal.Binding), err, "nothing binds the run's records")
	}
	v.result.Bound = true
	if err := v.bound(&b); err != nil {
		return err
	}
	if s := v.record.Source; s != nil && (b.Experiment != s.Experiment || b.Profile != s.Profile) {
		v.problem(store.BlobKey(v.seal.Binding), "the files that run.json names", "others", "the binding is of another run")
	}
	err = store.SideBySide(v.ctx, len(b.Ledger), func(i int) error {
		_, err := v.st.Bucket().Stat(v.ctx, b.Ledger[i].Key)
		return v.bad(b.Ledger[i].Key, err, "answers that the run's models gave are lost")
	})
	if err != nil {
		return err
	}
	return v.chain(v.id, &b)
}

// unbound says what it means that a seal has no binding: a gymline that records how a run was
// asked for, or with which binary, binds what it seals.
func (v *verifier) unbound() {
	switch {
	case v.record.Source == nil && v.record.Binary == nil:
		v.remark("the seal binds no records: an earlier gymline wrote it")
	case v.seal.State == store.Interrupted && v.seal.Unbound != "":
		v.remark("the seal of a run that was interrupted binds no records: %s", v.seal.Unbound)
	default:
		v.problem(v.key("seal.json"), "a binding of the run's records, as the gymline that opened it makes", cmp.Or(v.seal.Unbound, "none, and no word why"), "nothing binds the run's records: they may have been altered")
	}
}

// bound compares each record with what the binding says of it.
func (v *verifier) bound(b *store.Binding) error {
	err := store.SideBySide(v.ctx, len(b.Records), func(i int) error {
		want := b.Records[i]
		now, err := v.st.Bind(v.ctx, want.Key)
		if err != nil {
			return v.bad(want.Key, err, "a record that the seal binds is gone")
		}
		if now.SHA256 != want.SHA256 {
			v.problem(want.Key, "sha256 "+string(want.SHA256), "sha256 "+string(now.SHA256), "it was altered after the run was sealed")
		}
		return nil
	})
	if err != nil {
		return err
	}
	keys, err := v.st.BoundKeys(v.ctx, v.id)
	if err != nil {
		return err
	}
	there := make(map[string]bool, len(b.Records))
	for _, r := range b.Records {
		there[r.Key] = true
	}
	for _, rest := range []string{"run.json", "plan.json"} {
		if key := v.key(rest); !there[key] && slices.Contains(keys, key) {
			v.problem(key, "to be bound by the seal", "no word of it", "the binding is not whole")
		}
	}
	for _, key := range keys {
		switch {
		case there[key]:
		case v.late(key):
			v.remark("%s came after the seal, which does not bind it", key)
		case key != v.key("run.json") && key != v.key("plan.json"):
			v.problem(key, "nothing: the seal binds no such record", "a record", "it was added after the run was sealed")
		}
	}
	return nil
}

// A tombstone is what is left of a run that was removed.
type tombstone struct {
	Run     store.RunID  `json:"run"`
	Seal    store.Digest `json:"seal"`
	Binding store.Digest `json:"binding"`
}

// chain follows the runs before, as far as their seals bind.
func (v *verifier) chain(of store.RunID, b *store.Binding) error {
	for b != nil && b.Previous != nil {
		p := b.Previous
		key := "runs/" + string(p.Run) + "/seal.json"
		now, err := v.st.BindSeal(v.ctx, p.Run)
		if errors.Is(err, store.ErrNotFound) {
			b, err = v.removed(of, p)
			if err != nil || b == nil {
				return err
			}
			v.result.Chain++
			of = p.Run
			continue
		}
		if err != nil {
			return err
		}
		if now.SHA256 != p.Seal {
			v.problem(key, "sha256 "+string(p.Seal)+", as the seal of run "+string(of)+" binds", "sha256 "+string(now.SHA256), "the seal of an earlier run was altered, or made anew")
			return nil
		}
		v.result.Chain++
		seal, err := v.st.ReadSeal(v.ctx, p.Run)
		if err != nil {
			return v.bad(key, err, "the chain of runs ends there")
		}
		if seal.Binding == "" {
			return nil
		}
		next, err := v.st.ReadBinding(v.ctx, p.Run, seal.Binding)
		if err != nil {
			return v.bad(store.BlobKey(seal.Binding), err, fmt.Sprintf("the binding of run %s, before this one, cannot be read", p.Run))
		}
		b, of = &next, p.Run
	}
	return nil
}

// removed looks for the tombstone of a run that another one's seal binds.
func (v *verifier) removed(of store.RunID, p *store.Previous) (*store.Binding, error) {
	key := "removed/" + string(p.Run) + ".json"
	data, err := store.ReadObject(v.ctx, v.st.Bucket(), key)
	if errors.Is(err, store.ErrNotFound) && !v.opt.Whole {
		v.remark("run %s, which the seal of run %s names as the one before, is not in this store", p.Run, of)
		return nil, nil
	}
	if errors.Is(err, store.ErrNotFound) {
		v.problem("runs/"+string(p.Run)+"/seal.json", "sha256 "+string(p.Seal)+", as the seal of run "+string(of)+" binds", "nothing, and no word that the run was removed", "an earlier run is gone")
		return nil, nil
	}
	var t tombstone
	if err == nil {
		err = json.Unmarshal(data, &t)
	}
	if err != nil {
		return nil, v.bad(key, err, "nobody can tell what run was removed")
	}
	if t.Seal != p.Seal {
		v.problem(key, "the seal "+string(p.Seal), string(t.Seal), "the word of a run's removal was altered")
		return nil, nil
	}
	if t.Binding == "" {
		return nil, nil
	}
	b, err := v.st.ReadBinding(v.ctx, p.Run, t.Binding)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil // it was removed with its run
	}
	if err != nil {
		return nil, v.bad(store.BlobKey(t.Binding), err, "the binding of a run that was removed cannot be read")
	}
	return &b, nil
}

// summary holds what the seal says of the run against what follows from its records.
func (v *verifier) summary() error {
	if len(v.seal.Summary) == 0 || v.plan == nil {
		return nil
	}
	now, err := run.SummaryOf(v.ctx, v.st, v.id)
	if err != nil {
		if v.ends(err) {
			return err
		}
		return nil // what it follows from is told of by itself
	}
	var said run.Summary
	if err := json.Unmarshal(v.seal.Summary, &said); err != nil {
		v.problem(v.key("seal.json"), "a summary", err.Error(), "the seal was altered")
		return nil
	}
	if said.Uncounted || now.Uncounted || v.seal.State == store.Interrupted {
		said.Calls, said.USD, said.Uncounted, now.Calls, now.USD, now.Uncounted = 0, 0, false, 0, 0, false
	}
	if v.late(v.key("steps/train-x/0.json")) && v.seal.State == store.Interrupted {
		said.Scores, now.Scores = nil, nil
	}
	if !reflect.DeepEqual(&said, now) {
		want, _ := json.Marshal(now) // of plain data
		got, _ := json.Marshal(said)
		v.problem(v.key("seal.json"), "the summary "+string(want), string(got), "the seal says other than the run's records")
	}
	return nil
}
