package oms

import (
	"context"
	"crypto"
	"slices"

	"github.com/gymline/gymline/internal/audit/sign"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// Leaves reports whether what a record tells of leaves a run: an export or a checkpoint.
func Leaves(rec *store.Step) bool {
	return rec != nil && (rec.Published != "" || slices.ContainsFunc(rec.Outputs, func(a store.Artifact) bool { return a.Name == plan.CheckpointOutput }))
}

// StatementOf is that over the files of a step, as 'gymline fetch' writes them; nil: it has none.
func StatementOf(ctx context.Context, st *store.Store, id store.RunID, step store.StepName) ([]byte, error) {
	files, err := run.Files(ctx, st, id, step)
	if err != nil {
		return nil, err
	}
	return Of(string(step), files)
}

// Run signs each export and checkpoint of a run, with a key that the specification knows,
// and returns the steps that made them. A bundle that is there is not added again.
func Run(ctx context.Context, st *store.Store, id store.RunID, key crypto.Signer) (steps []string, added bool, err error) {
	if !Supports(key.Public()) {
		return nil, false, nil
	}
	r, err := run.Read(ctx, st, id)
	if err != nil {
		return nil, false, err
	}
	for _, step := range r.Steps {
		if !slices.ContainsFunc(step.Shards, func(s run.Shard) bool { return Leaves(s.Record) }) {
			continue
		}
		statement, err := StatementOf(ctx, st, id, step.Name)
		if err != nil {
			return steps, added, err
		}
		if statement == nil {
			continue
		}
		data, err := Sign(statement, key)
		if err != nil {
			return steps, added, err
		}
		now, err := sign.Add(ctx, st, id, data)
		if err != nil {
			return steps, added, err
		}
		steps, added = append(steps, string(step.Name)), added || now
	}
	return steps, added, nil
}

// Last is the newest bundle over the files of a step; nil: there is none.
func Last(ctx context.Context, st *store.Store, id store.RunID, step store.StepName) (last []byte, err error) {
	keys, err := st.SignatureKeys(ctx, id)
	if err != nil {
		return nil, err
	}
	newest := 0
	for _, key := range keys {
		data, err := st.ReadObject(ctx, key)
		if err != nil {
			return nil, err
		}
		if !IsBundle(data) {
			continue
		}
		b, err := Read(data)
		if err != nil || b.Name() != string(step) { // verify tells of one that is no bundle
			continue
		}
		if n := store.SignatureNumber(key); n > newest {
			newest, last = n, data
		}
	}
	return last, nil
}
