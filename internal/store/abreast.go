package store

import (
	"cmp"
	"context"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// abreast is how many requests or files are under way at once: enough for a server
// that is 20 ms away, and few enough for their buffers.
const abreast = 32

// SideBySide calls fn with 0 to n-1, several at once. After an error it begins no
// more, and of several it returns that of the least number, whatever the timing.
func SideBySide(ctx context.Context, n int, fn func(i int) error) error {
	errs := make([]error, n)
	var next atomic.Int64
	group, going := errgroup.WithContext(ctx)
	for range min(n, abreast) { // each goes on, since a new one's stack would have to grow first
		group.Go(func() error {
			for going.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					break
				}
				if errs[i] = fn(i); errs[i] != nil {
					return errs[i]
				}
			}
			return nil
		})
	}
	if group.Wait() == nil {
		return ctx.Err()
	}
	return cmp.Or(errs...)
}
