package gc_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing/fstest"
	"time"

	"github.com/gymline/gymline/internal/audit/gc"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// Times of the model.
const (
	grace     = 60 * time.Second
	lookEvery = 20 * time.Second
	sweepFor  = 10 * time.Second
)

// input is what there is to store: few things, so that they are needed again and again.
func input(n int) fstest.MapFS {
	return fstest.MapFS{"common": {Data: []byte("common")}, "own": {Data: fmt.Appendf(nil, "own %d", n)}, "more": {Data: fmt.Appendf(nil, "more %d", n/2)}}
}

// planned is a plan of two shards, of which others may have one or both.
func planned(n int) *plan.Plan {
	share := func(work int) plan.Share { return plan.Share{Params: fmt.Appendf(nil, `{"work":%d}`, work)} }
	return &plan.Plan{Version: plan.Version, Experiment: "x", Digest: "d", Steps: []plan.Step{{Name: "make", Job: "make", Shards: 2, Each: []plan.Share{share(n), share(10 + n/2)}}}}
}

func (a *actor) opened(ctx context.Context) (*store.Store, error) {
	w, err := gc.Watch(ctx, turning{a, a.m.bucket}, a.clock(), lookEvery)
	if err != nil {
		return nil, err
	}
	a.open = append(a.open, w.Bucket())
	st := store.New(w.Bucket())
	_, err = st.Withdrawals(ctx) // which it reads once, under a lock that a bubble cannot see through
	return st, err
}

// nap lets time pass, in which its processes look for removals. One that is suspended does
// not look.
func (a *actor) nap(ctx context.Context) error {
	a.m.mu.Lock()
	whole, suspended := time.Duration(a.m.rng.IntN(200))*time.Second, a.m.rng.IntN(8) == 0
	often := a.m.rng.IntN(3) > 0
	a.m.mu.Unlock()
	if often {
		return nil
	}
	if suspended {
		return a.clock().Sleep(ctx, whole)
	}
	for ; whole > 0; whole -= lookEvery / 2 {
		if err := a.clock().Sleep(ctx, min(whole, lookEvery/2)); err != nil {
			return err
		}
		for _, b := range a.open {
			if _, err := b.Stat(ctx, "runs/none"); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
	}
	return nil
}

// work is a whole run: inputs, record, shards that are found or done, and seal. It looks
// ahead before it opens, and does not look again.
func (a *actor) work(ctx context.Context, id store.RunID, n int, known store.Known) error {
	st, err := a.opened(ctx)
	if err != nil {
		return err
	}
	in, err := st.PutTree(ctx, input(n), store.Intake{Known: known})
	if err != nil {
		return err
	}
	p := planned(n)
	raw, err := p.Encode()
	if err != nil {
		return err
	}
	var works [2]store.WorkKey
	for shard := range works {
		if works[shard], err = p.Steps[0].WorkKey(0, shard, nil); err != nil {
			return err
		}
	}
	ahead, err := job.FindMemos(ctx, st, works[:]...)
	if err != nil {
		return err
	}
	steps := []func() error{
		func() error {
			return st.CreateRun(ctx, store.Run{ID: id, Experiment: "x", Plan: store.DigestOf(raw), Inputs: map[string]store.Tree{"in": in}, Created: store.Stamp(a.m.time())})
		},
		func() error { return st.PutPlan(ctx, id, raw) },
	}
	for shard := range works {
		steps = append(steps, func() error { return a.shard(ctx, st, id, shard, works[shard], ahead[works[shard]]) })
	}
	steps = append(steps, func() error { return seal(ctx, st, id) })
	for _, step := range steps {
		if err := a.nap(ctx); err != nil {
			return err
		}
		if err := step(); err != nil {
			return err
		}
	}
	a.m.state.Lock()
	defer a.m.state.Unlock()
	a.m.sealed[id] = true
	return nil
}

func seal(ctx context.Context, st *store.Store, id store.RunID) error {
	b := store.Binding{Format: 1, Run: id}
	keys, err := st.BoundKeys(ctx, id)
	for i := 0; i < len(keys) && err == nil; i++ {
		var bound store.Bound
		bound, err = st.Bind(ctx, keys[i])
		b.Records = append(b.Records, bound)
	}
	if err != nil {
		return err
	}
	data, _ := json.Marshal(b)
	d, err := st.PutBlob(ctx, data)
	if err != nil {
		return err
	}
	return st.SealRun(ctx, store.Seal{Run: id, State: store.Succeeded, Binding: d})
}

// shard is found or done, by a process of its own where nobody looked ahead.
func (a *actor) shard(ctx context.Context, st *store.Store, id store.RunID, shard int, work store.WorkKey, memo *store.Step) error {
	if memo == nil {
		child, err := a.opened(ctx)
		if err != nil {
			return err
		}
		memos, err := job.FindMemos(ctx, child, work)
		if err != nil {
			return err
		}
		st, memo = child, memos[work]
		if err := a.nap(ctx); err != nil {
			return err
		}
	}
	if memo != nil {
		rec := *memo
		rec.Run, rec.Shard, rec.Reused = id, shard, true
		return st.CommitStep(ctx, rec)
	}
	rec, err := a.do(ctx, st, id, shard, work)
	if err != nil {
		return err
	}
	if err := st.PutMemo(ctx, rec); err != nil {
		return err
	}
	return st.CommitStep(ctx, rec)
}

// do does a shard: a training, of which no other has the like, and its export.
func (a *actor) do(ctx context.Context, st *store.Store, id store.RunID, shard int, work store.WorkKey) (store.Step, error) {
	rec := store.Step{Run: id, Step: "make", Shard: shard, WorkKey: work, Stored: map[store.Digest]int64{}, Published: "set"}
	var files []store.Published
	for _, name := range []string{"out.jsonl", plan.CheckpointOutput} {
		text := "of " + string(work)
		if name == plan.CheckpointOutput {
			t, err := st.PutTree(ctx, fstest.MapFS{"weights": {Data: fmt.Appendf(nil, "weights of %s/%d", id, shard)}}, store.Intake{Anew: true})
			if err != nil {
				return rec, err
			}
			text = fmt.Sprintf(`{"tree":%q,"files":1}`, t.Digest)
		}
		w := st.NewBlob()
		defer w.Discard()
		fmt.Fprint(w, text)
		d, err := w.Commit(ctx)
		if err != nil {
			return rec, err
		}
		artifact := store.Artifact{Name: name, Digest: d, Bytes: int64(len(text))}
		rec.Outputs, rec.Stored[d] = append(rec.Outputs, artifact), w.Stored()
		files = append(files, store.Published{Artifact: artifact, Blob: w})
		if err := a.nap(ctx); err != nil {
			return rec, err
		}
	}
	return rec, st.Publish(ctx, "set", files)
}
