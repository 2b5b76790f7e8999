package ledger

import (
	"container/list"
	"sync"
)

// A cache keeps the answers of the segments that were used last, up to a bound
// in bytes. A replay asks in about the order of the recording, so few are enough.
type cache struct {
	mu    sync.Mutex
	max   int
	size  int
	order *list.List // of *cached, the latest used first
	byKey map[*segment]*list.Element
}

type cached struct {
	seg   *segment
	lines map[Key][]byte
	size  int
}

func newCache(limit int) *cache {
	return &cache{max: limit, order: list.New(), byKey: map[*segment]*list.Element{}}
}

func (c *cache) get(seg *segment) (map[Key][]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[seg]
	if !ok {
		return nil, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached).lines, true
}

func (c *cache) put(seg *segment, lines map[Key][]byte, size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byKey[seg] = c.order.PushFront(&cached{seg, lines, size})
	c.size += size
	for c.size > c.max && c.order.Len() > 1 {
		last := c.order.Remove(c.order.Back()).(*cached)
		delete(c.byKey, last.seg)
		c.size -= last.size
	}
}
