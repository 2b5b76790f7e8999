package store

import (
	"context"
	"iter"
	"sync"
)

// What ReadAhead holds at most, of files that it has read or is reading; a larger
// file is read alone.
const (
	aheadFiles = 32
	aheadBytes = 64 << 20
)

// ReadAhead yields the bytes of each file, or why it cannot be read, in the order
// of paths, and reads those to come side by side meanwhile. The bytes are the
// caller's. An absent file's error wraps fs.ErrNotExist.
func (t *TreeFS) ReadAhead(ctx context.Context, paths []string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var group sync.WaitGroup
		defer group.Wait()
		defer cancel()
		var ahead []*aheadFile
		var held int64
		for next := range paths {
			f := &aheadFile{path: paths[next], read: make(chan struct{})}
			if i, ok := t.find(f.path); ok {
				f.bytes = t.files[i].Bytes
			}
			for len(ahead) > 0 && (len(ahead) == aheadFiles || held+f.bytes > aheadBytes) {
				if !ahead[0].yield(yield) {
					return
				}
				held -= ahead[0].bytes
				ahead = ahead[1:]
			}
			held += f.bytes
			ahead = append(ahead, f)
			group.Go(func() {
				defer close(f.read)
				f.data, f.err = t.ReadFile(ctx, f.path)
			})
		}
		for _, f := range ahead {
			if !f.yield(yield) {
				return
			}
		}
	}
}

// An aheadFile is a file that is read, or being read, before its turn.
type aheadFile struct {
	path  string
	bytes int64
	read  chan struct{} // closed when data or err is there
	data  []byte
	err   error
}

func (f *aheadFile) yield(yield func([]byte, error) bool) bool {
	<-f.read
	data := f.data
	f.data = nil
	return yield(data, f.err)
}
