package store

import (
	"context"
	"sync"
)

// abreast is how many requests or files are under way at once: enough for a server
// that is 20 ms away, and few enough for their buffers.
const abreast = 32

// SideBySide calls fn with 0 to n-1, several at once. After an error it begins no
// more, and of several it returns that of the least number, whatever the timing.
func SideBySide(ctx context.Context, n int, fn func(i int) error) error {
	var (
		mu    sync.Mutex
		next  int
		end   = n // no number from here on is begun
		first error
		group sync.WaitGroup
	)
	for range min(abreast, n) {
		group.Go(func() {
			for {
				mu.Lock()
				i := next
				if i >= end || ctx.Err() != nil {
					mu.Unlock()
					return
				}
				next++
				mu.Unlock()
				if err := fn(i); err != nil {
					mu.Lock()
					if i < end {
						end, first = i, err
					}
					mu.Unlock()
				}
			}
		})
	}
	group.Wait()
	if first == nil {
		return ctx.Err()
	}
	return first
}
