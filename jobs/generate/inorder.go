package generate

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// windowFactor times the number in flight is how many results may be under way
// or wait for an earlier one.
const windowFactor = 8

// inOrder calls work for 0..n-1, at most limit at once, and hands the results
// to emit in that order, from one goroutine. It holds a bounded number of
// results: when the oldest is slow, no more work starts. The first error stops
// everything and is returned once all calls have come back.
func inOrder[T any](ctx context.Context, n, limit int, work func(ctx context.Context, i int) (T, error), emit func(i int, v T) error) error {
	g, ctx := errgroup.WithContext(ctx)
	running := make(chan struct{}, limit)
	waiting := make(chan chan T, windowFactor*limit)
	g.Go(func() error {
		defer close(waiting)
		for i := range n {
			slot := make(chan T, 1)
			select {
			case waiting <- slot:
			case <-ctx.Done():
				return ctx.Err()
			}
			select {
			case running <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			g.Go(func() error {
				defer func() { <-running }()
				v, err := work(ctx, i)
				if err != nil {
					return err
				}
				slot <- v
				return nil
			})
		}
		return nil
	})
	g.Go(func() error {
		i := 0
		for slot := range waiting {
			select {
			case v := <-slot:
				if err := emit(i, v); err != nil {
					return err
				}
			case <-ctx.Done():
				return ctx.Err()
			}
			i++
		}
		return nil
	})
	return g.Wait()
}
