// Package closure is all that a run needs or is made of, and why: what must be there so
// that the run can be shown, verified, copied and done again. It reads the store alone.
//
// Of a run these are its records and those that stand elsewhere for it (account,
// signatures, notes, pins, tags, tombstones of its experiment), and what they name: the
// files as given, the draft, the binding, the lists of inputs and checkpoints with their
// files, the outputs, and their plain copies in exports. Of the ledger it is the objects
// that hold the run's calls, where its steps kept their keys; of a shard that is not
// done, or was made by a gymline that kept none, all objects of the models that it asks.
//
// Memos are not among them: they are made from the step records.
//
// Objects are told one by one, in an order that depends on the store alone. What is kept
// meanwhile is 16 bytes an object, and 8 a call.
package closure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// A Kind says what part of a run an object is.
type Kind string

// The kinds.
const (
	Record     Kind = "record"     // of the run, below runs/<run>/
	Spend      Kind = "spend"      // an entry of the account that the run spends from
	Source     Kind = "source"     // experiment, profile or script, as given
	Draft      Kind = "draft"      // what the run was opened from, and its plan, as blobs
	Binding    Kind = "binding"    // what the seal binds
	Input      Kind = "input"      // a list of an input's files, or one of them
	Output     Kind = "output"     // of a step
	Checkpoint Kind = "checkpoint" // a list of a checkpoint's files, or one of them
	Export     Kind = "export"     // a plain copy for trainers, or their list
	Ledger     Kind = "ledger"     // exchanges with models
	Signature  Kind = "signature"
	Note       Kind = "note"
	Tag        Kind = "tag"
	Pin        Kind = "pin"
	Tombstone  Kind = "tombstone"  // of a removed run of the same experiment
	HandIn     Kind = "hand-in"    // of a run that is not sealed
	Withdrawal Kind = "withdrawal" // the list of what came of a source that was withdrawn
)

// An Object is one that a run needs.
type Object struct {
	Key  string
	Kind Kind
	// Digest is of the decoded bytes of a blob, and of a plain copy; "" of others.
	Digest store.Digest
	Bytes  int64  // decoded, as the record says that names it; 0 where none does
	Why    string // who names it
	// Optional says that a store may be without it: who opens a run here puts no draft.
	Optional bool
	// Work is what a step's record is found by; "" of others.
	Work store.WorkKey
	// Err is why it cannot be read, and then what it names is not told. Such an object
	// may have been told before, without.
	Err error
}

// A Walk visits what runs need.
type Walk struct {
	Store *store.Store
	// Ledger says that it visits the ledger as well, for which it reads every call's key.
	Ledger bool
	// Seen are the objects that are left out, with what they name, because they were
	// visited before; Run adds to it. nil: each run has its own.
	Seen *Set
}

// Of visits all that a run needs, once each. An error of visit ends it.
func Of(ctx context.Context, st *store.Store, id store.RunID, visit func(Object) error) error {
	return Walk{Store: st, Ledger: true}.Run(ctx, id, visit)
}

// Run visits all that a run needs. A run of which there is nothing is store.ErrNotFound.
func (w Walk) Run(ctx context.Context, id store.RunID, visit func(Object) error) error {
	r := &walker{Walk: w, ctx: ctx, id: id, visit: visit, calls: map[string]*wanted{}}
	if r.Seen == nil {
		r.Seen = &Set{}
	}
	r.read()
	for _, part := range []func() error{r.records, r.spends, r.drafts, r.inputs, r.beside, r.removed, r.ledger} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

// Draft visits all that a run needs that is opened from a draft.
func (w Walk) Draft(ctx context.Context, draft store.Digest, visit func(Object) error) error {
	r := &walker{Walk: w, ctx: ctx, visit: visit, calls: map[string]*wanted{}}
	if r.Seen == nil {
		r.Seen = &Set{}
	}
	o, _, err := r.blob(Draft, draft, 0, "draft")
	if err != nil {
		return err
	}
	data, err := r.Store.ReadBlob(ctx, draft)
	if err == nil {
		err = json.Unmarshal(data, &r.record)
	}
	if err != nil {
		return r.bad(o, err)
	}
	if err := r.sources(data, o); err != nil {
		return err
	}
	if _, _, err := r.blob(Draft, r.record.Plan, 0, "plan of the draft"); err != nil {
		return err
	}
	return r.inputs()
}

// A walker walks one run.
type walker struct {
	Walk
	ctx    context.Context //nolint:containedctx // of one walk
	id     store.RunID
	visit  func(Object) error
	record store.Run
	runErr error // why the record cannot be read
	plan   *plan.Plan
	calls  map[string]*wanted // by identity
}

// tell visits an object unless it was visited.
func (r *walker) tell(o Object) (first bool, err error) {
	if err := r.ctx.Err(); err != nil {
		return false, err
	}
	if !r.Seen.Add(o.Key) {
		return false, nil
	}
	return true, r.visit(o)
}

// bad tells that an object cannot be read, whether it was visited or not. A store that
// failed for a while, or a walk that was ended, ends the walk.
func (r *walker) bad(o Object, err error) error {
	if e, ok := errors.AsType[*store.Error](err); ok && e.Kind != store.Refused || r.ctx.Err() != nil {
		return err
	}
	o.Err = err
	return r.visit(o)
}

func (r *walker) blob(kind Kind, d store.Digest, bytes int64, why string) (Object, bool, error) {
	o := Object{Key: store.BlobKey(d), Kind: kind, Digest: d, Bytes: bytes, Why: why}
	first, err := r.tell(o)
	return o, first, err
}

// read reads what tells how to read the rest. What cannot be read is told later, when
// it is visited.
func (r *walker) read() {
	if r.record, r.runErr = r.Store.ReadRun(r.ctx, r.id); r.runErr != nil {
		return
	}
	raw, err := r.Store.ReadPlan(r.ctx, r.id)
	if err == nil && store.DigestOf(raw) != r.record.Plan {
		err = store.ErrCorrupt
	}
	if err == nil {
		r.plan, err = plan.Decode(raw)
	}
	if err != nil {
		r.plan = nil
	}
}

// list calls fn with each key below a prefix.
func (r *walker) list(prefix string, fn func(key string) error) error {
	for key, err := range r.Store.Bucket().List(r.ctx, prefix) {
		if err == nil {
			err = fn(key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// below tells all objects below a prefix.
func (r *walker) below(prefix string, kind Kind, why string) error {
	return r.list(prefix, func(key string) error {
		_, err := r.tell(Object{Key: key, Kind: kind, Why: why})
		return err
	})
}

// spends are the entries of the account where it is another run's.
func (r *walker) spends() error {
	if account := r.record.Account; account != "" && account != r.id {
		return r.below("runs/"+string(account)+"/spend/", Spend, "account of the run")
	}
	return nil
}

// beside are the records that stand elsewhere for the run.
func (r *walker) beside() error {
	for _, part := range []struct {
		folder string
		kind   Kind
	}{{"notes/", Note}, {"pins/", Pin}, {"signatures/", Signature}} {
		if err := r.below(part.folder+string(r.id)+"/", part.kind, "of the run"); err != nil {
			return err
		}
	}
	if err := r.withdrawals(); err != nil {
		return err
	}
	tags, err := r.Store.Tags(r.ctx)
	if err != nil {
		return err
	}
	var names []string
	for name, t := range tags {
		if t.Run == r.id {
			names = append(names, name)
		}
	}
	for _, name := range slices.Sorted(slices.Values(names)) {
		if err := r.below("tags/"+name+"/", Tag, "names the run"); err != nil {
			return err
		}
	}
	return nil
}

// withdrawals are the lists that tell of the run, and their signed statements. Their
// records are of the store.
func (r *walker) withdrawals() error {
	list, err := r.Store.Withdrawals(r.ctx)
	for i := 0; i < len(list) && err == nil; i++ {
		if slices.Contains(list[i].Runs, r.id) {
			_, _, err = r.blob(Withdrawal, list[i].Affected, 0, fmt.Sprintf("list of withdrawal %d", list[i].Number))
			if err == nil && list[i].Signed != "" {
				_, _, err = r.blob(Withdrawal, list[i].Signed, 0, fmt.Sprintf("signed statement of withdrawal %d", list[i].Number))
			}
		}
	}
	return err
}

// removed are the tombstones of runs that its experiment had, which its chain may lead to.
func (r *walker) removed() error {
	if r.record.Experiment == "" {
		return nil
	}
	return r.list("removed/"+r.record.Experiment+"-", func(key string) error {
		var stone struct {
			Experiment string `json:"experiment"`
		}
		o := Object{Key: key, Kind: Tombstone, Why: "a run of experiment " + r.record.Experiment + " that was removed"}
		name, number := store.SplitRun(store.RunID(strings.TrimSuffix(strings.TrimPrefix(key, "removed/"), ".json")))
		if number == 0 { // a schedule's: its name does not tell of which experiment it was
			if err := r.json(key, &stone); err != nil {
				return r.bad(o, err)
			}
			name = stone.Experiment
		}
		if name != r.record.Experiment {
			return nil
		}
		_, err := r.tell(o)
		return err
	})
}

// none is that there is nothing of a run.
func (r *walker) none() error {
	return fmt.Errorf("there is no run %s in this store: %w", r.id, store.ErrNotFound)
}

// shardOf reads the key of a step's record.
func shardOf(rest string) (step store.StepName, ok bool) {
	name, _, ok := strings.Cut(strings.TrimPrefix(rest, "steps/"), "/")
	return store.StepName(name), ok && strings.HasPrefix(rest, "steps/")
}
