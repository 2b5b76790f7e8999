package batch

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/gymline/gymline/internal/llm/openai"
)

// An Open is a batch that is written down and not closed.
type Open struct {
	Mark     string
	Created  time.Time
	Requests int
	// Batch is what the provider says of it; its ID is "" when it has none.
	openai.Batch
}

// Open returns the open batches of a model, whoever submitted them, oldest first.
func (b *Batcher) Open(ctx context.Context) ([]Open, error) {
	marks, err := b.journal.marks(ctx)
	if err != nil {
		return nil, err
	}
	var out []Open
	for mark, hasClaim := range marks {
		e, err := b.journal.entry(ctx, mark, hasClaim)
		if err != nil {
			return nil, err
		}
		o := Open{Mark: mark, Created: e.created, Requests: len(e.keys)}
		err = b.opt.Retry(ctx, func() error {
			if e.id != "" {
				o.Batch, err = b.api.Get(ctx, e.id)
				return err
			}
			found, err := b.find(ctx, e)
			if found != nil {
				o.Batch = *found
			}
			return err
		})
		if err != nil && !gone(err) {
			return nil, b.refusedCall(err)
		}
		out = append(out, o)
	}
	slices.SortFunc(out, func(a, b Open) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Mark, b.Mark))
	})
	return out, nil
}

// Cancel cancels a batch at the provider. What it has answered is billed, and
// used by the run that waits for it or by the next.
func (b *Batcher) Cancel(ctx context.Context, id string) error {
	err := b.opt.Retry(ctx, func() error { return b.api.Cancel(ctx, id) })
	if err != nil {
		return b.refusedCall(err)
	}
	return nil
}
