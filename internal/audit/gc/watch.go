package gc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/gymline/gymline/internal/audit/closure"
	"github.com/gymline/gymline/internal/store"
)

// pollEvery is how often a process at work looks whether a sweep is done.
const pollEvery = time.Second

// A Watched bucket is a bucket as a process at work uses it, beside removals.
type Watched struct {
	bucket store.Bucket
	clock  Clock
	every  time.Duration

	turn   chan struct{} // full while somebody has it: what follows is theirs
	looked time.Time
	last   int         // the last generation that is known of
	active *active     // it, while it may remove something
	relied closure.Set // all keys that were asked for, read or written
	lost   error       // why nothing can go on here
}

// An active generation is one that may remove something.
type active struct {
	number    int
	condemned *closure.Set
	kept      closure.Set // marked by this process
}

// Watch returns a bucket as a process at work uses it. It looks for removals now, and again
// when its last look is older than every.
func Watch(ctx context.Context, b store.Bucket, clock Clock, every time.Duration) (*Watched, error) {
	w := &Watched{bucket: b, clock: clock, every: every, turn: make(chan struct{}, 1)}
	return w, w.fresh(ctx)
}

// take waits for one's turn.
func (w *Watched) take(ctx context.Context) error {
	select {
	case w.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *Watched) leave() { <-w.turn }

// Tend looks from time to time until ctx ends, for a process that asks the store for nothing
// for long. A look that fails is made again.
func (w *Watched) Tend(ctx context.Context) {
	for w.clock.Sleep(ctx, w.every/2) == nil {
		if w.take(ctx) == nil {
			_ = w.fresh(ctx)
			w.leave()
		}
	}
}

// fresh looks for removals, unless it has just looked.
func (w *Watched) fresh(ctx context.Context) error {
	if w.lost != nil {
		return w.lost
	}
	if !w.looked.IsZero() {
		if _, most := w.clock.since(w.looked); most <= w.every {
			return nil
		}
	}
	at := w.clock.Now()
	s, err := look(ctx, w.bucket)
	if err == nil && s.number > w.last {
		err = w.learn(ctx, s)
	}
	if err != nil {
		return beside(err)
	}
	if s.done {
		w.active = nil
	}
	w.looked, w.last = at, s.number
	return nil
}

// beside is an error of a removal's records: it says nothing of the object that is asked for.
func beside(err error) error {
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrCorrupt) {
		return &store.Error{Op: "get", Key: folder, Kind: store.Transient, Err: fmt.Errorf("what removals are under way cannot be told: %v", err), Fix: "run again"} //nolint:errorlint // nobody is to find that it wraps
	}
	return err
}

// learn reads what a new generation condemns, and marks what is relied on of it.
func (w *Watched) learn(ctx context.Context, s standing) error {
	w.active = nil
	if s.done && w.relied.Len() == 0 {
		return nil
	}
	if w.relied.Len() > 0 && s.number > w.last+1 { // those between have removed what they removed
		w.lost = away(s.number, "an object")
		return w.lost
	}
	a := &active{number: s.number, condemned: &closure.Set{}}
	var mine []string
	err := condemned(ctx, w.bucket, s.number, func(k string) {
		a.condemned.Add(k)
		if w.relied.Has(k) {
			mine = append(mine, k)
		}
	})
	if err != nil {
		return err
	}
	swept, err := w.mark(ctx, a, mine)
	if err == nil && swept {
		w.lost = away(s.number, mine[0])
		err = w.lost
	}
	if err == nil {
		w.active = a
	}
	return err
}

func away(n int, k string) error {
	return &store.Error{Op: "get", Key: k, Kind: store.Transient, Err: fmt.Errorf("%w: removal %d began and ended while this process was suspended", errGone, n), Fix: "run again: what is missing is stored anew"}
}

// mark keeps condemned objects from being removed, and reports whether it may be too late.
func (w *Watched) mark(ctx context.Context, a *active, keys []string) (swept bool, err error) {
	if len(keys) == 0 {
		return false, nil
	}
	err = store.SideBySide(ctx, len(keys), func(i int) error {
		if !a.kept.Add(keys[i]) {
			return nil
		}
		return w.bucket.Put(ctx, kept+strconv.Itoa(a.number)+"/"+closure.Short(keys[i]), strings.NewReader(keys[i]), int64(len(keys[i])))
	})
	if err != nil {
		a.kept = closure.Set{}
		return false, err
	}
	_, err = w.bucket.Stat(ctx, key(a.number, ".sweep"))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Rely implements store.Watched: it is before objects are relied on, read or written. After
// it nobody removes them.
func (w *Watched) Rely(ctx context.Context, keys ...string) error {
	if err := w.take(ctx); err != nil {
		return err
	}
	defer w.leave()
	doubtful, err := w.before(ctx, keys)
	for i := 0; i < len(doubtful) && err == nil; i++ { // a sweep was going on: is it there?
		if _, err = w.bucket.Stat(ctx, doubtful[i]); errors.Is(err, store.ErrNotFound) {
			w.lost = &store.Error{Op: "stat", Key: doubtful[i], Kind: store.Transient, Err: errGone, Fix: "run again: it is stored anew"}
			err = w.lost
		}
	}
	return err
}

// before returns those of the keys that may have been removed at this moment.
func (w *Watched) before(ctx context.Context, keys []string) (doubtful []string, err error) {
	if err := w.fresh(ctx); err != nil {
		return nil, err
	}
	var mine []string
	for _, k := range keys {
		w.relied.Add(k)
		if a := w.active; a != nil && a.condemned.Has(k) && !a.kept.Has(k) {
			mine = append(mine, k)
		}
	}
	swept, err := w.mark(ctx, w.active, mine)
	if err == nil && swept {
		doubtful, err = mine, w.wait(ctx, w.active.number)
	}
	if err == nil && swept {
		w.active = nil
	}
	return doubtful, beside(err)
}

// wait returns when a sweep is over.
func (w *Watched) wait(ctx context.Context, n int) error {
	s, err := read[sweep](ctx, w.bucket, key(n, ".sweep"))
	if errors.Is(err, store.ErrNotFound) {
		return nil // it was over long ago
	}
	for begun := w.clock.Now(); err == nil; err = w.clock.Sleep(ctx, pollEvery) {
		_, err = w.bucket.Stat(ctx, key(n, ".done"))
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if least, _ := w.clock.since(begun); least > seconds(s.For) {
			return nil
		}
	}
	return err
}

// use is a request for a key.
func (w *Watched) use(ctx context.Context, k string, request func() error) error {
	if strings.HasPrefix(k, "ledger/") { // nothing of it is ever removed
		return request()
	}
	if err := w.prepare(ctx, k); err != nil {
		return err
	}
	return w.after(ctx, request())
}

func (w *Watched) prepare(ctx context.Context, keys ...string) error {
	if err := w.take(ctx); err != nil {
		return err
	}
	defer w.leave()
	_, err := w.before(ctx, keys)
	return err
}

// after is when a request has ended, which may have taken long.
func (w *Watched) after(ctx context.Context, err error) error {
	if w.take(ctx) != nil {
		return err
	}
	defer w.leave()
	if _ = w.fresh(ctx); w.lost != nil {
		return w.lost
	}
	return err
}

// Sparse implements store.Watched.
func (w *Watched) Sparse() bool {
	w.turn <- struct{}{}
	defer w.leave()
	return w.last > 0
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func eachLine(in io.Reader, fn func(string)) error {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		fn(lines.Text())
	}
	return lines.Err()
}
