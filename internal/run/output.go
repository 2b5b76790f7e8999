package run

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// Output returns the artifacts that a ref names, by shard.
func Output(ctx context.Context, st *store.Store, id store.RunID, ref plan.Ref) ([]store.Artifact, error) {
	step, records, err := finished(ctx, st, id, ref.Step, ref.Shard)
	if err != nil {
		return nil, err
	}
	if len(records) == 0 {
		return nil, missing(store.ErrNotFound, fmt.Sprintf("shard %d of step %s", ref.Shard, ref.Step), fmt.Sprintf("it has %d", step.Shards))
	}
	var artifacts []store.Artifact
	for _, rec := range records {
		i := slices.IndexFunc(rec.Outputs, func(a store.Artifact) bool { return a.Name == ref.Output })
		if i < 0 {
			return nil, missing(store.ErrNotFound, fmt.Sprintf("output %s of step %s", ref.Output, ref.Step), "it has "+names(rec.Outputs))
		}
		artifacts = append(artifacts, rec.Outputs[i])
	}
	return artifacts, nil
}

// finished returns a step and the records of its shards, which must be done, and what the
// run's seal binds; shard picks one of them, and -1 takes all.
func finished(ctx context.Context, from *store.Store, id store.RunID, name store.StepName, shard int) (*plan.Step, []*store.Step, error) {
	seen := newNoting(from.Bucket())
	st := store.New(seen)
	see := fmt.Sprintf("see 'gymline show %s'", id)
	p, err := ReadPlan(ctx, st, id)
	if err != nil {
		return nil, nil, err
	}
	step := p.Step(name)
	if step == nil {
		return nil, nil, missing(store.ErrNotFound, fmt.Sprintf("step %s of run %s", name, id), see)
	}
	first, count := 0, step.Shards
	if shard >= 0 {
		first, count = shard, min(max(step.Shards-shard, 0), 1)
	}
	records := make([]*store.Step, count)
	err = store.SideBySide(ctx, count, func(i int) (err error) {
		records[i], err = Record(ctx, st, id, name, first+i)
		if err == nil && records[i] == nil {
			err = missing(store.ErrNotFound, fmt.Sprintf("finished %s/%d of run %s", name, first+i, id), see)
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	byShard := make(map[int]*store.Step, count)
	for i, rec := range records {
		byShard[first+i] = rec
	}
	if err := agreed(ctx, st, p, id, name, byShard); err != nil {
		return nil, nil, err
	}
	said, err := seen.altered(ctx, id, false)
	return step, records, cmp.Or(err, said)
}

func names(artifacts []store.Artifact) string {
	var list []string
	for _, a := range artifacts {
		list = append(list, a.Name)
	}
	return strings.Join(list, ", ")
}

// Damaged says what makes the bytes of a step's output whole again.
func Damaged(id store.RunID, step store.StepName, err error) error {
	if !errors.Is(err, store.ErrCorrupt) && !errors.Is(err, store.ErrNotFound) || fault.Hint(err) != "" {
		return err
	}
	hint := "run the experiment again with --fresh, which writes those bytes anew"
	if name, train := strings.CutPrefix(string(step), plan.JobTrain+"-"); train {
		hint = fmt.Sprintf("put the same checkpoint again, which writes its files anew: 'gymline checkpoint put %s %s DIR'", id, name)
	}
	return fault.New(fault.Permanent, err, hint)
}

// ReadOutput decodes the JSON output of a step's first shard.
func ReadOutput(ctx context.Context, st *store.Store, id store.RunID, step store.StepName, output string, into any) error {
	artifacts, err := Output(ctx, st, id, plan.Ref{Step: step, Output: output})
	if err != nil {
		return err
	}
	data, err := st.ReadBlob(ctx, artifacts[0].Digest)
	if err != nil {
		return Damaged(id, step, err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s/%s: %w", step, output, err)
	}
	return nil
}

// Files lists what a step made, under the names that a folder of it has: those of
// several shards below their numbers, and of a training the checkpoint's.
func Files(ctx context.Context, st *store.Store, id store.RunID, name store.StepName) (files []store.TreeFile, err error) {
	p, err := ReadPlan(ctx, st, id)
	if err != nil {
		return nil, err
	}
	if step := p.Step(name); step != nil && step.Job == plan.JobTrain {
		return checkpointFiles(ctx, st, id, name)
	}
	step, records, err := finished(ctx, st, id, name, -1)
	if err != nil {
		return nil, err
	}
	for shard, rec := range records {
		for _, a := range rec.Outputs {
			f := store.TreeFile{Path: a.Name, Digest: a.Digest, Bytes: a.Bytes}
			if step.Shards > 1 {
				f.Path = strconv.Itoa(shard) + "/" + f.Path
			}
			files = append(files, f)
		}
	}
	return files, nil
}

func checkpointFiles(ctx context.Context, from *store.Store, id store.RunID, step store.StepName) ([]store.TreeFile, error) {
	seen := newNoting(from.Bucket())
	st := store.New(seen)
	head, err := CheckpointOf(ctx, st, id, plan.TrainingOf(step))
	if err != nil {
		return nil, err
	}
	if head == nil {
		return nil, missing(store.ErrNotFound, fmt.Sprintf("checkpoint of %s of run %s", step, id), fmt.Sprintf("see 'gymline show %s'", id))
	}
	if said, err := seen.altered(ctx, id, false); cmp.Or(err, said) != nil {
		return nil, cmp.Or(err, said)
	}
	tree, err := st.OpenTree(ctx, head.Digest)
	if err != nil {
		return nil, Damaged(id, step, err)
	}
	return tree.Files("."), nil
}
