package closure

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/ledger"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/store"
)

// A wanted is what a run asked one model.
type wanted struct {
	model llm.Model
	all   bool // what it asked cannot be told
	keys  map[uint64]struct{}
}

func (r *walker) want(m llm.Model) (*wanted, error) {
	_, prefix, err := ledger.Keys(m)
	if err != nil {
		return nil, err
	}
	if r.calls[prefix] == nil {
		r.calls[prefix] = &wanted{model: m, keys: map[uint64]struct{}{}}
	}
	return r.calls[prefix], nil
}

// asked notes the calls of a shard that is done.
func (r *walker) asked(rec *store.Step) error {
	if !r.Ledger || r.plan == nil {
		return nil
	}
	step := r.plan.Step(rec.Step)
	if step == nil || rec.Shard >= step.Shards {
		return nil
	}
	models, err := recorded(step, rec.Shard)
	if err != nil || len(models) == 0 {
		return err
	}
	byRole := map[string]*wanted{}
	for role, m := range models {
		if byRole[role], err = r.want(m); err != nil {
			return err
		}
	}
	all := func() {
		for _, w := range byRole {
			w.all = true
		}
	}
	out, err := rec.Output(plan.CallsOutput)
	if err != nil {
		all() // an earlier gymline kept no keys
		return nil
	}
	if err := r.keys(out.Digest, byRole); err != nil {
		all()
		return r.bad(Object{Key: store.BlobKey(out.Digest), Kind: Output, Digest: out.Digest, Bytes: out.Bytes, Why: fmt.Sprintf("output %s/%d/%s", rec.Step, rec.Shard, out.Name)}, err)
	}
	return nil
}

// recorded are the models that a shard asks and whose answers are recorded.
func recorded(step *plan.Step, shard int) (map[string]llm.Model, error) {
	models, err := step.Asks(shard)
	for role, m := range models {
		if m.Simulated() {
			delete(models, role)
		}
	}
	return models, err
}

// keys notes the keys that a list of calls names.
func (r *walker) keys(calls store.Digest, byRole map[string]*wanted) error {
	in, err := r.Store.OpenBlob(r.ctx, calls)
	if err != nil {
		return err
	}
	defer in.Close()
	for dec := json.NewDecoder(in); ; {
		var line rows.Calls
		if err := dec.Decode(&line); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		for _, c := range line.Calls {
			w := byRole[c.Role]
			if w == nil {
				continue // a stand-in's
			}
			key, err := hex.DecodeString(c.Key)
			if err != nil || len(key) != 8 {
				return fmt.Errorf("row %s: %q is no call's key: %w", line.ID, c.Key, store.ErrCorrupt)
			}
			w.keys[binary.BigEndian.Uint64(key)] = struct{}{}
		}
	}
}

// ledger visits the objects that hold the run's calls.
func (r *walker) ledger() error {
	if !r.Ledger || r.plan == nil {
		return nil
	}
	if err := r.undone(); err != nil {
		return err
	}
	for _, prefix := range slices.Sorted(maps.Keys(r.calls)) {
		if err := r.identity(prefix, r.calls[prefix]); err != nil {
			return err
		}
	}
	return nil
}

// undone wants all of the models of shards that are not done: what they asked so far is
// in no record of theirs.
func (r *walker) undone() error {
	for i := range r.plan.Steps {
		step := &r.plan.Steps[i]
		for shard := range step.Shards {
			if r.Seen.Has(fmt.Sprintf("runs/%s/steps/%s/%d.json", r.id, step.Name, shard)) {
				continue
			}
			models, err := recorded(step, shard)
			if err != nil {
				return err
			}
			for _, m := range models {
				w, err := r.want(m)
				if err != nil {
					return err
				}
				w.all = true
			}
		}
	}
	return nil
}

func (r *walker) identity(prefix string, w *wanted) error {
	if !w.all {
		keys, err := ledger.Objects(r.ctx, r.Store.Bucket(), w.model, func(k llm.Key) bool {
			_, ok := w.keys[binary.BigEndian.Uint64(k[:8])]
			return ok
		})
		if err == nil {
			for _, key := range keys {
				if _, err := r.tell(Object{Key: key, Kind: Ledger, Why: "calls to " + w.model.Name}); err != nil {
					return err
				}
			}
			return nil
		}
		if err := r.bad(Object{Key: prefix, Kind: Ledger, Why: "calls to " + w.model.Name}, err); err != nil {
			return err
		}
	}
	return r.below(prefix, Ledger, "calls to "+w.model.Name)
}
