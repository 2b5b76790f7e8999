package lineage

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// Files calls fn with every file of the run's inputs, by input and path.
func (v *View) Files(ctx context.Context, fn func(f plan.File, digest store.Digest) error) error {
	for _, input := range slices.Sorted(maps.Keys(v.run.Plan.Inputs)) {
		t, err := v.tree(ctx, input)
		if err != nil {
			return err
		}
		for _, f := range t.Files(".") {
			if err := fn(plan.File{Input: input, Path: f.Path}, f.Digest); err != nil {
				return err
			}
		}
	}
	return nil
}

// Reached are the records of the shards that read one of some files, or an output of one
// that did: all whose outputs may hold something of them.
func (v *View) Reached(ctx context.Context, files []plan.File) (list []*store.Step, err error) {
	made := map[string]bool{}
	for i := range v.run.Steps { // in the plan's order: what is read comes first
		s := &v.run.Steps[i]
		for shard := range s.Shards {
			rec := s.Shards[shard].Record
			if rec == nil {
				continue
			}
			reached := slices.ContainsFunc(rec.Inputs, func(a store.Artifact) bool { return made[a.Name] })
			for _, source := range s.Of(shard).Sources {
				t, err := v.tree(ctx, source.Input)
				if err != nil {
					return nil, err
				}
				reached = reached || slices.ContainsFunc(files, func(f plan.File) bool {
					return f.Input == source.Input && len(t.Part(source.Path).Files(f.Path)) > 0
				})
			}
			if !reached {
				continue
			}
			list = append(list, rec)
			for _, a := range rec.Outputs {
				made[fmt.Sprintf("%s/%d/%s", s.Name, shard, a.Name)] = true
			}
		}
	}
	return list, nil
}
