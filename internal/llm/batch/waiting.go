package batch

import "github.com/gymline/gymline/internal/llm"

// tell says for the progress how an entry stands.
func (b *Batcher) tell(e *entry, state string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e.state, e.done = state, min(e.last.Completed+e.last.Failed, len(e.keys))
}

// Waiting returns the batches that callers wait for now.
func (b *Batcher) Waiting() (w llm.Batches) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var oldest *entry
	for _, e := range b.entries {
		if len(e.waiting) == 0 {
			continue
		}
		w.Open++
		w.Requests += int64(len(e.keys))
		w.Done += int64(e.done)
		if oldest == nil || e.before(oldest) < 0 {
			oldest = e
		}
	}
	if oldest != nil {
		w.Oldest, w.State = oldest.id, oldest.state
	}
	return w
}
