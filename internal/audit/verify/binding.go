package verify

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

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
	v.ended()
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
	return v.chain(b)
}

// clocks is by how much the clocks of two machines may differ.
const clocks = time.Hour

// ended holds when the run ended against when its steps did.
func (v *verifier) ended() {
	end, err := time.Parse(time.RFC3339, v.seal.Finished)
	if err != nil {
		v.problem(v.key("seal.json"), "the time when the run ended", v.seal.Finished, "the seal was altered")
		return
	}
	last := v.record.Created
	for _, list := range v.steps {
		for _, rec := range list {
			if rec != nil && !v.late(v.key(fmt.Sprintf("steps/%s/%d.json", rec.Step, rec.Shard))) {
				last = max(last, rec.Finished)
			}
		}
	}
	if at, err := time.Parse(time.RFC3339, last); err == nil && end.Before(at.Add(-clocks)) {
		v.problem(v.key("seal.json"), "an end after that of its steps, "+last, v.seal.Finished, "the seal or a step's record was altered")
	}
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
