package gc_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gymline/gymline/internal/audit/closure"
	"github.com/gymline/gymline/internal/audit/gc"
	"github.com/gymline/gymline/internal/store"
)

// known remembers the tree that a folder was stored as last, whoever removed it since.
type known struct {
	mu     sync.Mutex
	stored store.Digest
	store.Known
}

func (k *known) Stored() store.Digest { k.mu.Lock(); defer k.mu.Unlock(); return k.stored }
func (k *known) KeepStored(d store.Digest) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stored = d
}

// whole fails where a run lacks something.
func (m *model) whole(id store.RunID) {
	st, lost := store.New(m.bucket), ""
	err := closure.Of(m.t.Context(), st, id, func(o closure.Object) error {
		lost = o.Key
		if o.Err != nil {
			return fmt.Errorf("%s (%s): %w", o.Key, o.Why, o.Err)
		}
		_, err := m.bucket.Stat(m.t.Context(), o.Key)
		if o.Optional && errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil && !m.t.Failed() {
		m.t.Errorf("seed %d: run %s lost something: %v\n%s", m.seed, id, err, strings.Join(m.told(lost), "\n"))
	}
}

// told is what the log has of removals, of runs' records and of one object.
func (m *model) told(key string) (lines []string) {
	for _, l := range m.log {
		if strings.Contains(l, "create gc/") || strings.Contains(l, "create runs/") || strings.HasSuffix(l, "list gc/") || strings.HasSuffix(l, " "+key) || strings.HasSuffix(l, "/"+closure.Short(key)) {
			lines = append(lines, l)
		}
	}
	return lines
}

// removedRuns are gone, and nothing is asked of them.
func (m *model) gone(id store.RunID) bool {
	_, err := m.bucket.Stat(m.t.Context(), "removed/"+string(id)+".json")
	return err == nil
}

func play(t *testing.T, seed uint64) (removed, kept int) {
	m := &model{
		t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 7)), bucket: store.NewMem(), turns: make(chan *turn, 1000), ended: make(chan *actor, 1000),
		now: time.Unix(1_000_000, 0), written: map[string]time.Time{}, sealed: map[store.RunID]bool{},
	}
	folders := []*known{{}, {}, {}, {}}
	for i := range folders {
		folders[i].Known = (&store.TreeFS{}).Known()
	}
	runs := 0
	for range 3 {
		actors := 0
		add := func(name string, fn func(a *actor, ctx context.Context) error) {
			a := &actor{m: m, name: name, left: -1}
			if m.rng.IntN(3) == 0 {
				a.left = m.rng.IntN(200)
			}
			actors++
			m.start(a, func(ctx context.Context) error { return fn(a, ctx) })
		}
		for range 2 + m.rng.IntN(3) {
			runs++
			id, n := store.RunID(fmt.Sprintf("x-%d", runs)), m.rng.IntN(4)
			add(string(id), func(a *actor, ctx context.Context) error { return a.work(ctx, id, n, folders[n]) })
		}
		var sealed []store.RunID
		for id := range m.sealed {
			sealed = append(sealed, id)
		}
		slices.Sort(sealed)
		for range 1 + m.rng.IntN(2) {
			if len(sealed) > 0 {
				id := sealed[m.rng.IntN(len(sealed))]
				add("rm "+string(id), func(a *actor, ctx context.Context) error {
					r := gc.Removal{Store: store.New(turning{a, m.bucket}), Clock: a.clock()}
					err := r.Remove(ctx, id)
					if errors.Is(err, store.ErrNotFound) {
						return nil // by another
					}
					return err
				})
			}
		}
		for c := range 2 + m.rng.IntN(2) {
			add(fmt.Sprint("gc", c), func(a *actor, ctx context.Context) error { return a.collect(ctx) })
		}
		m.play(actors)
		for id := range m.sealed {
			if !m.gone(id) {
				m.whole(id)
			}
		}
	}
	m.rest()
	for range m.bucket.List(t.Context(), "removed/") {
		removed++
	}
	return removed, m.kept
}

// collect condemns, waits and sweeps, three times.
func (a *actor) collect(ctx context.Context) error {
	c := gc.Collector{Store: store.New(turning{a, a.m.bucket}), Clock: a.clock(), Grace: grace, For: sweepFor}
	for range 4 {
		if _, err := c.Collect(ctx); err != nil {
			return err
		}
		if err := c.Clock.Sleep(ctx, grace); err != nil {
			return err
		}
	}
	return nil
}

// rest collects when nobody is at work: then nothing is left that nothing reaches.
func (m *model) rest() {
	last := &actor{m: m, name: "rest", left: -1}
	var left gc.Report
	m.start(last, func(ctx context.Context) error {
		c := gc.Collector{Store: store.New(turning{last, m.bucket}), Clock: last.clock(), Grace: grace, For: sweepFor}
		for range 6 {
			if _, err := c.Collect(ctx); err != nil {
				return err
			}
			if err := c.Clock.Sleep(ctx, 100*grace); err != nil {
				return err
			}
		}
		var err error
		left, err = c.Look(ctx)
		return err
	})
	m.play(1)
	if left.Unreachable.Objects > 0 {
		m.t.Errorf("seed %d: at rest %d objects are left: %v", m.seed, left.Unreachable.Objects, left.Unreachable.Kinds)
	}
	for id := range m.sealed {
		if !m.gone(id) {
			m.whole(id)
		}
	}
}

// Whatever the order of requests and whoever is killed when: no run loses anything, and
// at rest nothing is left that nothing reaches.
func TestModel(t *testing.T) {
	seeds, err := strconv.ParseUint(cmp.Or(os.Getenv("GYMLINE_GC_SEEDS"), "40"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if bubbled {
		t.Skip("what this bubble pooled, another may not use: one a process")
	}
	bubbled = true
	synctest.Test(t, func(t *testing.T) {
		removed, kept := 0, 0
		for seed := range seeds {
			gone, marks := play(t, seed)
			removed, kept = removed+gone, kept+marks
			if t.Failed() {
				return
			}
		}
		if removed == 0 || kept == 0 {
			t.Error("no run was ever removed, or nothing was ever kept by a mark")
		}
		t.Logf("%d seeds, %d runs removed, %d marks", seeds, removed, kept)
	})
}

var bubbled bool
