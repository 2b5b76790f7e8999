package run

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/store"
)

// A run is sealed as its work ended, an interrupt or not.
func TestLive(t *testing.T) {
	bad := store.Failure{Step: "make", Shard: 1, ExitCode: fault.Permanent, Cause: "bad"}
	for name, c := range map[string]struct {
		failures  []store.Failure
		interrupt bool
		err       error
		state     string
		code      int
	}{
		"done":                           {nil, false, nil, store.Succeeded, fault.OK},
		"failed":                         {[]store.Failure{bad}, false, nil, store.Failed, fault.Permanent},
		"interrupted":                    {nil, true, context.Canceled, store.Interrupted, fault.Interrupted},
		"interrupted when it was done":   {nil, true, nil, store.Succeeded, fault.OK},
		"interrupted when it had failed": {[]store.Failure{bad}, true, context.Canceled, store.Failed, fault.Permanent},
	} {
		w := newWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		id, state, err := w.Live(ctx, w.draft(Execution{}), func(id store.RunID) ([]store.Failure, error) {
			if head, err := ReadHead(ctx, w.Store, id); err != nil || head.State != Unsealed {
				t.Errorf("%s: while it works: %+v, %v", name, head, err)
			}
			if c.interrupt {
				cancel()
			}
			return c.failures, c.err
		})
		cancel()
		head, headErr := ReadHead(t.Context(), w.Store, id)
		if headErr != nil || head.State != c.state || len(head.Failures) != len(c.failures) || state != c.state || fault.Code(err) != c.code {
			t.Errorf("%s: %s, %v; sealed %+v, %v", name, state, err, head, headErr)
		}
	}
}

// A run that somebody else has sealed meanwhile did not end well for this process.
func TestLiveOfARunThatWasSealed(t *testing.T) {
	w := newWorld(t)
	id, state, err := w.Live(t.Context(), w.draft(Execution{}), func(id store.RunID) ([]store.Failure, error) {
		return nil, w.Seal(t.Context(), id, store.Interrupted)
	})
	if id != "x-1" || state != store.Failed || !errors.Is(err, store.ErrExists) {
		t.Errorf("%s, %s, %v", id, state, err)
	}
	away := errors.New("the store is away")
	broken := Registry{Store: store.New(brokenBucket{w.Bucket(), "", away}), Now: w.Now}
	if id, state, err := broken.Live(t.Context(), w.draft(Execution{}), nil); id != "" || state != store.Failed || !errors.Is(err, away) {
		t.Errorf("%q, %s, %v", id, state, err)
	}
}

// Why a run failed is told also when it cannot be sealed.
func TestLiveOfARunThatCannotBeSealed(t *testing.T) {
	w := newWorld(t)
	away := errors.New("the store is away")
	r := w.Registry
	r.Store = store.New(brokenBucket{w.Bucket(), "runs/x-1/seal.json", away})
	bad := store.Failure{Step: "make", Shard: 1, ExitCode: fault.Permanent, Cause: "bad"}
	id, state, err := r.Live(t.Context(), w.draft(Execution{}), func(store.RunID) ([]store.Failure, error) { return []store.Failure{bad}, nil })
	if id != "x-1" || state != store.Failed || !errors.Is(err, away) || fault.Code(err) != fault.Permanent || !strings.Contains(err.Error(), "make/1: bad") {
		t.Errorf("%s, %s, %v", id, state, err)
	}
}

// A brokenBucket does not take the record at a key, or "" takes none.
type brokenBucket struct {
	store.Bucket
	key string
	err error
}

func (b brokenBucket) Create(ctx context.Context, key string, data []byte) error {
	if b.key == "" || b.key == key {
		return b.err
	}
	return b.Bucket.Create(ctx, key, data)
}
