package calls

import (
	"context"

	"github.com/gymline/gymline/internal/llm/ledger"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/store"
)

// atOnce bounds the calls that are looked up together, and so held in memory.
const atOnce = 50_000

// Each calls fn with every call of a run, in order, without its request. Of a stand-in's
// it knows the key alone.
func Each(ctx context.Context, st *store.Store, id store.RunID, fn func(*Call) error) error {
	r, err := open(ctx, st, id)
	if err != nil {
		return err
	}
	var list []*Call
	flush := func() error {
		err := r.fill(ctx, list, Options{}, func(c *Call, x *ledger.Exchange) {
			c.take(x)
			c.Request, c.Messages = nil, nil
		})
		for i := 0; i < len(list) && err == nil; i++ {
			err = fn(list[i])
		}
		list = nil
		return err
	}
	err = r.each(ctx, func(p *part, line *rows.Calls) error {
		list = append(list, p.calls(line)...)
		if len(list) < atOnce {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}
