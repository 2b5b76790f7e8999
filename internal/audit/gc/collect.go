package gc

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/gymline/gymline/internal/store"
)

// A Collector removes what nothing reaches.
type Collector struct {
	Store *store.Store // not Watched
	Clock Clock
	By    string
	// Grace is how long what is condemned stays. Less than Grace is safe down to twice
	// LookEvery; below that nothing else may be at work.
	Grace time.Duration
	// For is how long a sweep removes, at least; 0: 10 minutes.
	For time.Duration
}

// An Amount is of objects.
type Amount struct {
	Objects int              `json:"objects"`
	Bytes   int64            `json:"bytes"`
	Kinds   map[string]int64 `json:"kinds,omitempty"` // bytes by the first part of the key
}

func (a *Amount) count(o store.Sized) {
	if a.Kinds == nil {
		a.Kinds = map[string]int64{}
	}
	kind, _, _ := strings.Cut(o.Key, "/")
	a.Objects, a.Bytes, a.Kinds[kind] = a.Objects+1, a.Bytes+o.Bytes, a.Kinds[kind]+o.Bytes
}

// A Report is what a collection found or did.
type Report struct {
	Generation  int    `json:"generation,omitempty"`
	Unreachable Amount `json:"unreachable"`
	Removed     Amount `json:"removed"`
	// Condemned is what goes with a collection after Due.
	Condemned Amount `json:"condemned"`
	Due       string `json:"due,omitempty"`
	// Sweeping says that another process removes at this moment.
	Sweeping bool `json:"sweeping,omitempty"`
	// Cut says that the time of the sweep was up before all was removed.
	Cut bool `json:"cut,omitempty"`
}

// Look finds what nothing reaches, and writes nothing.
func (c Collector) Look(ctx context.Context) (Report, error) {
	r := Report{}
	s, err := look(ctx, c.Store.Bucket())
	if err == nil && s.number > 0 && !s.done {
		err = c.standing(ctx, s, &r)
	}
	if err != nil {
		return r, err
	}
	seen, err := reachable(ctx, c.Store)
	if err != nil {
		return r, err
	}
	return r, unreached(ctx, c.Store, seen, func(o store.Sized) error { r.Unreachable.count(o); return nil })
}

// standing says of what is condemned when it goes.
func (c Collector) standing(ctx context.Context, s standing, r *Report) error {
	g, err := read[Generation](ctx, c.Store.Bucket(), key(s.number, ""))
	r.Generation, r.Condemned = s.number, Amount{Objects: g.Objects, Bytes: g.Bytes}
	r.Due, r.Sweeping = store.Stamp(s.made.Add(c.Grace)), s.sweep
	return overtaken(s.number, err)
}

// Collect sweeps what has been condemned for long enough, and condemns what nothing reaches
// now. Where the grace is none it does both at once.
func (c Collector) Collect(ctx context.Context) (Report, error) {
	r := Report{}
	b := c.Store.Bucket()
	s, err := look(ctx, b)
	if err != nil {
		return r, err
	}
	if s.number > 0 && !s.done {
		now, err := c.now(ctx)
		if err != nil {
			return r, err
		}
		if err := c.goOn(ctx, s, now, &r); err != nil || r.Sweeping || r.Due != "" {
			return r, err
		}
	}
	n, err := c.condemn(ctx, &r)
	if err != nil || n == 0 || c.Grace > 0 {
		return r, err
	}
	swept, err := c.sweep(ctx, n)
	r.Condemned, r.Due = Amount{}, ""
	r.add(swept)
	return r, err
}

func (r *Report) add(swept Report) {
	r.Generation, r.Cut, r.Sweeping = swept.Generation, r.Cut || swept.Cut, swept.Sweeping
	r.Removed.Objects += swept.Removed.Objects
	r.Removed.Bytes += swept.Removed.Bytes
	kinds := maps.Clone(swept.Removed.Kinds)
	for k, n := range r.Removed.Kinds {
		kinds[k] += n
	}
	r.Removed.Kinds = kinds
}

// now is the time by the bucket's clock.
func (c Collector) now(ctx context.Context) (time.Time, error) {
	const probe = folder + "now.json"
	b := c.Store.Bucket()
	if err := b.Put(ctx, probe, strings.NewReader("{}"), 2); err != nil {
		return time.Time{}, err
	}
	for o, err := range b.Sizes(ctx, probe) {
		return o.Changed, err
	}
	return time.Time{}, outrun(0)
}

// goOn goes on with the generation that is under way, as far as it can.
func (c Collector) goOn(ctx context.Context, s standing, now time.Time, r *Report) error {
	b := c.Store.Bucket()
	if s.sweep {
		d, err := read[sweep](ctx, b, key(s.number, ".sweep"))
		if err != nil {
			return overtaken(s.number, err)
		}
		if now.Before(s.swept.Add(seconds(d.For))) {
			return c.standing(ctx, s, r) // r.Sweeping
		}
		return c.finish(ctx, s.number, done{Cut: true})
	}
	if now.Before(s.made.Add(c.Grace)) {
		return c.standing(ctx, s, r)
	}
	swept, err := c.sweep(ctx, s.number)
	r.add(swept)
	return err
}

func (c Collector) finish(ctx context.Context, n int, d done) error {
	d.Format, d.At = FormatVersion, store.Stamp(c.Clock.Now())
	err := create(ctx, c.Store.Bucket(), key(n, ".done"), d)
	if errors.Is(err, store.ErrExists) {
		return nil
	}
	return err
}

// condemn makes the next generation, of what nothing reaches now; 0: there is nothing.
func (c Collector) condemn(ctx context.Context, r *Report) (int, error) {
	b, begun := c.Store.Bucket(), c.Clock.Now()
	s, err := look(ctx, b)
	if err != nil {
		return 0, err
	}
	n := s.number + 1
	if s.number > 0 && !s.done {
		return 0, outrun(n)
	}
	seen, err := reachable(ctx, c.Store)
	if err != nil {
		return 0, err
	}
	walk, _ := c.Clock.since(begun)
	w := lists(b, n).NewBlob()
	defer w.Discard()
	err = unreached(ctx, c.Store, seen, func(o store.Sized) error {
		r.Condemned.count(o)
		_, err := fmt.Fprintln(w, o.Key)
		return err
	})
	if err != nil || r.Condemned.Objects == 0 {
		return 0, err
	}
	d, err := w.Commit(ctx)
	if err != nil {
		return 0, err
	}
	at := c.Clock.Now()
	g := Generation{FormatVersion, n, store.Stamp(at), c.By, d, r.Condemned.Objects, r.Condemned.Bytes, walk.Seconds()}
	err = create(ctx, b, key(n, ""), g)
	if errors.Is(err, store.ErrExists) {
		err = outrun(n)
	}
	if err != nil {
		return 0, err
	}
	// The number may have been used, and forgotten, since it was found to be free.
	if s, err = look(ctx, b); err == nil && s.number != n {
		err = outrun(n)
	}
	if err != nil {
		return 0, err
	}
	r.Generation, r.Due = n, store.Stamp(at.Add(c.Grace))
	return n, c.forget(ctx, s.others)
}

// overtaken is an error of a generation's records: they go when a later one is there.
func overtaken(n int, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return outrun(n)
	}
	return err
}

func outrun(n int) error {
	return &store.Error{Op: "create", Key: key(n, ""), Kind: store.Transient, Err: errors.New("another gc began at the same moment"), Fix: "run 'gymline gc' again: it goes on with that one"}
}

// forget removes the records of generations that are done: those before the last. Their own
// records go last, so that what is left of one is found again.
func (c Collector) forget(ctx context.Context, numbers []int) error {
	b := c.Store.Bucket()
	for _, n := range numbers {
		for _, prefix := range []string{kept, listed} {
			for k, err := range b.List(ctx, prefix+strconv.Itoa(n)+"/") {
				if err == nil {
					err = b.Delete(ctx, k)
				}
				if err != nil {
					return err
				}
			}
		}
		for _, what := range []string{".sweep", ".done", ""} {
			if err := b.Delete(ctx, key(n, what)); err != nil {
				return err
			}
		}
	}
	return nil
}
