package ledger

import (
	"container/list"
	"sync"
)

// A cache keeps the frames of answers that were used last, up to a bound in
// bytes. A replay asks in about the order of the recording, so few are enough.
type cache struct {
	mu    sync.Mutex
	max   int
	size  int
	order *list.List // of *cached, the latest used first
	byKey map[frameKey]*list.Element
}

// A frameKey is a frame of a segment.
type frameKey struct {
	seg *segment
	n   int
}

type cached struct {
	key   frameKey
	mu    sync.Mutex // held while it loads, so that it loads once
	lines [][]byte
	size  int // guarded by the cache's mu
}

func newCache(limit int) *cache {
	return &cache{max: limit, order: list.New(), byKey: map[frameKey]*list.Element{}}
}

// get returns a frame's lines, by load when they are not there.
func (c *cache) get(key frameKey, load func() ([][]byte, error)) ([][]byte, error) {
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
	if f.lines != nil {
		return f.lines, nil
	}
	lines, err := load()
	if err != nil {
		return nil, err
	}
	f.lines = lines
	size := 256
	for _, line := range lines {
		size += len(line) + 24
	}
	c.grow(e, f, size)
	return lines, nil
}

// grow counts a frame that was loaded, and drops what was not used for longest.
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
