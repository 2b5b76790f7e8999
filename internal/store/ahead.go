package store

import (
	"context"
	"iter"
	"sync"
)

// aheadBytes bounds what is held of files that are read before their turn. A larger
// file is read alone.
const aheadBytes = 64 << 20

// ahead yields what read returns of 0 to n-1, in order, and reads those to come
// side by side meanwhile.
func ahead(ctx context.Context, n int, size func(i int) int64, read func(ctx context.Context, i int) ([]byte, error)) iter.Seq2[[]byte, error] {
	type file struct {
		data []byte
		err  error
	}
	type order struct {
		i    int
		done chan<- file
	}
	return func(yield func([]byte, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		orders := make(chan order, abreast)
		var group sync.WaitGroup
		for range min(n, abreast) {
			group.Go(func() {
				for o := range orders {
					data, err := read(ctx, o.i)
					o.done <- file{data, err}
				}
			})
		}
		defer group.Wait()
		defer cancel()
		defer close(orders)
		var begun []chan file // and not yielded
		var held int64
		for i := range n {
			for next := i + len(begun); next < n; next++ {
				if len(begun) == abreast || len(begun) > 0 && held+size(next) > aheadBytes {
					break
				}
				done := make(chan file, 1)
				begun, held = append(begun, done), held+size(next)
				orders <- order{next, done}
			}
			f := <-begun[0]
			begun = begun[1:]
			if !yield(f.data, f.err) {
				return
			}
			held -= size(i)
		}
	}
}

// ReadAhead yields the bytes of each file, or why it cannot be read, in the order
// of paths, and reads those to come side by side meanwhile. The bytes are the
// caller's. An absent file's error wraps fs.ErrNotExist.
func (t *TreeFS) ReadAhead(ctx context.Context, paths []string) iter.Seq2[[]byte, error] {
	size := func(i int) int64 {
		if at, ok := t.find(paths[i]); ok {
			return t.files[at].Bytes
		}
		return 0
	}
	return ahead(ctx, len(paths), size, func(ctx context.Context, i int) ([]byte, error) { return t.ReadFile(ctx, paths[i]) })
}
