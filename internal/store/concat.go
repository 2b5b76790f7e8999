package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// smallBlob is up to how many bytes an artifact is read before its turn. A larger
// one is streamed in its turn: a server does not wait long for its reader.
const smallBlob = 1 << 20

// Concat streams artifacts one after another, each verified to its end. Small ones
// to come are read side by side meanwhile.
func (s *Store) Concat(ctx context.Context, artifacts []Artifact) io.ReadCloser {
	ctx, cancel := context.WithCancel(ctx)
	return &concat{ctx: ctx, cancel: cancel, store: s, rest: artifacts}
}

type concat struct {
	ctx    context.Context // of the call that opened the stream; it lives no longer
	cancel context.CancelFunc
	store  *Store
	rest   []Artifact
	ahead  []chan early // of the first of rest; nil for one that is not small
	group  sync.WaitGroup
	cur    io.ReadCloser
	name   string // of cur
}

// early is a small artifact that was read before its turn.
type early struct {
	data []byte
	err  error
}

func (c *concat) Read(p []byte) (int, error) {
	for {
		if c.cur == nil {
			if len(c.rest) == 0 {
				return 0, io.EOF
			}
			if err := c.next(); err != nil {
				return 0, fmt.Errorf("%s: %w", c.rest[0].Name, err)
			}
			c.name, c.rest, c.ahead = c.rest[0].Name, c.rest[1:], c.ahead[1:]
		}
		n, err := c.cur.Read(p)
		if errors.Is(err, io.EOF) {
			c.cur.Close()
			c.cur = nil
			if n == 0 {
				continue
			}
			err = nil
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", c.name, err)
		}
		return n, err
	}
}

// next opens the first of rest, and begins to read those after it.
func (c *concat) next() (err error) {
	for i := len(c.ahead); i < min(abreast, len(c.rest)); i++ {
		a := c.rest[i]
		if a.Bytes > smallBlob || len(c.rest) == 1 {
			c.ahead = append(c.ahead, nil)
			continue
		}
		read := make(chan early, 1)
		c.ahead = append(c.ahead, read)
		c.group.Go(func() {
			data, err := c.store.ReadBlob(c.ctx, a.Digest)
			read <- early{data, err}
		})
	}
	if c.ahead[0] == nil {
		c.cur, err = c.store.OpenBlob(c.ctx, c.rest[0].Digest)
		return err
	}
	e := <-c.ahead[0]
	c.cur = io.NopCloser(bytes.NewReader(e.data))
	if e.err != nil {
		c.cur, c.ahead[0] = nil, nil // another Read tries again, and fails as one would
	}
	return e.err
}

func (c *concat) Close() error {
	c.cancel()
	c.group.Wait()
	if c.cur == nil {
		return nil
	}
	return c.cur.Close()
}
