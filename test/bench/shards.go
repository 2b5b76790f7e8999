package main

import (
	"context"
	"fmt"
)

// Reuse is a run of many shards that were all done before.
type Reuse struct {
	Shards int    `json:"shards"`
	Store  string `json:"store"` // "folder", or "MinIO, 20 ms away"
	First  Cost   `json:"first"`
	Again  []Cost `json:"again"`
	Plan   []Cost `json:"plan"` // of gymline plan, which answers the same question and does nothing
}

// sharded generates one session in each shard, with the stand-in.
func sharded(shards int) string {
	return fmt.Sprintf(`apiVersion: gymline/v1alpha1
kind: Experiment
metadata: {name: shards}
spec:
  inputs: {samples: {path: samples}}
  models: {sim: {provider: sim}}
  generate:
    scenes: {seeds: {input: samples, path: seeds.yaml}, model: sim, count: %d}
    shards: %d
    sessions: 1
    models: {user: sim, environment: sim, agent: sim}
`, shards, shards)
}

// measureReuse runs many shards, then the same again.
func (b *bencher) measureReuse(ctx context.Context, shards int, far bool) (r Reuse, err error) {
	r = Reuse{Shards: shards, Store: "folder"}
	w, err := newWorkshop(files{"shards.yaml": sharded(shards)})
	if err != nil {
		return r, err
	}
	defer w.close()
	var profile []string
	if far {
		r.Store = "MinIO, 20 ms away"
		store, err := startSlowStore(ctx, b.minio, w)
		if err != nil {
			return r, err
		}
		defer store.close()
		profile = []string{"--profile", "profile.yaml"}
	}
	if r.First, _, err = w.run(ctx, b.gymline, append([]string{"run", "shards.yaml"}, profile...)...); err != nil {
		return r, err
	}
	if r.Again, err = w.repeat(ctx, b.repeat, b.gymline, append([]string{"run", "shards.yaml"}, profile...)...); err != nil {
		return r, err
	}
	r.Plan, err = w.repeat(ctx, b.repeat, b.gymline, append([]string{"plan", "shards.yaml"}, profile...)...)
	return r, err
}
