package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gymline/gymline/internal/store"
)

func (v *victim) run() store.RunID { return store.RunID(v.name + "-1") }

// An altered bucket is objects of which some are others; nil takes one away. What is written
// is altered, too: the objects stay.
type altered struct {
	objects map[string][]byte
	mu      sync.Mutex
	changed map[string][]byte
}

// copied is the store with some objects replaced.
func (v *victim) copied(changed map[string][]byte) *store.Store {
	a := &altered{objects: v.objects, changed: map[string][]byte{}}
	maps.Copy(a.changed, changed)
	return store.New(a)
}

func (a *altered) read(key string) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	data, there := a.changed[key]
	if !there {
		data = a.objects[key]
	}
	if data == nil {
		return nil, fmt.Errorf("%s: %w", key, store.ErrNotFound)
	}
	return data, nil
}

func (a *altered) Get(_ context.Context, key string) (io.ReadCloser, error) {
	data, err := a.read(key)
	return io.NopCloser(bytes.NewReader(data)), err
}

func (a *altered) GetRange(_ context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	data, err := a.read(key)
	return io.NopCloser(io.NewSectionReader(bytes.NewReader(data), offset, length)), err
}

func (a *altered) Stat(_ context.Context, key string) (int64, error) {
	data, err := a.read(key)
	return int64(len(data)), err
}

func (a *altered) Put(_ context.Context, key string, body io.ReadSeeker, _ int64) error {
	data, err := io.ReadAll(body)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.changed[key] = data
	return err
}

func (a *altered) Create(ctx context.Context, key string, body []byte) error {
	if _, err := a.read(key); err == nil {
		return fmt.Errorf("%s: %w", key, store.ErrExists)
	}
	return a.Put(ctx, key, bytes.NewReader(body), 0)
}

func (a *altered) Delete(_ context.Context, key string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.changed[key] = nil
	return nil
}

func (a *altered) Sizes(ctx context.Context, prefix string) iter.Seq2[store.Sized, error] {
	return func(yield func(store.Sized, error) bool) {
		for key := range a.List(ctx, prefix) {
			size, err := a.Stat(ctx, key)
			if !yield(store.Sized{Key: key, Bytes: size}, err) {
				return
			}
		}
	}
}

func (a *altered) List(_ context.Context, prefix string) iter.Seq2[string, error] {
	keys := map[string]bool{}
	a.mu.Lock()
	for _, of := range []map[string][]byte{a.objects, a.changed} {
		for key, data := range of {
			if strings.HasPrefix(key, prefix) {
				keys[key] = data != nil
			}
		}
	}
	a.mu.Unlock()
	return func(yield func(string, error) bool) {
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			if keys[key] && !yield(key, nil) {
				return
			}
		}
	}
}

// shipped are the experiments of configs that need no key, no data and no checkpoint.
var shipped = []string{"quickstart", "prompts", "curated"}

// TestTamperingShipped attacks every object of a run of the shipped experiments, which takes
// minutes: 'make tampering' does it, and prints what was found.
func TestTamperingShipped(t *testing.T) {
	t.Parallel()
	if os.Getenv("GYMLINE_TAMPERING") == "" {
		t.Skip("'make tampering' does it")
	}
	for _, name := range shipped {
		t.Run(name, func(t *testing.T) {
			v := victimOf(t, name, filepath.Join(repo(t), "configs", name+".yaml"))
			v.attacked(40)
		})
	}
}
