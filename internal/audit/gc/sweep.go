package gc

import (
	"context"
	"errors"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/gymline/gymline/internal/audit/closure"
	"github.com/gymline/gymline/internal/store"
)

// atOnce is how many objects are removed side by side.
const atOnce = 256

// errTime is that a sweep's time is up.
var errTime = errors.New("the time of this removal is up")

// A sweeping is a sweep under way.
type sweeping struct {
	Collector
	begun           time.Time
	length          time.Duration
	made            time.Time // when its generation was, by the bucket's clock
	condemned, kept closure.Set
	report          *Report
}

// sweep removes what a generation condemns and nothing reaches.
func (c Collector) sweep(ctx context.Context, n int) (r Report, err error) {
	b := c.Store.Bucket()
	r.Generation = n
	s, err := look(ctx, b)
	if err == nil && (s.number != n || s.done) {
		err = outrun(n)
	}
	if err != nil {
		return r, err
	}
	g, err := read[Generation](ctx, b, key(n, ""))
	if err != nil {
		return r, overtaken(n, err)
	}
	m := &sweeping{Collector: c, length: sweepFor, made: s.made, report: &r}
	if c.For > 0 {
		m.length = c.For
	}
	m.length += 2 * seconds(g.Walk)
	if err := condemned(ctx, b, n, func(k string) { m.condemned.Add(k) }); err != nil {
		return r, overtaken(n, err)
	}
	m.begun = c.Clock.Now()
	err = create(ctx, b, key(n, ".sweep"), sweep{FormatVersion, store.Stamp(m.begun), c.By, thirds * m.length.Seconds()})
	if errors.Is(err, store.ErrExists) {
		r.Sweeping = true
		return r, nil
	}
	if err == nil {
		err = m.marks(ctx, n)
	}
	if err == nil {
		err = m.remove(ctx)
	}
	if r.Cut = errors.Is(err, errTime); r.Cut {
		err = nil
	}
	if err != nil {
		return r, err // and what is left is condemned anew when its time is up
	}
	return r, c.finish(ctx, n, done{Removed: r.Removed.Objects, Bytes: r.Removed.Bytes, Cut: r.Cut})
}

// marks are what processes at work keep.
func (m *sweeping) marks(ctx context.Context, n int) error {
	for k, err := range m.Store.Bucket().List(ctx, kept+strconv.Itoa(n)+"/") {
		if err != nil {
			return err
		}
		m.kept.AddShort(path.Base(k))
	}
	return nil
}

// remove walks all roots again, and removes what is condemned and need not stay: all memos
// before anything else.
func (m *sweeping) remove(ctx context.Context) error {
	seen, err := reachable(ctx, m.Store)
	if err != nil {
		return err
	}
	var next []store.Sized
	memos := true
	flush := func() error {
		list := next
		next = nil
		return m.delete(ctx, list)
	}
	err = unreached(ctx, m.Store, seen, func(o store.Sized) error {
		if isMemo := strings.HasPrefix(o.Key, kinds[0]); memos && !isMemo {
			memos = false
			if err := flush(); err != nil {
				return err
			}
		}
		if !m.condemned.Has(o.Key) || m.kept.Has(o.Key) || o.Changed.After(m.made) {
			return nil
		}
		if next = append(next, o); len(next) < atOnce {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	return err
}

// delete removes objects while there is time.
func (m *sweeping) delete(ctx context.Context, list []store.Sized) error {
	gone := make([]bool, len(list))
	err := store.SideBySide(ctx, len(list), func(i int) error {
		if _, most := m.Clock.since(m.begun); most > m.length {
			return errTime
		}
		err := m.Store.Bucket().Delete(ctx, list[i].Key)
		gone[i] = err == nil
		return err
	})
	for i, o := range list {
		if gone[i] {
			m.report.Removed.count(o)
		}
	}
	return err
}
