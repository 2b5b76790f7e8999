package job

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// Inputs are a plan's named inputs. Each is opened once, and each part of it that
// shards read is digested once. It is safe for concurrent use.
type Inputs struct {
	open  func(ctx context.Context, name string) (*store.TreeFS, error)
	mu    sync.Mutex // held while a tree is read
	trees map[string]*store.TreeFS
	parts map[plan.File]part
}

// A part is what shards read of an input.
type part struct {
	tree     *store.TreeFS
	artifact store.Artifact // what it is in records
}

// NewInputs returns the inputs that open opens by name.
func NewInputs(open func(ctx context.Context, name string) (*store.TreeFS, error)) *Inputs {
	return &Inputs{open: open, trees: map[string]*store.TreeFS{}, parts: map[plan.File]part{}}
}

// StoredInputs are a plan's inputs in a store.
func StoredInputs(s *store.Store, p *plan.Plan) *Inputs {
	return NewInputs(func(ctx context.Context, name string) (*store.TreeFS, error) {
		d, ok := p.Inputs[name]
		if !ok {
			return nil, errors.New("the plan has no such input")
		}
		return s.OpenTree(ctx, d)
	})
}

// part returns a part of an input. One that is not there is bad configuration.
func (in *Inputs) part(ctx context.Context, f plan.File) (part, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if p, ok := in.parts[f]; ok {
		return p, nil
	}
	tree, err := in.opened(ctx, f.Input)
	if err != nil {
		return part{}, err
	}
	p := part{tree: tree.Part(f.Path)}
	if len(p.tree.Files(".")) == 0 {
		return part{}, fault.New(fault.Config, fmt.Errorf("input %s has no %s", f.Input, f.Path),
			"correct the path in the config, or put the data there")
	}
	p.artifact = store.Artifact{Name: f.Input + "/" + f.Path, Digest: p.tree.Digest(), Bytes: p.tree.Bytes(), MediaType: TreeType}
	in.parts[f] = p
	return p, nil
}

// tree returns a whole input.
func (in *Inputs) tree(ctx context.Context, name string) (*store.TreeFS, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.opened(ctx, name)
}

// opened returns a whole input; the caller holds the lock.
func (in *Inputs) opened(ctx context.Context, name string) (*store.TreeFS, error) {
	if tree := in.trees[name]; tree != nil {
		return tree, nil
	}
	tree, err := in.open(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("input %s: %w", name, err)
	}
	in.trees[name] = tree
	return tree, nil
}

// Steps returns the records of all shards of a finished step.
type Steps func(context.Context, store.StepName) ([]store.Step, error)

// Reads is what a shard reads, with its content pinned.
type Reads struct {
	Inputs   map[string][]store.Artifact // by the input's name, in shard order
	Sources  map[string]*store.TreeFS    // by the named input: the part that the shard reads
	List     []store.Artifact            // both, for the record
	Resolved []plan.Resolved             // both, for the work key
}

// Resolve pins what a shard reads: through the records of the steps before, and
// the trees of the named inputs. A source that is not there is bad configuration.
func Resolve(ctx context.Context, step *plan.Step, shard int, steps Steps, inputs *Inputs) (*Reads, error) {
	r := &Reads{Inputs: map[string][]store.Artifact{}, Sources: map[string]*store.TreeFS{}}
	for _, source := range step.Of(shard).Sources {
		part, err := inputs.part(ctx, source)
		if err != nil {
			return nil, fmt.Errorf("step %s: %w", step.Name, err)
		}
		r.Sources[source.Input] = part.tree.Join(r.Sources[source.Input])
		r.List = append(r.List, part.artifact)
		r.Resolved = append(r.Resolved, plan.Resolved{Name: part.artifact.Name, Digests: []store.Digest{part.artifact.Digest}})
	}
	for _, in := range step.Reads(shard) {
		records, err := steps(ctx, in.Step)
		if err != nil {
			return nil, fmt.Errorf("step %s needs %s: %w", step.Name, in.Step, err)
		}
		resolved := plan.Resolved{Name: in.Name}
		for i := range records {
			a, err := records[i].Output(in.Output)
			if err != nil {
				return nil, fmt.Errorf("step %s: %w", step.Name, err)
			}
			r.Inputs[in.Name] = append(r.Inputs[in.Name], a)
			resolved.Digests = append(resolved.Digests, a.Digest)
			a.Name = fmt.Sprintf("%s/%d/%s", in.Step, i, in.Output)
			r.List = append(r.List, a)
		}
		r.Resolved = append(r.Resolved, resolved)
	}
	return r, nil
}
