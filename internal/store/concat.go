package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
)

// smallBlob is up to how many bytes an artifact is read before its turn. A larger
// one is streamed in its turn: a server does not wait long for its reader.
const smallBlob = 1 << 20

// Concat streams artifacts one after another, each verified to its end. Small ones
// to come are read side by side meanwhile.
func (s *Store) Concat(ctx context.Context, artifacts []Artifact) io.ReadCloser {
	c := &concat{ctx: ctx, store: s, rest: artifacts, small: smallBlob}
	if len(artifacts) == 1 {
		c.small = -1
	}
	size := func(i int) int64 {
		if artifacts[i].Bytes > c.small {
			return 0
		}
		return artifacts[i].Bytes
	}
	c.next, c.stop = iter.Pull2(ahead(ctx, len(artifacts), size, func(ctx context.Context, i int) ([]byte, error) {
		if artifacts[i].Bytes > c.small {
			return nil, nil
		}
		return s.ReadBlob(ctx, artifacts[i].Digest)
	}))
	return c
}

type concat struct {
	ctx   context.Context // of the call that opened the stream; it lives no longer
	store *Store
	rest  []Artifact
	small int64 // up to how many bytes an artifact comes from next
	next  func() ([]byte, error, bool)
	stop  func()
	cur   io.ReadCloser
	err   error // what ended the stream
}

func (c *concat) Read(p []byte) (int, error) {
	for c.err == nil {
		if c.cur == nil {
			c.err = c.open()
			continue
		}
		n, err := c.cur.Read(p)
		if errors.Is(err, io.EOF) {
			c.cur.Close()
			c.cur, c.rest = nil, c.rest[1:]
			if n == 0 {
				continue
			}
			return n, nil
		}
		if err != nil {
			c.err = fmt.Errorf("%s: %w", c.rest[0].Name, err)
		}
		return n, c.err
	}
	return 0, c.err
}

// open opens the first of rest.
func (c *concat) open() error {
	if len(c.rest) == 0 {
		return io.EOF
	}
	data, err, _ := c.next()
	cur := io.NopCloser(bytes.NewReader(data))
	if c.rest[0].Bytes > c.small {
		cur, err = c.store.OpenBlob(c.ctx, c.rest[0].Digest)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.rest[0].Name, err)
	}
	c.cur = cur
	return nil
}

func (c *concat) Close() error {
	c.stop()
	if c.cur == nil {
		return nil
	}
	return c.cur.Close()
}
