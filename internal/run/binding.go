package run

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/gymline/gymline/internal/canonical"
	"github.com/gymline/gymline/internal/llm/ledger"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

const (
	// bindWithin is how long it may take to seal a run that nobody interrupted.
	bindWithin = 5 * time.Minute
	// leftToSeal is the part of the time to seal a run that its binding leaves.
	leftToSeal = 2 * time.Second
)

// bind stores the binding of a run that ends, reading each record once: those that the
// summary has read through seen, not again. A binding that cannot be made in time, or at
// all, is none, which the seal and the log say: the run is sealed without.
func (r Registry) bind(ctx context.Context, id store.RunID, seen *noting, summed <-chan struct{}) (d store.Digest, unbound string) {
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end.Add(-leftToSeal))
		defer cancel()
	}
	b, err := r.binding(ctx, id, seen, summed)
	if err == nil {
		var data []byte
		if data, err = canonical.JSON(b); err == nil {
			d, err = r.PutBlob(ctx, data)
		}
	}
	if err != nil {
		if r.Log != nil {
			r.Log.Warn("the run is sealed without what binds its records", "run", id, "err", err)
		}
		return "", err.Error()
	}
	return d, ""
}

func (r Registry) binding(ctx context.Context, id store.RunID, seen *noting, summed <-chan struct{}) (b store.Binding, err error) {
	st := store.New(seen)
	record, err := st.ReadRun(ctx, id)
	if err != nil {
		return b, err
	}
	b = store.Binding{Format: store.FormatVersion, Run: id, Environment: r.Environment}
	if r.Binary != nil {
		b.Binary = r.Binary()
	}
	if record.Source != nil {
		b.Experiment, b.Profile = record.Source.Experiment, record.Source.Profile
	}
	var keys, spent []string
	err = store.SideBySide(ctx, 4, func(i int) (err error) {
		switch i {
		case 0:
			keys, err = st.BoundKeys(ctx, id)
		case 1:
			if record.Account != "" && record.Account != id {
				spent, err = st.SpendKeys(ctx, record.Account)
			}
		case 2:
			b.Ledger, err = segments(ctx, st, id)
		case 3:
			b.Previous, b.Open, err = previous(ctx, r.Store, record) // whose bucket may list folders
		}
		return err
	})
	if err != nil {
		return b, err
	}
	<-summed // what it reads is read once
	keys = append(keys, spent...)
	slices.Sort(keys)
	b.Records = make([]store.Bound, len(keys))
	return b, store.SideBySide(ctx, len(keys), func(i int) (err error) {
		if bound, ok := seen.noted(keys[i]); ok {
			b.Records[i] = bound
			return nil
		}
		b.Records[i], err = r.Bind(ctx, keys[i])
		return err
	})
}

// boundBy are the sha256 of the records that a run's seal binds, by key; none where there is
// no seal yet, or it says why it binds none. whole is false where it should bind them and
// does not: the binding was taken out of it, or cannot be read.
func boundBy(ctx context.Context, st *store.Store, id store.RunID) (bound map[string]store.Digest, whole bool, err error) {
	var record store.Run
	var seal store.Seal
	var b store.Binding
	err = store.SideBySide(ctx, 2, func(i int) (err error) {
		if i == 0 {
			record, err = st.ReadRun(ctx, id)
			return err
		}
		if seal, err = st.ReadSeal(ctx, id); errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err == nil && seal.Binding != "" {
			b, err = st.ReadBinding(ctx, id, seal.Binding)
		}
		return err
	})
	if e, ok := errors.AsType[*store.Error](err); ok && e.Kind == store.Transient || ctx.Err() != nil {
		return nil, false, err
	}
	return b.ByKey(), err == nil && !seal.Stripped(record), nil
}

// segments are those of the models that a run's plan asks, in the ledger as it is now.
func segments(ctx context.Context, st *store.Store, id store.RunID) (list []store.Segment, err error) {
	p, err := ReadPlan(ctx, st, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	prefixes, err := LedgerPrefixes(p)
	if err != nil {
		return nil, err
	}
	for _, prefix := range prefixes {
		for key, err := range st.Bucket().List(ctx, prefix) {
			if err != nil {
				return nil, err
			}
			if ledger.IsSegment(prefix, key) {
				list = append(list, store.Segment{Key: key})
			}
		}
	}
	return list, nil
}

// LedgerPrefixes are where the ledger keeps the exchanges of the models that a plan asks,
// sorted; those of stand-ins are kept nowhere.
func LedgerPrefixes(p *plan.Plan) (prefixes []string, err error) {
	for i := range p.Steps {
		for shard := range p.Steps[i].Shards {
			if shard > 0 && len(p.Steps[i].Each) == 0 {
				break // all ask the same
			}
			asks, err := p.Steps[i].Asks(shard)
			if err != nil {
				return nil, err
			}
			for _, m := range asks {
				if m.Simulated() {
					continue
				}
				_, prefix, err := ledger.Keys(m)
				if err != nil {
					return nil, err
				}
				prefixes = append(prefixes, prefix)
			}
		}
	}
	slices.Sort(prefixes)
	return slices.Compact(prefixes), nil
}

// A noting is a bucket that notes what the records are that are read from it.
type noting struct {
	store.Bucket
	mu   sync.Mutex
	seen map[string]store.Bound
}

func newNoting(b store.Bucket) *noting { return &noting{Bucket: b, seen: map[string]store.Bound{}} }

func (n *noting) noted(key string) (store.Bound, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	b, ok := n.seen[key]
	return b, ok
}

// Get implements store.Bucket.
func (n *noting) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	r, err := n.Bucket.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	return &notedReader{ReadCloser: r, of: n, key: key, sum: sha256.New()}, nil
}

type notedReader struct {
	io.ReadCloser
	of   *noting
	key  string
	sum  hash.Hash
	size int64
}

func (r *notedReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.sum.Write(p[:n])
	r.size += int64(n)
	if errors.Is(err, io.EOF) {
		r.of.mu.Lock()
		r.of.seen[r.key] = store.Bound{Key: r.key, SHA256: store.Digest(hex.EncodeToString(r.sum.Sum(nil))), Bytes: r.size}
		r.of.mu.Unlock()
	}
	return n, err
}
