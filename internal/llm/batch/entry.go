package batch

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/store"
)

// An entry is a batch that is written down and not closed. What stands from
// waiting on is under the batcher's mu; the rest is its follower's, who sets the id
// under it, too, for whoever tells of it.
type entry struct {
	mark    string
	keys    []llm.Key
	created time.Time
	adopted bool   // noted by another process
	id      string // the provider's; "" until it is known
	void    bool   // given up: there is no such batch
	last    llm.Batch
	watched bool   // it was made here, or seen before it ended or was cancelled
	seen    bool   // the provider showed it
	file    string // of its requests, at the provider, where it was made here
	missed  int    // looks in a row that did not show it, or all its answers
	overdue int    // looks beyond its deadline
	given   bool   // somebody was answered from it
	read    bool   // its files were, at least once

	waiting   map[llm.Key]*ask
	barren    map[llm.Key]bool // it has no answer to these that is worth keeping
	following bool
	state     string // how it stands, in words
	done      int    // requests
}

func newEntry(mark string, keys []llm.Key, created time.Time) *entry {
	return &entry{mark: mark, keys: keys, created: created, waiting: map[llm.Key]*ask{}, barren: map[llm.Key]bool{}}
}

// before orders entries by age.
func (e *entry) before(f *entry) int {
	return cmp.Or(e.created.Compare(f.created), strings.Compare(e.mark, f.mark))
}

// name says which batch of the provider's an entry is.
func (b *Batcher) name(e *entry, id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e.id = id
}

// keptFor is how long providers keep a batch's files. A batch that nobody asked
// for until then is closed, so that what is open stays bounded.
const keptFor = 30 * 24 * time.Hour

// recall reads the open batches in the notes that are not known yet, and
// closes those that have nothing more to give.
func (b *Batcher) recall(ctx context.Context) error {
	marks, err := b.notes.marks(ctx)
	if err != nil {
		return err
	}
	b.mu.Lock()
	maps.DeleteFunc(marks, func(mark string, _ bool) bool { return b.entries[mark] != nil })
	b.mu.Unlock()
	unknown := slices.Sorted(maps.Keys(marks))
	found := make([]*entry, len(unknown))
	err = store.SideBySide(ctx, len(unknown), func(i int) error {
		e, err := b.notes.entry(ctx, unknown[i], marks[unknown[i]])
		if err != nil {
			return err
		}
		done := e.void || b.opt.Now().Sub(e.created) > keptFor
		if !done {
			if done, err = b.opt.Written(ctx, e.keys, e.created); err != nil {
				return err
			}
		}
		if done {
			return b.notes.close(ctx, e.mark)
		}
		found[i] = e
		return nil
	})
	if err != nil {
		return err
	}
	found = slices.DeleteFunc(found, func(e *entry) bool { return e == nil })
	slices.SortFunc(found, (*entry).before)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range found {
		b.track(e)
	}
	return nil
}

// track makes an entry findable. b.mu is held.
func (b *Batcher) track(e *entry) {
	b.entries[e.mark] = e
	for _, k := range e.keys {
		b.byKey[k] = append(b.byKey[k], e)
	}
}

// drop notes that an entry has nothing to give for some keys. b.mu is held.
func (b *Batcher) drop(e *entry, keys []llm.Key) {
	for _, k := range keys {
		left := slices.DeleteFunc(b.byKey[k], func(x *entry) bool { return x == e })
		if len(left) == 0 {
			delete(b.byKey, k)
		} else {
			b.byKey[k] = left
		}
		delete(e.waiting, k)
		e.barren[k] = true
	}
}

// discard closes an entry that has no answers to give, and asks for them anew.
func (b *Batcher) discard(ctx context.Context, e *entry) error {
	if err := b.notes.close(ctx, e.mark); err != nil {
		return err
	}
	b.again(b.remove(e))
	return nil
}

// remove forgets an entry and returns who waited for it.
func (b *Batcher) remove(e *entry) []*ask {
	b.mu.Lock()
	defer b.mu.Unlock()
	asks := e.inOrder()
	b.drop(e, e.keys)
	delete(b.entries, e.mark)
	e.following = false
	return asks
}

// inOrder returns who waits, in the file's order. b.mu is held.
func (e *entry) inOrder() []*ask {
	asks := make([]*ask, 0, len(e.waiting))
	for _, k := range e.keys {
		if a, ok := e.waiting[k]; ok {
			asks = append(asks, a)
		}
	}
	return asks
}

// CloseWritten closes the batches whose answers the ledger has written, all of them.
// What is not closed now is closed when the model is next opened.
func (b *Batcher) CloseWritten(ctx context.Context) error {
	b.mu.Lock()
	idle := map[*entry][]llm.Key{} // with the keys whose answers are to keep
	for _, e := range b.entries {
		if len(e.waiting) == 0 {
			idle[e] = slices.DeleteFunc(slices.Clone(e.keys), func(k llm.Key) bool { return e.barren[k] })
		}
	}
	b.mu.Unlock()
	for e, keys := range idle {
		ok, err := b.opt.Written(ctx, keys, e.created)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if err := b.notes.close(ctx, e.mark); err != nil {
			return err
		}
		b.again(b.remove(e))
	}
	return nil
}
