package job

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// A memo is trusted for what it says, so its bytes are held against the record of the run
// that did the work: by that run's binding, which is read once, and else by the record itself.
// That run has to be one: its plan gives the memo's work to that step and shard.

// A Trust knows what runs planned and bind, each read once. It is safe for concurrent use.
type Trust struct {
	store *store.Store
	mu    sync.Mutex
	runs  map[store.RunID]*maker
}

// NewTrust has read nothing yet.
func NewTrust(s *store.Store) *Trust { return &Trust{store: s, runs: map[store.RunID]*maker{}} }

// A maker is a run that did work that others reuse.
type maker struct {
	once  sync.Once
	state string                  // of its seal, "" while there is none
	bound map[string]store.Digest // sha256 of its records, by key; nil: its seal binds none
	plan  *plan.Plan
	none  doubt // why it is no run whose work is trusted
	err   error // the store's
}

// of reads a run's plan and what its seal binds. What cannot be read binds nothing.
func (t *Trust) of(ctx context.Context, id store.RunID) *maker {
	t.mu.Lock()
	m := t.runs[id]
	if m == nil {
		m = &maker{}
		t.runs[id] = m
	}
	t.mu.Unlock()
	m.once.Do(func() {
		var record store.Run
		var seal store.Seal
		m.err = store.SideBySide(ctx, 2, func(i int) (err error) {
			if i == 0 {
				record, err = m.planned(ctx, t.store, id)
			} else {
				seal, err = m.sealed(ctx, t.store, id)
			}
			if e, ok := errors.AsType[*store.Error](err); ok && e.Kind == store.Transient || ctx.Err() != nil {
				return err
			}
			return nil
		})
		if m.none == "" && seal.Stripped(record) {
			m.none = doubt(fmt.Sprintf("the seal of run %s binds nothing, and does not say why", id))
		}
	})
	return m
}

// planned reads what the run was to do.
func (m *maker) planned(ctx context.Context, s *store.Store, id store.RunID) (record store.Run, err error) {
	if record, err = s.ReadRun(ctx, id); err == nil {
		var raw []byte
		if raw, err = s.ReadPlan(ctx, id); err == nil {
			m.plan, err = PlanOf(record, raw)
		}
	}
	if err != nil {
		m.none = doubt(fmt.Sprintf("there is no run %s that can be read, which it says did the work: %v", id, err))
		if gone, err := s.Removed(ctx, id); err != nil || gone {
			m.none = unfinished
			return record, err
		}
	}
	return record, err
}

// sealed reads what its seal binds.
func (m *maker) sealed(ctx context.Context, s *store.Store, id store.RunID) (seal store.Seal, err error) {
	if seal, err = s.ReadSeal(ctx, id); err != nil {
		return seal, err
	}
	m.state = seal.State
	if seal.Binding == "" {
		return seal, nil
	}
	b, err := s.ReadBinding(ctx, id, seal.Binding)
	if err != nil {
		return seal, err
	}
	m.bound = b.ByKey()
	return seal, nil
}

// gives reports whether the run's plan has a memo's work at its step and shard, which read
// what the memo says.
func (m *maker) gives(memo *store.Step) bool {
	step := m.plan.Step(memo.Step)
	if step == nil || memo.Shard < 0 || memo.Shard >= step.Shards {
		return false
	}
	reads, ok := m.reads(step, memo)
	if !ok {
		return false
	}
	key, err := step.WorkKey(m.plan.Seed, memo.Shard, reads)
	return err == nil && key == memo.WorkKey
}

// reads are what a memo says that its shard read, in the order in which Resolve lists it.
func (m *maker) reads(step *plan.Step, memo *store.Step) (list []plan.Resolved, ok bool) {
	rest := memo.Inputs
	for range step.Of(memo.Shard).Sources {
		if len(rest) == 0 {
			return nil, false
		}
		list, rest = append(list, plan.Resolved{Name: rest[0].Name, Digests: []store.Digest{rest[0].Digest}}), rest[1:]
	}
	for _, in := range step.Reads(memo.Shard) {
		of := m.plan.Step(in.Step)
		if of == nil || len(rest) < of.Shards {
			return nil, false
		}
		r := plan.Resolved{Name: in.Name}
		for i := range of.Shards {
			r.Digests = append(r.Digests, rest[i].Digest)
		}
		list, rest = append(list, r), rest[of.Shards:]
	}
	return list, len(rest) == 0
}

// A doubt is why a memo is not trusted. One of work that was cut off as it was recorded says
// nothing.
type doubt string

// unfinished is a memo whose run has no record of the work and has not ended, or was removed.
const unfinished doubt = "unfinished"

// held compares a memo, whose bytes have that sha256, with what its run recorded.
func (t *Trust) held(ctx context.Context, memo *store.Step, sum store.Digest) (doubt, error) {
	key, err := store.StepKey(memo.Run, memo.Step, memo.Shard)
	if err != nil {
		return doubt(err.Error()), nil
	}
	m := t.of(ctx, memo.Run)
	switch {
	case m.err != nil:
		return "", m.err
	case m.none != "":
		return m.none, nil
	case !m.gives(memo):
		return doubt(fmt.Sprintf("the plan of run %s has no such work at %s/%d", memo.Run, memo.Step, memo.Shard)), nil
	}
	bound, there := m.bound[key]
	if there && bound == sum {
		return "", nil
	}
	_, now, err := t.store.StepAsStored(ctx, memo.Run, memo.Step, memo.Shard)
	switch {
	case errors.Is(err, store.ErrNotFound) && m.state == "":
		return unfinished, nil
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrUnreadable):
		return doubt(fmt.Sprintf("the record of run %s that it is a copy of cannot be read: %v", memo.Run, err)), nil
	case err != nil:
		return "", err
	case there && bound != now:
		return doubt(fmt.Sprintf("neither it nor %s is what the seal of run %s binds", key, memo.Run)), nil
	case m.bound != nil && !there && !mayComeLate(memo.Step, m.state):
		return doubt(fmt.Sprintf("the seal of run %s binds no %s", memo.Run, key)), nil
	case now != sum:
		return doubt(key + " says otherwise"), nil
	}
	return "", nil
}

// mayComeLate reports whether a step may be recorded after its run's seal: one that waited
// for a checkpoint, and whatever was under way when somebody stopped the run.
func mayComeLate(step store.StepName, state string) bool {
	return state == store.Interrupted || strings.HasPrefix(string(step), string(plan.TrainStep("")))
}

// Doubt is why the memo of some work is not what the run recorded that did it; "" where it
// is, or where there is none.
func (t *Trust) Doubt(ctx context.Context, work store.WorkKey) (string, error) {
	memo, sum, err := t.store.MemoAsStored(ctx, work)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return "", nil
	case errors.Is(err, store.ErrUnreadable):
		return err.Error(), nil
	case err != nil:
		return "", err
	}
	why, err := t.held(ctx, &memo, sum)
	if why == unfinished {
		why = ""
	}
	return string(why), err
}
