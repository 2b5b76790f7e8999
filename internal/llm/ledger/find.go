package ledger

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/store"
)

// An Exchange is a request that was recorded, with its answer: a response, or the
// refusal that fails its row.
type Exchange struct {
	Key     llm.Key
	At      time.Time       // when it was first written
	Elapsed time.Duration   // from asking to the answer, waits and retries included
	Raw     json.RawMessage // the request's canonical JSON
	Request *llm.Request
	// Response is nil where Refused is set.
	Response *llm.Response
	Refused  *llm.Error
}

// Find calls fn with each exchange of m's identity whose key begins with what is wanted,
// in hex, and with that beginning, in no order. It leaves out what was never recorded.
func Find(ctx context.Context, bucket store.Bucket, m llm.Model, wanted map[string]bool, fn func(string, *Exchange)) error {
	l := New(Options{Bucket: bucket, Log: slog.New(slog.DiscardHandler), ReplayOnly: true})
	defer func() { _ = l.Close(ctx) }() // it has nothing to write
	b, err := l.book(ctx, m)
	if err != nil {
		return err
	}
	lengths := map[int]bool{}
	for w := range wanted {
		lengths[len(w)] = true
	}
	rows := map[uint32]map[llm.Key]string{} // by segment
	for key, p := range b.index {
		digits := hex.EncodeToString(key[:])
		for n := range lengths {
			if n <= len(digits) && wanted[digits[:n]] {
				if rows[p.seg] == nil {
					rows[p.seg] = map[llm.Key]string{}
				}
				rows[p.seg][key] = digits[:n]
			}
		}
	}
	for n, keys := range rows {
		if err := b.exchanges(ctx, b.segs[n], keys, m.Name, fn); err != nil {
			return err
		}
	}
	return nil
}

// exchanges reads those of a segment that have one of the keys, at its row that holds.
func (b *book) exchanges(ctx context.Context, seg *segment, keys map[llm.Key]string, model string, fn func(string, *Exchange)) error {
	o := seg.object
	return b.withObject(ctx, o.key, func(r *reader) error {
		h, err := r.header(&o)
		if err != nil {
			return err
		}
		answers, err := r.answers(h)
		if err != nil {
			return err
		}
		now := segmentOf(o, h)
		for row, key := range h.Keys {
			line, err := r.line()
			if err != nil {
				return err
			}
			begins, ok := keys[key]
			if !ok || o.journal == "" && int(b.index[key].row) != row {
				continue // a journal may have been written over since
			}
			if exchangeKey(b.digest, line) != key {
				return damaged(o.key, "a request does not match its key", nil)
			}
			x, err := exchangeOf(key, line, answers[row], model)
			if err != nil {
				return damaged(o.key, "exchange "+key.String(), err)
			}
			x.At = time.UnixMicro(now.at(uint32(row))).UTC()
			fn(begins, x)
		}
		return nil
	})
}

func exchangeOf(key llm.Key, request, line []byte, model string) (*Exchange, error) {
	var a answer
	if err := json.Unmarshal(line, &a); err != nil {
		return nil, err
	}
	x := &Exchange{Key: key, Raw: bytes.Clone(request), Elapsed: time.Duration(a.ElapsedMS) * time.Millisecond, Response: a.Response}
	if err := json.Unmarshal(request, &x.Request); err != nil {
		return nil, err
	}
	switch {
	case a.Error != nil:
		x.Refused = a.Error.of(model)
	case a.Response == nil:
		return nil, errors.New("neither response nor error")
	}
	return x, nil
}

// Objects returns the keys of the objects that hold the exchanges of m's identity which
// are wanted, sorted: of an exchange that several have, the one that answers.
func Objects(ctx context.Context, bucket store.Bucket, m llm.Model, wanted func(llm.Key) bool) ([]string, error) {
	l := New(Options{Bucket: bucket, Log: slog.New(slog.DiscardHandler), ReplayOnly: true})
	defer func() { _ = l.Close(ctx) }() // it has nothing to write
	b, err := l.book(ctx, m)
	if err != nil {
		return nil, err
	}
	held := map[string]bool{}
	for key, p := range b.index {
		if wanted(key) {
			held[b.segs[p.seg].key] = true
		}
	}
	return slices.Sorted(maps.Keys(held)), nil
}
