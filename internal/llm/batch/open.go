package batch

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/gymline/gymline/internal/llm"
)

// An Open is a batch that is written down and not closed.
type Open struct {
	Mark     string
	Created  time.Time
	Requests int
	// Batch is what the provider says of it; its ID is "" when it has none.
	llm.Batch
}

// notFound is the status of a batch that its provider does not show.
const notFound = "not found"

// Running reports whether there is something to cancel.
func (o Open) Running() bool {
	return o.ID != "" && !o.Ended() && o.Status != llm.BatchCancelling && o.Status != notFound
}

// List returns the open batches of a model, whoever submitted them, oldest first.
// It changes nothing, neither in the bucket nor at the provider.
func List(ctx context.Context, api API, opt Options) ([]Open, error) {
	n := notes{opt.Bucket, opt.Prefix + folder}
	marks, err := n.marks(ctx)
	if err != nil {
		return nil, err
	}
	var out []Open
	for mark, hasClaim := range marks {
		e, err := n.entry(ctx, mark, hasClaim)
		if err != nil {
			return nil, err
		}
		if e.void {
			continue
		}
		o := Open{Mark: mark, Created: e.created, Requests: len(e.keys)}
		err = opt.Retry(ctx, func() (err error) {
			if e.id != "" {
				o.Batch, err = api.Get(ctx, e.id)
				return err
			}
			found, _, err := lookUp(ctx, api, e)
			if found != nil {
				o.Batch = *found
			}
			return err
		})
		switch {
		case late(err) && e.id == "": // not started
		case late(err):
			o.Batch = llm.Batch{ID: e.id, Status: notFound}
		case err != nil:
			return nil, refusedCall(opt, err)
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
func Cancel(ctx context.Context, api API, opt Options, id string) error {
	if err := opt.Retry(ctx, func() error { return api.Cancel(ctx, id) }); err != nil {
		return refusedCall(opt, err)
	}
	return nil
}
