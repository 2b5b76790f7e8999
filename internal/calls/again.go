package calls

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/ledger"
	"github.com/gymline/gymline/internal/rows"
)

// Again does a shard once more, whose models are stand-ins or replay, and tells fn of the
// exchanges whose keys begin with what is wanted. It ends as soon as it has all.
func Again(ctx context.Context, env job.Env, jobs map[string]job.Func, which job.Shard, wanted map[string]bool, fn func(string, *ledger.Exchange)) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	t := &tap{Models: env.Models, wanted: wanted, fn: fn, stop: stop}
	env.Models = t
	err := job.Again(ctx, env, jobs, which)
	if t.left() == 0 {
		return nil // what was broken off is no failure
	}
	return err
}

// A tap hears what is asked.
type tap struct {
	job.Models
	fn   func(string, *ledger.Exchange)
	stop func()

	mu     sync.Mutex
	wanted map[string]bool
}

func (t *tap) left() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.wanted)
}

// Open implements job.Models.
func (t *tap) Open(ctx context.Context, m llm.Model) (llm.Chatter, error) {
	chat, err := t.Models.Open(ctx, m)
	if err != nil || !m.Simulated() {
		return chat, err
	}
	return llm.ChatFunc(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
		var key llm.Key
		resp, err := chat.Chat(llm.Noting(ctx, func(k llm.Key) { key = k }), req)
		if note := llm.Noted(ctx); note != nil {
			note(key)
		}
		if err != nil {
			return nil, err
		}
		return resp, t.heard(key, req, *resp)
	}), nil
}

func (t *tap) heard(key llm.Key, req *llm.Request, resp llm.Response) error {
	short := rows.ShortKey(key)
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.wanted[short] {
		return nil
	}
	raw, err := json.Marshal(req)
	if err != nil {
		return err
	}
	t.fn(short, &ledger.Exchange{Key: key, Raw: raw, Request: req, Response: &resp})
	if delete(t.wanted, short); len(t.wanted) == 0 {
		t.stop()
	}
	return nil
}
