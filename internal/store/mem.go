package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Mem is a Bucket in memory. It passes the same suite as the real servers.
type Mem struct {
	mu      sync.Mutex
	objects map[string][]byte
}

// NewMem returns an empty bucket.
func NewMem() *Mem { return &Mem{objects: map[string][]byte{}} }

// Put stores an object, in place of one that may be there.
func (m *Mem) Put(ctx context.Context, key string, body io.ReadSeeker, size int64) error {
	_, err := body.Seek(0, io.SeekStart)
	data := make([]byte, size)
	if err == nil {
		_, err = io.ReadFull(body, data)
	}
	if n, _ := body.Read(make([]byte, 1)); err == nil && n > 0 {
		err = errors.New("it is longer")
	}
	if err != nil {
		return &Error{Op: "put", Key: key, Kind: Refused, Err: fmt.Errorf("a body of %d bytes: %w", size, err)}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.objects[key] = data
	return nil
}

// Create stores an object unless the key is taken.
func (m *Mem) Create(ctx context.Context, key string, body []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.objects[key]; ok {
		return fmt.Errorf("store: create %s: %w", key, ErrExists)
	}
	m.objects[key] = slices.Clone(body)
	return nil
}

func (m *Mem) lookUp(ctx context.Context, op, key string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.objects[key]
	if !ok {
		return nil, fmt.Errorf("store: %s %s: %w", op, key, ErrNotFound)
	}
	return data, nil
}

// Get streams an object.
func (m *Mem) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	data, err := m.lookUp(ctx, "get", key)
	return io.NopCloser(bytes.NewReader(data)), err
}

// GetRange streams a part of an object.
func (m *Mem) GetRange(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	data, err := m.lookUp(ctx, "get", key)
	return io.NopCloser(io.NewSectionReader(bytes.NewReader(data), offset, length)), err
}

// Stat returns an object's size in bytes.
func (m *Mem) Stat(ctx context.Context, key string) (int64, error) {
	data, err := m.lookUp(ctx, "stat", key)
	return int64(len(data)), err
}

// List yields the keys that start with prefix.
func (m *Mem) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		m.mu.Lock()
		keys := slices.Sorted(maps.Keys(m.objects))
		m.mu.Unlock()
		for _, k := range keys {
			if err := ctx.Err(); err != nil {
				yield("", err)
				return
			}
			if strings.HasPrefix(k, prefix) && !yield(k, nil) {
				return
			}
		}
	}
}

// Sizes yields the keys that start with prefix, with sizes; there is no clock.
func (m *Mem) Sizes(ctx context.Context, prefix string) iter.Seq2[Sized, error] {
	return func(yield func(Sized, error) bool) {
		for key, err := range m.List(ctx, prefix) {
			size := int64(0)
			if err == nil {
				if size, err = m.Stat(ctx, key); errors.Is(err, ErrNotFound) {
					continue // since it was listed
				}
			}
			if !yield(Sized{Key: key, Bytes: size}, err) || err != nil {
				return
			}
		}
	}
}

// Delete removes an object.
func (m *Mem) Delete(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, key)
	return nil
}
