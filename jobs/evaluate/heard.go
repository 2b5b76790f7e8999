package evaluate

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/gymline/gymline/internal/llm"
)

// A heard keeps which models answered, as their provider said beside each answer: an
// alias may stand for another one tomorrow.
type heard struct {
	mu     sync.Mutex
	models map[string]bool
}

// of is the chatter of a model, whose answers are heard. What a stand-in says of itself
// is nothing new.
func (h *heard) of(m *llm.Model, chat llm.Chatter) llm.Chatter {
	if m.Simulated() {
		return chat
	}
	return llm.ChatFunc(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
		r, err := chat.Chat(ctx, req)
		if err == nil && r.Model != "" {
			h.mu.Lock()
			defer h.mu.Unlock()
			if h.models == nil {
				h.models = map[string]bool{}
			}
			h.models[r.Model] = true
		}
		return r, err
	})
}

// list is in alphabetical order, whatever answered first; nil where nobody was heard.
func (h *heard) list() []string { return slices.Sorted(maps.Keys(h.models)) }
