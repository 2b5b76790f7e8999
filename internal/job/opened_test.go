package job_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/job/jobtest"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// A counting bucket counts what is read of it, by key.
type counting struct {
	store.Bucket
	mu   sync.Mutex
	read map[string]int
}

func (c *counting) count(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read[key]++
}

func (c *counting) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	c.count(key)
	return c.Bucket.Get(ctx, key)
}

func (c *counting) Stat(ctx context.Context, key string) (int64, error) {
	c.count(key)
	return c.Bucket.Stat(ctx, key)
}

// taken returns the counts and begins anew.
func (c *counting) taken() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() { c.read = map[string]int{} }()
	return maps.Clone(c.read)
}

// line is a run of three steps: "make" and "split" with so many shards each, and
// "join", which reads both of a shard's outputs. All of "make" and "split" read
// one folder.
func line(t *testing.T, shards int) (*store.Store, *counting, *plan.Plan) {
	t.Helper()
	bucket := &counting{Bucket: store.NewMem(), read: map[string]int{}}
	s := store.New(bucket)
	tree, err := s.PutTree(t.Context(), fstest.MapFS{"a/x": {Data: []byte("x")}, "a/y": {Data: []byte("y")}, "b": {Data: []byte("b")}}, store.Intake{})
	if err != nil {
		t.Fatal(err)
	}
	made := []plan.Input{{Name: "left", Step: "make", Output: "left"}, {Name: "right", Step: "make", Output: "right"}}
	reads := plan.Share{Params: []byte(`{}`), Sources: []plan.File{{Input: "samples", Path: "a"}}}
	return s, bucket, &plan.Plan{Version: plan.Version, Experiment: "line", Seed: 7, Inputs: map[string]store.Digest{"samples": tree.Digest}, Steps: []plan.Step{
		{Name: "make", Job: "make", Format: 1, Shards: shards, Share: reads},
		{Name: "split", Job: "split", Format: 1, Shards: shards, Share: reads, Inputs: made},
		{Name: "join", Job: "join", Format: 1, Shards: 1, Share: plan.Share{Params: []byte(`{}`)}, Inputs: append(made, plan.Input{Name: "split", Step: "split", Output: "left"})},
	}}
}

// open opens a run of the plan.
func open(t *testing.T, s *store.Store, p *plan.Plan, id store.RunID, fresh bool) *job.Opened {
	t.Helper()
	raw, err := p.Encode()
	if err := errors.Join(err, s.CreateRun(t.Context(), store.Run{ID: id, Experiment: p.Experiment, Fresh: fresh}), s.PutPlan(t.Context(), id, raw)); err != nil {
		t.Fatal(err)
	}
	o, err := job.Open(t.Context(), s, id)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// pair writes two outputs.
func pair(_ context.Context, t *job.Task) error {
	for _, name := range []string{"left", "right"} {
		if err := t.Create(name, job.JSONL).Row(fmt.Sprint(name, t.Step.Name, t.Shard)); err != nil {
			return err
		}
	}
	return nil
}

// do does a shard by pair.
func do(t *testing.T, o *job.Opened, s *store.Store, step store.StepName, shard int) store.Step {
	t.Helper()
	env := job.Env{Store: s, Models: jobtest.NoModels, Log: slog.New(slog.DiscardHandler), Events: &events{}, Now: func() time.Time { return time.Unix(1, 0) }}
	rec, err := o.Do(t.Context(), env, map[string]job.Func{"make": pair, "split": pair, "join": pair}, job.Shard{Step: step, Shard: shard})
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// A process reads its run, plan, inputs and the records of the steps before once,
// however many shards it does and however many outputs of a step they read.
func TestAProcessReadsOnce(t *testing.T) {
	const shards = 5
	s, bucket, p := line(t, shards)
	open(t, s, p, "line-1", false)
	bucket.taken()
	for _, step := range []store.StepName{"make", "split", "join"} {
		o, err := job.Open(t.Context(), s, "line-1")
		if err != nil {
			t.Fatal(err)
		}
		for shard := range p.Step(step).Shards {
			do(t, o, s, step, shard)
		}
		for key, n := range bucket.taken() {
			if n > 1 {
				t.Errorf("%s read %s %d times", step, key, n)
			}
		}
	}
}

// What is looked up of many keys is what is looked up of each; an output that
// shards have in common is looked up once.
func TestFindMemos(t *testing.T) {
	s, bucket, p := line(t, 40)
	o := open(t, s, p, "line-1", false)
	var keys []store.WorkKey
	for shard := range 40 {
		rec := do(t, o, s, "make", shard)
		rec.Outputs[1] = store.Artifact{Name: "right", Digest: store.DigestOf(nil)}
		if shard%4 == 1 {
			rec.Outputs[0].Digest = store.DigestOf([]byte("lost"))
		}
		recorded(t, s, rec)
		keys = append(keys, rec.WorkKey)
	}
	if _, err := s.PutBlob(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	keys = append(keys, store.WorkKey(store.DigestOf([]byte("no work"))))
	bucket.taken()
	all, err := job.FindMemos(t.Context(), s, keys...)
	if err != nil || len(all) != 41 {
		t.Fatalf("%d of 41: %v", len(all), err)
	}
	for key, n := range bucket.taken() {
		if n > 1 {
			t.Errorf("%s was asked for %d times", key, n)
		}
	}
	for i, key := range keys {
		one, err := job.FindMemos(t.Context(), s, key)
		known := i < 40 && i%4 != 1
		if err != nil || (one[key] != nil) != known || (all[key] != nil) != known || known && all[key].Shard != i {
			t.Errorf("shard %d: alone %v, of all %v (%v)", i, one[key], all[key], err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := job.FindMemos(ctx, s, keys...); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// The lowest shard whose record is missing is named, though many are read at once.
func TestTheFirstMissingShardIsNamed(t *testing.T) {
	s, _, p := line(t, 100)
	o := open(t, s, p, "line-1", false)
	for shard := range 37 {
		do(t, o, s, "make", shard)
	}
	if _, err := o.Steps(t.Context(), "make"); !errors.Is(err, store.ErrNotFound) || !strings.HasPrefix(err.Error(), "shard 37: ") {
		t.Error(err)
	}
	for shard := 37; shard < 100; shard++ {
		do(t, o, s, "make", shard)
	}
	if records, err := o.Steps(t.Context(), "make"); err != nil || len(records) != 100 || records[99].Shard != 99 {
		t.Errorf("%d records: %v", len(records), err)
	}
}
