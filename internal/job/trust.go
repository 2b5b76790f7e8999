package job

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// A memo is trusted for what it says, so it is held against the record of the run that did
// the work: by that run's binding, which is read once, and else by the record itself.

// trust knows what runs bind. It is safe for concurrent use.
type trust struct {
	store *store.Store
	mu    sync.Mutex
	runs  map[store.RunID]*maker
}

func newTrust(s *store.Store) *trust { return &trust{store: s, runs: map[store.RunID]*maker{}} }

// A maker is a run that did work that others reuse.
type maker struct {
	once  sync.Once
	state string                  // of its seal, "" while there is none
	bound map[string]store.Digest // sha256 of its records, by key; nil: its seal binds none
	err   error                   // the store's
}

// of reads what a run's seal binds. What cannot be read binds nothing.
func (t *trust) of(ctx context.Context, id store.RunID) *maker {
	t.mu.Lock()
	m := t.runs[id]
	if m == nil {
		m = &maker{}
		t.runs[id] = m
	}
	t.mu.Unlock()
	m.once.Do(func() {
		seal, err := t.store.ReadSeal(ctx, id)
		if err == nil {
			m.state = seal.State
		}
		if err == nil && seal.Binding != "" {
			var b store.Binding
			if b, err = t.store.ReadBinding(ctx, id, seal.Binding); err == nil {
				m.bound = make(map[string]store.Digest, len(b.Records))
				for _, r := range b.Records {
					m.bound[r.Key] = r.SHA256
				}
			}
		}
		if e, ok := errors.AsType[*store.Error](err); ok && e.Kind == store.Transient || ctx.Err() != nil {
			m.err = err
		}
	})
	return m
}

// A doubt is why a memo is not trusted. One of work that was cut off as it was recorded says
// nothing.
type doubt string

// unfinished is a memo whose run has no record of the work and has not ended.
const unfinished doubt = "unfinished"

// held compares a memo, whose bytes have that sha256, with what its run recorded.
func (t *trust) held(ctx context.Context, memo *store.Step, sum store.Digest) (doubt, error) {
	key, err := store.StepKey(memo.Run, memo.Step, memo.Shard)
	if err != nil {
		return doubt(err.Error()), nil
	}
	m := t.of(ctx, memo.Run)
	if m.err != nil {
		return "", m.err
	}
	bound, there := m.bound[key]
	if there && bound == sum {
		return "", nil
	}
	rec, now, err := t.store.StepAsStored(ctx, memo.Run, memo.Step, memo.Shard)
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
	case rec.WorkKey != memo.WorkKey || rec.Published != memo.Published || !slices.Equal(rec.Outputs, memo.Outputs):
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
func Doubt(ctx context.Context, s *store.Store, work store.WorkKey) (string, error) {
	memo, sum, err := s.MemoAsStored(ctx, work)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return "", nil
	case errors.Is(err, store.ErrUnreadable):
		return err.Error(), nil
	case err != nil:
		return "", err
	}
	why, err := newTrust(s).held(ctx, &memo, sum)
	if why == unfinished {
		why = ""
	}
	return string(why), err
}
