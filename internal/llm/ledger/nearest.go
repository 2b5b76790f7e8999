package ledger

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gymline/gymline/internal/llm"
)

// explain says, once a process, how a request that a replay missed differs from
// the nearest recorded one. Whoever misses another meanwhile or later is told the
// same: a run may end with any of these errors.
func (l *Ledger) explain(ctx context.Context, b *book, key llm.Key, canon []byte) string {
	l.missed.Do(func() {
		l.first, l.because = key, b.explain(ctx, canon)
	})
	if l.first == key {
		return l.because
	}
	return fmt.Sprintf("of the first request that was missed, %s, %s", l.first, l.because)
}

func (b *book) explain(ctx context.Context, canon []byte) string {
	near, err := b.nearest(ctx, canon)
	switch {
	case err == nil && near.line == nil:
		return b.ledger.explainIdentity(ctx, b.identity)
	case err == nil && exchangeKey(b.digest, near.line) != near.key:
		err = damaged(b.prefix, "a request does not match its key", nil)
	}
	if err != nil {
		return fmt.Sprintf("the nearest recorded request could not be looked for: %v", err)
	}
	return fmt.Sprintf("the nearest recorded request (%s, recorded %s) differs first in %s", near.key,
		time.UnixMicro(near.at).UTC().Format(time.RFC3339), firstDifference("", members(near.line), members(canon)))
}

// A candidate is a recorded request and how near it is: FORMAT.md has the order.
type candidate struct {
	line   []byte
	schema int // 1 when it has the same name
	prefix int // in common, in bytes
	at     int64
	key    llm.Key
}

// compare is positive when c is nearer than d.
func (c candidate) compare(d candidate) int {
	return cmp.Or(c.schema-d.schema, c.prefix-d.prefix, cmp.Compare(d.at, c.at), bytes.Compare(d.key[:], c.key[:]))
}

// searchers is how many objects are searched at once: each takes up to 16 MB, and a
// processor.
const searchers = 4

// nearest looks through every request of the book.
func (b *book) nearest(ctx context.Context, canon []byte) (candidate, error) {
	b.mu.Lock()
	segs := slices.Clone(b.segs)
	b.mu.Unlock()
	best := slices.Repeat([]candidate{{schema: -1}}, len(segs)+1)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(searchers)
	for i, seg := range segs {
		g.Go(func() error { return b.search(ctx, seg.object, canon, &best[i]) })
	}
	err := g.Wait()
	return slices.MaxFunc(best, candidate.compare), err
}

// search looks through the requests of one object.
func (b *book) search(ctx context.Context, o object, canon []byte, best *candidate) error {
	return b.withObject(ctx, o.key, func(r *reader) error {
		h, err := r.header(&o)
		for row := 0; err == nil && row < 2*len(h.Keys); row++ {
			var line []byte
			if line, err = r.line(); err == nil && row >= len(h.Keys) {
				b.consider(h.Keys[row-len(h.Keys)], line, canon, best)
			}
		}
		return err
	})
}

// consider makes a recorded request the best if it is nearer.
func (b *book) consider(key llm.Key, line, canon []byte, best *candidate) {
	c := candidate{prefix: commonPrefix(line, canon), key: key}
	if bytes.Equal(schemaName(line), schemaName(canon)) {
		c.schema = 1
	}
	if c.schema < best.schema || c.schema == best.schema && c.prefix < best.prefix {
		return
	}
	b.mu.Lock()
	p, ok := b.index[key]
	if ok { // else a living process has recorded it since
		c.at = b.segs[p.seg].at(p.row)
	}
	b.mu.Unlock()
	if ok && c.compare(*best) > 0 {
		c.line = bytes.Clone(line)
		*best = c
	}
}

// schemaName returns a canonical request's, in JSON; nil where it has no schema. A
// comma and a quote stand together only between members: within a string a quote
// follows a backslash.
func schemaName(canon []byte) []byte {
	const name, end = `,"schema":{"name":`, `,"schema":`
	i := bytes.LastIndex(canon, []byte(name))
	if i < 0 {
		return nil
	}
	found, _, _ := bytes.Cut(canon[i+len(name):], []byte(end))
	return found
}

// explainIdentity says how a model of which nothing was recorded differs from
// the nearest one of which something was.
func (l *Ledger) explainIdentity(ctx context.Context, id Identity) string {
	asked, most, diff, seen := id.members(), -1, "", ""
	for key, err := range l.opt.Bucket.List(ctx, "ledger/") {
		dir, _, _ := strings.Cut(strings.TrimPrefix(key, "ledger/"), "/")
		o, ok := parseKey("ledger/"+dir+"/", key)
		if err == nil && (!ok || dir == seen) {
			continue
		}
		seen = dir
		var h *header
		if err == nil {
			err = (&book{ledger: l}).withObject(ctx, key, func(r *reader) (err error) {
				h, err = r.header(&o)
				return err
			})
		}
		if err != nil {
			return fmt.Sprintf("nothing was recorded of this model, and others could not be looked for: %v", err)
		}
		recorded, same := h.Model.members(), 0
		for name, value := range recorded {
			if asked[name] == value {
				same++
			}
		}
		if d := firstDifference("", recorded, asked); same > most && d != "" {
			most, diff = same, d
		}
	}
	if diff == "" {
		return "the ledger is empty"
	}
	return "nothing was recorded of this model, and the nearest one in the ledger differs first in " + diff
}

func (id Identity) members() map[string]any {
	data, _ := json.Marshal(id)
	return members(data)
}
