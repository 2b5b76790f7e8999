package ledger

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gymline/gymline/internal/llm"
)

// Bounds of the search for the nearest request, which ends a run that failed.
const (
	searchBytes   = 16 << 30 // of requests, decoded: two million of them and more
	searchWorkers = 4
)

// explain says, once a process, how a request that a replay missed differs from
// the nearest recorded one. Whoever misses another meanwhile or later is told the
// same: a run may end with any of these errors.
func (l *Ledger) explain(ctx context.Context, b *book, key llm.Key, canon []byte) string {
	first := false
	l.missed.Do(func() {
		first = true
		l.first = key
		l.because = b.explain(ctx, canon)
	})
	if first || l.first == key {
		return l.because
	}
	return fmt.Sprintf("of the first request that was missed, %s, %s", l.first, l.because)
}

func (b *book) explain(ctx context.Context, canon []byte) string {
	best, all, err := b.nearest(ctx, canon)
	switch {
	case err != nil:
		return fmt.Sprintf("the nearest recorded request could not be looked for: %v", err)
	case best.line == nil:
		return b.ledger.explainIdentity(ctx, b)
	}
	what := "the nearest recorded request"
	if !all {
		what = fmt.Sprintf("the nearest request of the first %d GiB", searchBytes>>30)
	}
	diff, err := firstDifference(best.line, canon)
	if err != nil {
		return fmt.Sprintf("%s, %s, cannot be read: %v", what, best.key, err)
	}
	return fmt.Sprintf("%s (%s, recorded %s) differs first in %s", what, best.key, time.UnixMicro(best.at).UTC().Format(time.RFC3339), diff)
}

// nearest looks through every request of the book, and reports whether its bound
// let it see all of them.
func (b *book) nearest(ctx context.Context, canon []byte) (best candidate, all bool, err error) {
	b.mu.Lock()
	segs := slices.DeleteFunc(slices.Clone(b.segs), func(s *segment) bool { return s.moved })
	b.mu.Unlock()
	want := newAsked(canon)
	var mu sync.Mutex
	left := int64(searchBytes)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(searchWorkers)
	all = true
	for _, seg := range segs {
		if left -= seg.bytes; left < 0 {
			all = false
			break
		}
		g.Go(func() error {
			mu.Lock()
			mine := best
			mu.Unlock()
			err := b.search(gctx, seg, want, &mine)
			mu.Lock()
			defer mu.Unlock()
			if mine.line != nil && (best.line == nil || mine.compare(best) > 0) {
				best = mine
			}
			return err
		})
	}
	err = g.Wait()
	return best, all, err
}

// search looks through a segment's requests.
func (b *book) search(ctx context.Context, seg *segment, want *asked, best *candidate) error {
	return b.withObject(ctx, seg.key, func(s *segmentReader) error {
		h, err := s.header(seg.object)
		if err != nil {
			return err
		}
		var line []byte
		for row := range 2 * len(h.Keys) {
			if line, err = s.line(line[:0], maxLine); err != nil {
				return err
			}
			if row >= len(h.Keys) {
				b.consider(want, bytes.TrimSuffix(line, []byte("\n")), best)
			}
		}
		return nil
	})
}

// consider makes line the best if it is nearer.
func (b *book) consider(want *asked, line []byte, best *candidate) {
	c, ok := want.measure(line, best)
	if !ok {
		return
	}
	hash := sha256.New()
	hash.Write(b.digest[:])
	hash.Write(line)
	hash.Sum(c.key[:0])
	b.mu.Lock()
	p, ok := b.index[c.key]
	if ok {
		c.at = b.segs[p.seg].at(p.row)
	}
	b.mu.Unlock()
	if ok && (best.line == nil || c.compare(*best) > 0) { // else it is not what was recorded
		c.line = bytes.Clone(line)
		*best = c
	}
}

// A candidate is a recorded request and how near it is: FORMAT.md has the order.
type candidate struct {
	line   []byte
	schema int // 1 when the schema has the same name
	prefix int // of the messages, in common
	suffix int
	rest   int // how many of replicate, schema and seed are the same
	at     int64
	key    llm.Key
}

// compare is positive when c is nearer than d.
func (c candidate) compare(d candidate) int {
	return cmp.Or(c.schema-d.schema, c.prefix-d.prefix, c.suffix-d.suffix, c.rest-d.rest, cmp.Compare(d.at, c.at), bytes.Compare(d.key[:], c.key[:]))
}

// asked is a canonical request, taken apart for comparisons.
type asked struct {
	messages []byte
	rest     []byte
	fields   [3][]byte // replicate, schema, seed
	schema   []byte    // how the field schema begins with its name
}

func newAsked(canon []byte) *asked {
	a := &asked{}
	a.messages, a.rest = splitRequest(canon)
	a.fields = restFields(a.rest)
	if s := a.fields[1]; s != nil {
		a.schema = s[:bytes.Index(s, []byte(`,"schema":`))+1]
	}
	return a
}

// measure compares a line as far as it could be nearer than best.
func (a *asked) measure(line []byte, best *candidate) (c candidate, ok bool) {
	c.prefix = commonPrefix(a.messages, line)
	if best.schema == 1 && c.prefix < best.prefix {
		return c, false
	}
	messages, rest := splitRequest(line)
	c.prefix = min(c.prefix, len(messages))
	c.suffix = commonSuffix(a.messages[c.prefix:], messages[c.prefix:])
	fields := restFields(rest)
	if (fields[1] == nil) == (a.schema == nil) && bytes.HasPrefix(fields[1], a.schema) {
		c.schema = 1
	}
	for i, f := range fields {
		if bytes.Equal(f, a.fields[i]) {
			c.rest++
		}
	}
	return c, true
}

// splitRequest splits a canonical request after its messages. A comma and a
// quote stand together only between fields, for within a string a quote follows a
// backslash, and one that ends a string comes before a comma or a brace.
func splitRequest(line []byte) (messages, rest []byte) {
	at := max(len(line)-1, 0) // before the brace
	for _, field := range [...]string{`],"replicate":`, `],"schema":`, `],"seed":`} {
		if i := bytes.Index(line[:at], []byte(field)); i >= 0 {
			at = i + 1
		}
	}
	return line[:at], line[at:]
}

// restFields takes apart what follows the messages; nil is a field left out.
func restFields(rest []byte) (fields [3][]byte) {
	rest = bytes.TrimSuffix(rest, []byte("}"))
	if i := bytes.LastIndex(rest, []byte(`,"seed":`)); i >= 0 && bytes.IndexByte(rest[i:], '}') < 0 {
		rest, fields[2] = rest[:i], rest[i+len(`,"seed":`):]
	}
	if tail, ok := bytes.CutPrefix(rest, []byte(`,"replicate":`)); ok {
		i := bytes.IndexByte(tail, ',')
		if i < 0 {
			i = len(tail)
		}
		rest, fields[0] = tail[i:], tail[:i]
	}
	if schema, ok := bytes.CutPrefix(rest, []byte(`,"schema":`)); ok {
		fields[1] = schema
	}
	return fields
}

// commonPrefix returns how many bytes a and b have in common at their beginning.
func commonPrefix(a, b []byte) int {
	n, i := min(len(a), len(b)), 0
	for ; i+8 <= n; i += 8 {
		if x := binary.LittleEndian.Uint64(a[i:]) ^ binary.LittleEndian.Uint64(b[i:]); x != 0 {
			return i + bits.TrailingZeros64(x)/8
		}
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}

// commonSuffix is commonPrefix at the end.
func commonSuffix(a, b []byte) int {
	n, i := min(len(a), len(b)), 0
	for ; i+8 <= n; i += 8 {
		if x := binary.LittleEndian.Uint64(a[len(a)-i-8:]) ^ binary.LittleEndian.Uint64(b[len(b)-i-8:]); x != 0 {
			return i + bits.LeadingZeros64(x)/8
		}
	}
	for i < n && a[len(a)-1-i] == b[len(b)-1-i] {
		i++
	}
	return i
}
