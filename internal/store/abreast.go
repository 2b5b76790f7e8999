package store

import (
	"cmp"
	"context"

	"golang.org/x/sync/errgroup"
)

// abreast is how many requests or files are under way at once: enough for a server
// that is 20 ms away, and few enough for their buffers.
const abreast = 32

// SideBySide calls fn with 0 to n-1, several at once. After an error it begins no
// more, and of several it returns that of the least number, whatever the timing.
func SideBySide(ctx context.Context, n int, fn func(i int) error) error {
	errs := make([]error, n)
	group, going := errgroup.WithContext(ctx)
	group.SetLimit(abreast)
	for i := 0; i < n && going.Err() == nil; i++ {
		group.Go(func() error {
			errs[i] = fn(i)
			return errs[i]
		})
	}
	if group.Wait() == nil {
		return ctx.Err()
	}
	return cmp.Or(errs...)
}
