package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
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
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return &Error{Op: "put", Key: key, Kind: Refused, Err: err}
	}
	data := make([]byte, size)
	_, err := io.ReadFull(body, data)
	if err == nil {
		if n, _ := io.ReadFull(body, make([]byte, 1)); n > 0 {
			err = errors.New("longer than announced")
		}
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

// Get streams an object.
func (m *Mem) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.objects[key]
	if !ok {
		return nil, fmt.Errorf("store: get %s: %w", key, ErrNotFound)
	}
	return memObject{bytes.NewReader(data)}, nil
}

// GetRange streams a part of an object.
func (m *Mem) GetRange(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	body, err := m.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	data := body.(memObject)
	return io.NopCloser(io.NewSectionReader(data, offset, length)), nil
}

// A memObject is the body of an object.
type memObject struct{ *bytes.Reader }

func (memObject) Close() error { return nil }

// Stat returns an object's size in bytes.
func (m *Mem) Stat(ctx context.Context, key string) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.objects[key]
	if !ok {
		return 0, fmt.Errorf("store: stat %s: %w", key, ErrNotFound)
	}
	return int64(len(data)), nil
}

// List yields the keys that start with prefix.
func (m *Mem) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		m.mu.Lock()
		var keys []string
		for k := range m.objects {
			if strings.HasPrefix(k, prefix) {
				keys = append(keys, k)
			}
		}
		m.mu.Unlock()
		slices.Sort(keys)
		for _, k := range keys {
			if err := ctx.Err(); err != nil {
				yield("", err)
				return
			}
			if !yield(k, nil) {
				return
			}
		}
	}
}
