package job

import (
	"context"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/store"
)

// A Lister asks the server of a model what it serves; nil where nobody may be asked.
type Lister interface {
	List(ctx context.Context, m llm.Model) (*llm.Listing, error)
}

// List asks the server of a model what it serves, where the process can. Nothing digested
// may depend on it.
func (t *Task) List(ctx context.Context, m llm.Model) (*llm.Listing, error) {
	if l, ok := t.env.Models.(Lister); ok {
		return l.List(ctx, m)
	}
	return nil, nil
}

// Served keeps in the step's record what a server said of a trained model.
func (t *Task) Served(s *llm.Served) {
	t.meter.mu.Lock()
	defer t.meter.mu.Unlock()
	t.meter.usage.Served = s
}

// TreeFiles lists the files of a tree that is stored.
func (t *Task) TreeFiles(ctx context.Context, tree store.Digest) ([]store.TreeFile, error) {
	files, err := t.opened.store.OpenTree(ctx, tree)
	if err != nil {
		return nil, err
	}
	return files.Files("."), nil
}
