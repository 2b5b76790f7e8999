package gc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gymline/gymline/internal/audit/gc"
	"github.com/gymline/gymline/internal/store"
)

var errKilled = errors.New("killed")

// A model lets actors take turns, one request to the bucket at a time, in a random
// order, with a clock of its own, and kills some of them at random requests.
type model struct {
	t      *testing.T
	seed   uint64
	rng    *rand.Rand
	bucket *store.Mem
	turns  chan *turn
	ended  chan *actor

	mu  sync.Mutex
	now time.Time
	log []string

	written map[string]time.Time // by the bucket's clock

	state  sync.Mutex
	sealed map[store.RunID]bool // by a live writer
	kept   int                  // marks of processes at work
}

// An actor is a process.
type actor struct {
	m    *model
	name string
	left int // requests until it is killed; negative: it is not
	open []store.Bucket

	killed atomic.Bool
}

type turn struct {
	a     *actor
	what  string
	until time.Time // of a sleep
	go_   chan bool // false: killed
}

func (m *model) time() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// ask waits for the actor's turn.
func (a *actor) ask(ctx context.Context, what string, until time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t := &turn{a, what, until, make(chan bool)}
	a.m.turns <- t
	if !<-t.go_ {
		a.killed.Store(true)
		return errKilled
	}
	return nil
}

func (a *actor) clock() gc.Clock {
	return gc.Clock{Now: a.m.time, Sleep: func(ctx context.Context, d time.Duration) error {
		return a.ask(ctx, "sleep", a.m.time().Add(d))
	}}
}

// bucket is the model's, as an actor uses it. A killed one's last request may have come
// through.
type turning struct {
	a *actor
	b *store.Mem
}

func do[T any](ctx context.Context, b turning, what string, fn func() (T, error)) (v T, err error) {
	err = b.a.ask(ctx, what, time.Time{})
	if err == nil {
		return fn()
	}
	return v, err
}

type none struct{}

func (b turning) wrote(key string, err error) (none, error) {
	m := b.a.m
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil {
		m.written[key] = m.now
	}
	if err == nil && strings.HasPrefix(key, "gc-kept/") {
		m.kept++
	}
	return none{}, err
}

func (b turning) Put(ctx context.Context, key string, body io.ReadSeeker, size int64) error {
	_, err := do(ctx, b, "put "+key, func() (none, error) { return b.wrote(key, b.b.Put(ctx, key, body, size)) })
	return err
}
func (b turning) Create(ctx context.Context, key string, body []byte) error {
	_, err := do(ctx, b, "create "+key, func() (none, error) { return b.wrote(key, b.b.Create(ctx, key, body)) })
	return err
}
func (b turning) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	return do(ctx, b, "get "+key, func() (io.ReadCloser, error) { return b.b.Get(ctx, key) })
}
func (b turning) GetRange(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	return do(ctx, b, "get "+key, func() (io.ReadCloser, error) { return b.b.GetRange(ctx, key, offset, length) })
}
func (b turning) Stat(ctx context.Context, key string) (int64, error) {
	return do(ctx, b, "stat "+key, func() (int64, error) { return b.b.Stat(ctx, key) })
}
func (b turning) Delete(ctx context.Context, key string) error {
	_, err := do(ctx, b, "delete "+key, func() (none, error) { return none{}, b.b.Delete(ctx, key) })
	return err
}
func (b turning) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for o, err := range b.Sizes(ctx, prefix) {
			if !yield(o.Key, err) {
				return
			}
		}
	}
}
func (b turning) Sizes(ctx context.Context, prefix string) iter.Seq2[store.Sized, error] {
	return func(yield func(store.Sized, error) bool) {
		list, err := do(ctx, b, "list "+prefix, func() (list []store.Sized, err error) {
			b.a.m.mu.Lock()
			defer b.a.m.mu.Unlock()
			for o := range b.b.Sizes(ctx, prefix) {
				o.Changed = b.a.m.written[o.Key]
				list = append(list, o)
			}
			return list, nil
		})
		if err != nil {
			yield(store.Sized{}, err)
			return
		}
		for _, o := range list {
			if !yield(o, nil) {
				return
			}
		}
	}
}

// start lets an actor begin.
func (m *model) start(a *actor, fn func(ctx context.Context) error) {
	go func() {
		err := fn(m.t.Context())
		if err != nil && !a.killed.Load() && !expected(err) {
			m.t.Errorf("seed %d: %s: %v", m.seed, a.name, err)
		}
		m.ended <- a
	}()
}

// expected are failures that a user is told to try again after.
func expected(err error) bool {
	e, ok := errors.AsType[*store.Error](err)
	var kept *gc.Kept
	return ok && e.Kind == store.Transient || errors.As(err, &kept)
}

// play lets n actors take turns until all have ended.
func (m *model) play(n int) {
	var waiting []*turn
	for {
		synctest.Wait() // all have come
		for come := true; come; {
			select {
			case t := <-m.turns:
				waiting = append(waiting, t)
			case <-m.ended:
				n--
			default:
				come = false
			}
		}
		if n == 0 {
			return
		}
		if len(waiting) == 0 {
			continue
		}
		i := m.pick(waiting)
		t := waiting[i]
		waiting = slices.Delete(waiting, i, i+1)
		if t.a.left == 0 {
			t.go_ <- false
			continue
		}
		t.a.left--
		m.mu.Lock()
		if len(m.log) < 100_000 {
			m.log = append(m.log, fmt.Sprint(m.now.Unix()-1_000_000, " ", t.a.name, " ", t.what))
		}
		m.mu.Unlock()
		t.go_ <- true
	}
}

// pick takes a turn at random. Time goes on where all sleep and, at times, between; not
// while a request to remove is on its way.
func (m *model) pick(waiting []*turn) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rng.IntN(20) == 0 && !slices.ContainsFunc(waiting, func(t *turn) bool { return strings.HasPrefix(t.what, "delete ") }) {
		m.now = m.now.Add(time.Second)
	}
	for {
		var due []int
		for i, t := range waiting {
			if !t.until.After(m.now) || t.a.left == 0 {
				due = append(due, i)
			}
		}
		if due != nil {
			return due[m.rng.IntN(len(due))]
		}
		m.now = m.now.Add(time.Second)
	}
}
