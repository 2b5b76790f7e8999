package ledger

import (
	"container/list"
	"sync"

	"github.com/gymline/gymline/internal/llm"
)

// A cache keeps the answers that were used last, up to a bound in bytes. A replay
// asks in about the order of the recording, so few are enough.
type cache struct {
	mu    sync.Mutex
	max   int
	size  int
	order *list.List // of *cached, the latest used first
	byKey map[pageKey]*list.Element
}

// A page is what is read at once: a frame of a segment, or a journal, with its
// keys, for it may be written over.
type page struct {
	keys  keyList
	lines [][]byte
}

// A pageKey is a frame of a segment; 0 of a journal.
type pageKey struct {
	seg *segment
	n   int
}

type cached struct {
	key  pageKey
	mu   sync.Mutex // held while it loads, so that it loads once
	page page
	size int // guarded by the cache's mu
}

func newCache(limit int) *cache {
	return &cache{max: limit, order: list.New(), byKey: map[pageKey]*list.Element{}}
}

// get returns a page, by load when it is not there.
func (c *cache) get(key pageKey, load func() (page, error)) (page, error) {
	c.mu.Lock()
	e, ok := c.byKey[key]
	if ok {
		c.order.MoveToFront(e)
	} else {
		e = c.order.PushFront(&cached{key: key})
		c.byKey[key] = e
	}
	c.mu.Unlock()
	f := e.Value.(*cached)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.page.lines != nil {
		return f.page, nil
	}
	p, err := load()
	if err != nil {
		return p, err
	}
	f.page = p
	size := 256 + len(p.keys)*len(llm.Key{})
	for _, line := range p.lines {
		size += len(line) + 24
	}
	c.grow(e, f, size)
	return p, nil
}

// grow counts a page that was loaded, and drops what was not used for longest.
func (c *cache) grow(e *list.Element, f *cached, size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKey[f.key] != e {
		return // it was dropped while it loaded
	}
	f.size = size
	c.size += size
	for c.size > c.max && c.order.Len() > 1 {
		last := c.order.Remove(c.order.Back()).(*cached)
		delete(c.byKey, last.key)
		c.size -= last.size
	}
}
