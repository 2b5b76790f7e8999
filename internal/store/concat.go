package store

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Concat streams artifacts one after another, each verified to its end.
func (s *Store) Concat(ctx context.Context, artifacts []Artifact) io.ReadCloser {
	return &concat{ctx: ctx, store: s, rest: artifacts}
}

type concat struct {
	ctx   context.Context // of the call that opened the stream; it lives no longer
	store *Store
	rest  []Artifact
	cur   io.ReadCloser
	name  string // of cur
}

func (c *concat) Read(p []byte) (int, error) {
	for {
		if c.cur == nil {
			if len(c.rest) == 0 {
				return 0, io.EOF
			}
			r, err := c.store.OpenBlob(c.ctx, c.rest[0].Digest)
			if err != nil {
				return 0, fmt.Errorf("%s: %w", c.rest[0].Name, err)
			}
			c.cur, c.name, c.rest = r, c.rest[0].Name, c.rest[1:]
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

func (c *concat) Close() error {
	if c.cur == nil {
		return nil
	}
	return c.cur.Close()
}
